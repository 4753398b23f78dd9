"""Ask for a sync. Apart from the sync itself, so that the server imports none of what it needs."""

import structlog

from backend.errors import QueueUnavailable
from backend.queue import EVENTS, JobQueue

log = structlog.get_logger(__name__)

SYNC_JOB = "retrain.jobs.sync_project"


def ask_for_sync(queue: JobQueue, project_id: int) -> None:
    """Queue a sync of the project unless one waits; without Redis the next worker's start brings it."""
    try:
        queue.enqueue_once(EVENTS, SYNC_JOB, project_id)
    except QueueUnavailable as error:
        log.warning("sync_not_queued", project=project_id, detail=error.message)
