"""`report`: a project's page as one file."""

from pathlib import Path

import typer

from backend.cli.console import open_services, out
from backend.dashboard.report_file import write_report
from backend.errors import BadRequest
from backend.labelstudio.tasks import MAX_ID
from backend.report.build import make_report


def report(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    target: Path = typer.Option(..., "--out", help="The file to write, such as report.html."),
    renew: bool = typer.Option(True, help="Work the figures out now, or take those that the page shows."),
) -> None:
    """Write a project's page as one HTML file that needs no network."""
    with open_services() as services:
        if renew:
            make_report(services, project)
        try:
            write_report(services, project, target)
        except OSError as error:
            raise BadRequest(f"{target} cannot be written: {error.strerror}. Name another file.") from None
    out.print(f"Wrote {target.resolve()} ({target.stat().st_size / 2**20:.1f} MB). Open it in a browser.")
