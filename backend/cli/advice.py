"""`advice`: what to do next in a project, and why."""

import typer

from backend.cli.console import open_services, out
from backend.labelstudio.tasks import MAX_ID
from backend.report.advice import Urgency
from backend.report.build import current_report

_WORDS = {Urgency.NOW: "Now", Urgency.SOON: "Soon", Urgency.FINE: "Fine"}


def advice(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
) -> None:
    """Show what to do next, each line with its number and its reason."""
    with open_services() as services:
        report = current_report(services, project)
    title = f" ({report.title})" if report.title else ""
    out.print(f"Project {project}{title}, figures of {report.made_at:%Y-%m-%d %H:%M} UTC")
    for line in report.advice:
        out.print(f"\n{_WORDS[line.urgency]}: {line.todo}.")
        out.print(f"  {line.figure}")
        out.print(f"  {line.reason}")
        if line.command is not None:
            out.print(f"  {line.command}")
