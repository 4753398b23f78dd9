"""Ask for a run, and bring to the queue what waits in the database."""

from datetime import datetime

import structlog

from backend.errors import NotFound, QueueUnavailable
from backend.queue import EVENTS, TRAIN, JobQueue
from backend.store.database import Database
from backend.store.ledger import hold_project
from backend.store.reviews import check_project
from backend.store.runs import active_run, runs_without_worker
from backend.store.training_requests import note_training_request, projects_with_request
from backend.training.names import CONSIDER_JOB, TRAIN_JOB

log = structlog.get_logger(__name__)


def ask_for_training(database: Database, queue: JobQueue, project_id: int, *, now: datetime) -> None:
    """Note that a run is wanted, and let a worker decide on it; without Redis the sweep brings it.

    Raises:
        NotFound: the project is not known here, or Label Studio no longer has it.
    """
    check_project(database, project_id)
    with database.write() as session:
        if not hold_project(session, project_id):
            raise NotFound(
                f"Label Studio has no project {project_id} any more. If it is there again: "
                f"python -m backend sync --project {project_id}"
            )
        note_training_request(session, project_id, asked_at=now)
    try:
        queue.enqueue_once(EVENTS, CONSIDER_JOB, project_id)
    except QueueUnavailable as error:
        log.warning("training_request_not_queued", project=project_id, detail=error.message)


def queue_run(queue: JobQueue, run_id: str) -> None:
    """Bring a run to a worker; without Redis the sweep does so later."""
    try:
        queue.enqueue_once(TRAIN, TRAIN_JOB, run_id, timeout=None)
    except QueueUnavailable as error:
        log.warning("run_not_queued", run=run_id, detail=error.message)


def queue_waiting_runs(database: Database, queue: JobQueue, *, now: datetime) -> None:
    """Queue runs that no living process works on, the oldest first, whatever project they are of.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    for run in runs_without_worker(database, now=now):
        queue.enqueue_once(TRAIN, TRAIN_JOB, run.id, timeout=None)


def queue_waiting_requests(database: Database, queue: JobQueue) -> None:
    """Let a worker decide on requests whose job was lost; those behind an active run come up at its end.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    for project_id in projects_with_request(database):
        if active_run(database, project_id) is None:
            queue.enqueue_once(EVENTS, CONSIDER_JOB, project_id)
