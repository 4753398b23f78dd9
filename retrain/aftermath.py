"""What follows a run's end. All of it may happen twice, and the worker's sweep makes up for what did not."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from backend.errors import AppError, QueueUnavailable
from backend.machine import machine_id
from backend.queue import EVENTS
from backend.registry.prelabel import start_wanted_prelabels
from backend.registry.prune import prune_project
from backend.services import Services
from backend.store.project_settings import project_settings
from backend.store.runs import ended_runs
from backend.store.versions import projects_with_versions
from backend.training.entities import TrainingRun
from backend.training.names import ALERTS_JOB, CONSIDER_JOB, run_folder
from retrain.context import now

log = structlog.get_logger(__name__)

# No file takes so long to write.
_PART_SECONDS = 86_400.0
# Files that processes of a machine leave, and after how many seconds without a change nobody needs them.
# Locks of devices are held as long as a run trains, on whichever machine.
_MARKS = (
    ("serving-*.mark", 86_400.0),
    ("embedding-locks/*.lock", 86_400.0),
    ("devices/*.lock", 30 * 86_400.0),
)


def settle_run(services: Services, run: TrainingRun) -> None:
    """Pre-label with a new champion, tidy up, and see whether somebody asked for another run meanwhile."""
    start_wanted_prelabels(services.database, services.queue, now=now())
    with _logged(run=run.id):
        prune_project(services.database, services.artifacts, run.project_id, keep=run.settings.keep_versions)
        remove_leftovers(services)
    try:
        services.queue.enqueue_once(EVENTS, CONSIDER_JOB, run.project_id)
        services.queue.enqueue_once(EVENTS, ALERTS_JOB)
    except QueueUnavailable as error:
        log.warning("job_not_queued", run=run.id, detail=error.message)


def tidy_up(services: Services) -> None:
    """Delete what nobody needs any more, of all projects: what a run's end, or a killed process, left.

    What cannot be deleted now is logged, and harms nothing else.
    """
    database, artifacts = services.database, services.artifacts
    for project_id in projects_with_versions(database):
        with _logged(project=project_id):
            keep = project_settings(database, project_id, services.settings).keep_versions
            prune_project(database, artifacts, project_id, keep=keep)
    with _logged():
        remove_leftovers(services)
    _remove_marks(services.settings.data_dir)


def remove_leftovers(services: Services) -> None:
    """Delete checkpoints and working files of runs that have ended, and files that were never finished.

    Raises:
        ArtifactError: the artifacts are out of reach.
    """
    local = services.settings.data_dir / "runs"
    known = services.artifacts.folders("runs") | {path.name for path in local.glob("*")}
    for run_id in ended_runs(services.database, known):
        services.artifacts.delete(run_folder(run_id))
        shutil.rmtree(local / run_id, ignore_errors=True)
    services.artifacts.remove_parts(older_than=_PART_SECONDS)


def _remove_marks(data_dir: Path) -> None:
    """Delete what earlier starts of a machine, each with a name of its own, and killed processes left."""
    for pattern, seconds in _MARKS:
        for path in data_dir.glob(pattern):
            with suppress(OSError):
                if machine_id() not in path.name and path.stat().st_mtime < time.time() - seconds:
                    path.unlink()


@contextmanager
def _logged(**of: object) -> Iterator[None]:
    """Log why something was not deleted: what is left over harms nobody, and the next one tries again."""
    try:
        yield
    except AppError as error:
        log.warning("not_tidied_up", detail=error.message, **of)
