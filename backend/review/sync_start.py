"""When a project is synced: at a worker's start, on a schedule, at first contact, and on request.

The worker's sweep keeps the schedule, and not RQ's own scheduler of repeated jobs (rq.cron): that is one
process more to run, and to run only once. Several workers may all find a sync due: they queue one job.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from croniter import croniter  # type: ignore[import-untyped]

from backend.errors import LabelStudioError
from backend.queue import EVENTS, JobQueue
from backend.review.sync import AnnotatedProject, ProjectSync
from backend.review.sync_request import SYNC_JOB, ask_for_sync
from backend.store.database import Database
from backend.store.syncs import Sync, get_sync, known_projects

log = structlog.get_logger(__name__)


def queue_all_syncs(database: Database, queue: JobQueue) -> None:
    """Queue a sync of every project that has called or was synced, also of those that seem to be gone.

    Raises:
        DatabaseUnavailable, QueueUnavailable: one of them does not answer.
    """
    for sync in known_projects(database):
        queue.enqueue_once(EVENTS, SYNC_JOB, sync.project_id)


class SyncSchedule:
    """The regular syncs, as one worker keeps them.

    Args:
        cron: When, as cron writes it, by this machine's time; None for never.
        now: Aware, of the machine's time zone.
    """

    def __init__(self, cron: str | None, *, now: datetime) -> None:
        self._cron = cron
        self._due_at = self._after(now)

    def queue_due(self, database: Database, queue: JobQueue, *, now: datetime) -> None:
        """Queue the syncs that are due and that no worker has begun; those of projects that are gone never.

        Raises:
            DatabaseUnavailable, QueueUnavailable: one of them does not answer; then they stay due.
        """
        if self._due_at is None or now < self._due_at:
            return
        for sync in known_projects(database):
            begun_since = sync.started_at is not None and sync.started_at >= self._due_at
            if not begun_since and sync.gone_at is None:
                queue.enqueue_once(EVENTS, SYNC_JOB, sync.project_id)
        self._due_at = self._after(now)

    def _after(self, now: datetime) -> datetime | None:
        if self._cron is None:
            return None
        found: datetime = croniter(self._cron, now).get_next(datetime)
        return found


def work_on_sync(
    database: Database,
    queue: JobQueue,
    project: AnnotatedProject,
    project_id: int,
    *,
    is_time_up: Callable[[], bool],
) -> Sync:
    """Sync until time is up, and queue the rest. What Label Studio refuses waits for the next sync.

    Raises:
        LabelStudioError: out of reach; the pass stays in progress, and may go on at once.
    """
    try:
        sync = ProjectSync(database, project, project_id).run(is_time_up=is_time_up)
    except LabelStudioError as error:
        if error.refused_with is None:
            raise
        log.warning("sync_refused", project=project_id, detail=error.message)
        return get_sync(database, project_id)
    if sync.is_running:
        ask_for_sync(queue, project_id)
    return sync
