"""`versions`, `promote`, `rollback`: which model serves a project, and how to change that."""

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out, print_table
from backend.errors import BadRequest, DatabaseUnavailable, QueueUnavailable
from backend.labelstudio.tasks import MAX_ID
from backend.queue import PREDICT
from backend.registry.change import Change, promote_version, roll_back, version_of_settings
from backend.registry.entities import SETTINGS_WEIGHTS, ListedVersion
from backend.services import Services
from backend.store.reviews import check_project
from backend.store.versions import get_trained, list_judged
from backend.training.entities import VersionState

_PROJECT = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project.")
_REASON = typer.Option("", help="Why; kept with the change.")
_SERVES, _GONE = "*", "x"
_FIGURES = ("images", "mAP50-95", "mAP50", "F1")


def versions(project: int = _PROJECT) -> None:
    """List the models that were trained for a project, the newest first.

    * marks the one in service, x those whose weights were deleted to save disk.
    """
    with open_services() as services:
        check_project(services.database, project)
        listed = list_judged(services.database, project)
        settings_version = version_of_settings(services, project)
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("no", justify="right", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("state", overflow="fold")
    for heading in _FIGURES:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("from", overflow="fold")
    table.add_column("made", no_wrap=True)
    table.add_column("gate", no_wrap=True)
    numbers = {each.trained.version: each.trained.number for each in listed}
    for each in listed:
        table.add_row(*_row(each, numbers))
    is_served = not any(each.trained.state == VersionState.CHAMPION for each in listed)
    name = settings_version or "(none that fits the labeling config)"
    table.add_row(_SERVES if is_served else "", "", name, SETTINGS_WEIGHTS)
    print_table(table)


def promote(
    version: str = typer.Argument(
        ..., help=f'A version that `versions` lists; "{SETTINGS_WEIGHTS}" for the weights of the settings.'
    ),
    project: int | None = typer.Option(
        None, min=1, max=MAX_ID, help=f"Id of the Label Studio project; needed for {SETTINGS_WEIGHTS} alone."
    ),
    reason: str = _REASON,
) -> None:
    """Put a trained model in service, whatever the gate said of it."""
    with open_services() as services:
        chosen = None if version == SETTINGS_WEIGHTS else version
        if project is None and chosen is None:
            raise BadRequest(f'"{SETTINGS_WEIGHTS}" says nothing of the project; expected --project ID.')
        if project is None:
            project = get_trained(services.database, version).project_id
        _say(services, promote_version(services, project, chosen, reason=reason))


def rollback(project: int = _PROJECT, reason: str = _REASON) -> None:
    """Put the model back in service that served before this one. Once more: the one before that."""
    with open_services() as services:
        _say(services, roll_back(services, project, reason=reason))


def _row(listed: ListedVersion, numbers: dict[str, int]) -> tuple[str, ...]:
    trained = listed.trained
    score = trained.comparison.challenger
    parent = trained.parent or ""
    return (
        _SERVES if trained.state == VersionState.CHAMPION else "" if trained.artifact else _GONE,
        str(trained.number),
        trained.version,
        trained.state,
        str(listed.images),
        *(f"{figure:.3f}" for figure in (score.map50_95, score.map50, score.f1)),
        f"v{numbers[parent]}" if parent in numbers else parent,
        f"{trained.created_at.astimezone():%m-%d %H:%M}",
        listed.verdict or "",
    )


def _say(services: Services, change: Change) -> None:
    name = change.version or f"the weights of the settings ({_settings_version(services, change.project_id)})"
    if not change.is_new:
        out.print(f"Project {change.project_id} is served by {name} already.")
    else:
        out.print(f"Project {change.project_id} is served by {name} now; servers follow within seconds.")
    if change.prelabel_job:
        out.print(
            f"Job {change.prelabel_job} pre-labels the tasks that nobody has annotated. Watch it with: "
            f"python -m backend jobs {change.prelabel_job} --watch"
        )
    elif change.is_prelabel_waiting:
        out.print("Its pre-labelling begins by itself, once a job that runs now has ended.")
    if change.prelabel_job or change.is_prelabel_waiting:
        _say_whether_a_worker_runs(services)


def _settings_version(services: Services, project_id: int) -> str:
    try:
        return version_of_settings(services, project_id) or "none"
    except DatabaseUnavailable:  # the model was changed all the same
        return "of which version cannot be seen now"


def _say_whether_a_worker_runs(services: Services) -> None:
    try:
        if not services.queue.worker_count(PREDICT):
            out.print("No worker is running, so that waits. Start one: make run")
    except QueueUnavailable as error:  # the model was changed all the same
        out.print(f"{error.message} Pre-labelling waits for it.")
