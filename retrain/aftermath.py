"""What follows a run's end. All of it may happen twice, and the worker's sweep makes up for what did not."""

import shutil

import structlog

from backend.errors import AppError, QueueUnavailable
from backend.queue import EVENTS
from backend.registry.prelabel import start_wanted_prelabels
from backend.registry.prune import prune_project
from backend.services import Services
from backend.store.runs import list_runs
from backend.training.entities import TrainingRun
from backend.training.names import ALERTS_JOB, CONSIDER_JOB, run_folder
from retrain.context import now

log = structlog.get_logger(__name__)


def settle_run(services: Services, run: TrainingRun) -> None:
    """Pre-label with a new champion, tidy up, and see whether somebody asked for another run meanwhile."""
    start_wanted_prelabels(services.database, services.queue, now=now())
    try:
        prune_project(services.database, services.artifacts, run.project_id, keep=run.settings.keep_versions)
        remove_leftovers(services)
    except AppError as error:  # what is left over harms nobody, and the next run's end tries again
        log.warning("not_tidied_up", run=run.id, detail=error.message)
    try:
        services.queue.enqueue_once(EVENTS, CONSIDER_JOB, run.project_id)
        services.queue.enqueue_once(EVENTS, ALERTS_JOB)
    except QueueUnavailable as error:
        log.warning("job_not_queued", run=run.id, detail=error.message)


def remove_leftovers(services: Services) -> None:
    """Delete checkpoints and working files of runs that have ended.

    Raises:
        ArtifactError: the artifacts are out of reach.
    """
    kept = services.artifacts.names("runs")
    local = services.settings.data_dir / "runs"
    known = {name.split("/")[1] for name in kept} | {path.name for path in local.glob("*")}
    if not known:
        return
    ended = {run.id for run in list_runs(services.database, limit=10_000) if run.finished_at is not None}
    for run_id in known & ended:
        services.artifacts.delete(run_folder(run_id))
        shutil.rmtree(local / run_id, ignore_errors=True)
