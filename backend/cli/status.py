"""`status`: connections, versions and counts."""

from collections.abc import Sequence

from rich.table import Table

from backend.cli.console import open_services, out
from backend.status import ProjectStatus, read_status


def status() -> None:
    """Show connections, model versions, and what was served and received."""
    with open_services() as services:
        state = read_status(services)
    parts = Table(title="Parts", title_justify="left")
    parts.add_column("part")
    parts.add_column("state", overflow="fold")
    for name, text in state.parts.items():
        parts.add_row(name, text)
    projects = Table(title="Projects", title_justify="left")
    for heading in ("project", "connected", "version", "predictions", "failed", "events"):
        projects.add_column(heading, justify="left" if heading in ("connected", "version") else "right")
    for row in state.projects:
        projects.add_row(
            str(row.project_id),
            row.connected,
            row.version or "(none)",
            str(row.predictions),
            str(row.failed),
            str(row.events),
        )
    out.print(parts)
    if state.projects:
        out.print(projects)
        out.print(_retraining(state.projects))
    else:
        out.print("No project has called yet. Connect one: python -m backend connect --project ID")


def _retraining(projects: Sequence[ProjectStatus]) -> Table:
    table = Table(title="Retraining", title_justify="left")
    table.add_column("project", justify="right")
    for heading in ("own model", "active run", "when the next run is due"):
        table.add_column(heading, overflow="fold")
    for row in projects:
        table.add_row(str(row.project_id), row.trained or "-", row.run or "-", row.decision or "-")
    return table
