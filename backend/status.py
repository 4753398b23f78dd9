"""What `python -m backend status` shows: the parts, the projects, and counts from the database."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from backend.errors import AppError
from backend.labelstudio.client import translate_errors
from backend.services import Services
from backend.store.database import Database
from backend.store.decisions import read_decision
from backend.store.event_log import count_events
from backend.store.prediction_log import count_predictions
from backend.store.projects import list_projects
from backend.store.runs import active_run
from backend.store.versions import champion_of
from backend.training.progress import state_words


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """One project: is it connected as Label Studio sees it, who serves it, and how much.

    `trained` is the version of its own that serves it, `run` how its active run is, `decision` why a run is
    due or not; each None where there is none.
    """

    project_id: int
    connected: str
    version: str | None
    predictions: int
    failed: int
    events: int
    trained: str | None
    run: str | None
    decision: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """State of each part in words, and one row per project."""

    parts: dict[str, str]
    projects: list[ProjectStatus]


def read_status(services: Services) -> Status:
    """Ask every part; one that does not answer is named and harms no other.

    Raises:
        DatabaseUnavailable: there is nothing to show without it.
    """
    settings = services.settings
    parts = {
        "label studio": _state(lambda: f"{settings.label_studio_url} (version {_version(services)})"),
        "database": services.database.engine.dialect.name,
        "redis": _state(
            lambda: f"{services.queue.worker_count()} workers, waiting jobs: {_lengths(services)}"
        ),
        "weights": _state(lambda: services.pipeline.default_checkpoint().version),
    }
    served = count_predictions(services.database)
    events: Counter[int | None] = Counter()
    for (project_id, _), count in count_events(services.database).items():
        events[project_id] += count
    rows = [
        ProjectStatus(
            project_id=project_id,
            connected=_state(lambda project_id=project_id: _connected(services, project_id)),  # type: ignore[misc]
            version=version,
            predictions=sum(n for (p, _), (n, _) in served.items() if p == project_id),
            failed=sum(f for (p, _), (_, f) in served.items() if p == project_id),
            events=events[project_id],
            trained=_trained(services.database, project_id),
            run=_run(services.database, project_id),
            decision=_decision(services.database, project_id),
        )
        for project_id, version, _ in list_projects(services.database)
    ]
    return Status(parts=parts, projects=rows)


def _trained(database: Database, project_id: int) -> str | None:
    champion = champion_of(database, project_id)
    return champion.version if champion else None


def _run(database: Database, project_id: int) -> str | None:
    run = active_run(database, project_id)
    return f"{run.id}: {state_words(run)}, epoch {run.epoch}/{run.epochs}" if run else None


def _decision(database: Database, project_id: int) -> str | None:
    with database.read() as session:
        decision = read_decision(session, project_id)
    return decision.reason if decision else None


@translate_errors
def _version(services: Services) -> str:
    return str(services.label_studio.sdk.versions.get().release)


@translate_errors
def _connected(services: Services, project_id: int) -> str:
    for backend in services.label_studio.sdk.ml.list(project=project_id):
        if (backend.url or "").rstrip("/") == services.settings.public_url:
            return str(backend.readable_state or "yes")
    return f"no; run connect --project {project_id}"


def _lengths(services: Services) -> str:
    return ", ".join(f"{name} {count}" for name, count in services.queue.lengths().items())


def _state(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except AppError as error:
        return error.message
