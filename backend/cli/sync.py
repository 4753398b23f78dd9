"""`sync`: compare the ledger with Label Studio, and repair it."""

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from backend.cli.console import open_services, out
from backend.errors import NotFound
from backend.labelstudio.project_annotations import ProjectAnnotations
from backend.labelstudio.tasks import MAX_ID
from backend.review.entities import FoundBy
from backend.review.sync import ProjectSync
from backend.services import Services
from backend.store.ledger_heads import counts_by_finder
from backend.store.syncs import Sync

_BAR_CHARS = 20


def sync(
    project: int = typer.Option(
        ..., min=1, max=MAX_ID, help="Id of the project: the number in its address in Label Studio."
    ),
    full: bool = typer.Option(False, help="Read all tasks, and not only those that changed since last time."),
) -> None:
    """Compare what is known of a project with Label Studio itself, and repair what differs.

    It may be stopped at any time: the next one goes on where it was.
    """
    with open_services() as services:
        done = _run(services, project, is_full=full)
        if done.gone_at is not None:
            raise NotFound(
                f"Label Studio has no project {project} that the token's user may see; all that is known of "
                "it is marked as deleted, and comes back if a sync finds it again."
            )
        _print(services, done)


def _run(services: Services, project_id: int, *, is_full: bool) -> Sync:
    label_studio = ProjectAnnotations(services.label_studio, project_id)
    columns = (TextColumn("{task.description}"), BarColumn(_BAR_CHARS), MofNCompleteColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        line = bar.add_task("reading tasks", total=None)

        def show(state: Sync) -> None:
            kind = "all tasks" if state.changed_since is None else "changed tasks"
            bar.update(line, description=f"reading {kind}", completed=state.tasks)

        return ProjectSync(services.database, label_studio, project_id, after_page=show).run(is_full=is_full)


def _print(services: Services, done: Sync) -> None:
    finders = counts_by_finder(services.database, done.project_id)
    kind = "all" if done.changed_since is None else "that changed"
    out.print(f"Read {done.tasks} tasks ({kind}) with {done.annotations} annotations.")
    out.print(f"Found by this sync: {done.missing} missing, {done.changed} changed, {done.deleted} deleted.")
    out.print(
        f"Annotations in the ledger: {finders[FoundBy.WEBHOOK]} seen by webhook, "
        f"{finders[FoundBy.SYNC]} found by sync."
    )
    if done.error:
        out.print(f"Note: {done.error}")
