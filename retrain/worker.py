"""The worker process: `python -m retrain.worker [QUEUE ...]`. Runs jobs of all queues, or of those named.

Jobs of one worker run one after the other, so long ones have a worker of their own.
"""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from time import monotonic

import structlog
from redis.exceptions import RedisError
from rq import Queue, Worker
from tenacity import RetryCallState, retry, retry_if_exception_type, wait_exponential

from backend.errors import AppError, QueueUnavailable
from backend.prelabel.start import queue_waiting_jobs
from backend.queue import EVENTS, PREDICT, QUEUES, JobQueue
from backend.registry.prelabel import start_wanted_prelabels
from backend.review.inbox import PROCESS_JOB
from backend.review.sync_start import SyncSchedule, queue_all_syncs
from backend.sam.embed_start import queue_waiting_embeddings
from backend.settings import Settings
from backend.start import start_process
from backend.store.database import Database, open_database
from backend.store.event_queue import projects_with_pending
from backend.training.names import ALERTS_JOB, MONTHLY_JOB, REPORTS_JOB, TIDY_JOB
from backend.training.request import queue_waiting_requests, queue_waiting_runs
from backend.training.schedule import TrainingSchedule

log = structlog.get_logger(__name__)

# How often an idle worker looks for lost work. Its time to live in RQ decides how long it waits for a job
# before it looks: that many seconds less 15.
_SWEEP_SECONDS = 10
_WORKER_TTL = 25
_LONG_JOBS_NICE = 10
# How often somebody looks whether there is anything that people should be told of, or to be deleted.
_ALERTS_SECONDS = 300.0
_TIDY_SECONDS = 3600.0
_REPORTS_SECONDS = 60.0
_MONTHS_SECONDS = 900.0
_MONTHS_LIMIT_SECONDS = 1800
_TIDY_LIMIT_SECONDS = 3600


class _SweepingWorker(Worker):
    """Worker that looks now and then for work whose job was lost, as when Redis was down."""

    sweep: Callable[[], None]

    def run_maintenance_tasks(self) -> None:
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        try:
            self.sweep()
        except AppError as error:  # the worker outlives a database or a Redis that is away for a while
            log.warning("sweep_failed", detail=error.message)


def main() -> None:
    """Run jobs until told to stop; wait for Redis where it is down."""
    names = sys.argv[1:] or list(QUEUES)
    if unknown := [name for name in names if name not in QUEUES]:
        sys.exit(f"error: There is no queue {unknown[0]!r}; there are {', '.join(QUEUES)}.")
    _run(start_process("worker"), names)


def _say_waiting(state: RetryCallState) -> None:
    if state.attempt_number == 1:
        log.info("waiting_for_redis")


@retry(
    retry=retry_if_exception_type((QueueUnavailable, RedisError)),
    wait=wait_exponential(min=0.5, max=10),
    after=_say_waiting,
)
def _run(settings: Settings, names: Sequence[str]) -> None:
    # Without a read timeout: the worker waits for jobs on an open connection.
    queue = JobQueue(settings.redis_address, read_timeout=None)
    queue.check()
    with closing(open_database(settings.database_address, timeout=settings.database_timeout)) as database:
        # One kind of worker keeps the times, since each would queue what is due.
        keeper = _Keeper(settings, database, queue) if EVENTS in names else None
        queue_lost_work(database, queue)
        if keeper:
            queue_all_syncs(database, queue)

        def sweep() -> None:
            queue_lost_work(database, queue)
            if keeper:
                keeper.queue_due()

        log.info("worker_ready", queues=",".join(names))
        queues = [Queue(name, connection=queue.redis) for name in names]
        worker = _SweepingWorker(
            queues, connection=queue.redis, maintenance_interval=_SWEEP_SECONDS, worker_ttl=_WORKER_TTL
        )
        worker.sweep = sweep
        _settle_down(is_quick=keeper is not None)
        # The scheduler brings back jobs that failed and may be tried again.
        worker.work(logging_level="WARNING", with_scheduler=True)


class _Keeper:
    """Queues what has its times: syncs, runs by the clock, the look for what people are told, tidying up."""

    def __init__(self, settings: Settings, database: Database, queue: JobQueue) -> None:
        self._settings = settings
        self._database = database
        self._queue = queue
        self._syncs = SyncSchedule(settings.sync_times, now=_local_now())
        self._runs = TrainingSchedule(now=_local_now())
        self._alerts_due = self._tidy_due = self._reports_due = self._months_due = monotonic()

    def queue_due(self) -> None:
        """Queue what has become due since the last look.

        Raises:
            DatabaseUnavailable, QueueUnavailable: one of them does not answer; then it stays due.
        """
        self._syncs.queue_due(self._database, self._queue, now=_local_now())
        self._runs.queue_due(self._database, self._queue, self._settings, now=_local_now())
        if monotonic() >= self._alerts_due:
            self._queue.enqueue_once(EVENTS, ALERTS_JOB)
            self._alerts_due = monotonic() + _ALERTS_SECONDS
        if monotonic() >= self._reports_due:
            self._queue.enqueue_once(EVENTS, REPORTS_JOB)
            self._reports_due = monotonic() + _REPORTS_SECONDS
        if monotonic() >= self._months_due:
            # Like tidying up it may take long, and nobody waits for it.
            self._queue.enqueue_once(PREDICT, MONTHLY_JOB, timeout=_MONTHS_LIMIT_SECONDS)
            self._months_due = monotonic() + _MONTHS_SECONDS
        if monotonic() >= self._tidy_due:
            # Behind nobody's events: it walks through all that ARTIFACT_URL holds.
            self._queue.enqueue_once(PREDICT, TIDY_JOB, timeout=_TIDY_LIMIT_SECONDS)
            self._tidy_due = monotonic() + _TIDY_SECONDS


def _settle_down(*, is_quick: bool) -> None:
    # Each job runs in a copy of this process. Else its first search for garbage would look through all that
    # was imported here, and copy it, in the middle of a transaction.
    gc.collect()
    gc.freeze()
    if not is_quick:
        # Long jobs take what serving and events leave: people wait for those.
        # Set, not added to: this is done again where Redis was away.
        nice = max(_LONG_JOBS_NICE, os.getpriority(os.PRIO_PROCESS, 0))
        os.setpriority(os.PRIO_PROCESS, 0, nice)


def _local_now() -> datetime:
    return datetime.now().astimezone()


def queue_lost_work(database: Database, queue: JobQueue) -> None:
    """Queue events that were stored while Redis or the worker was down, and jobs and runs of killed workers.

    Raises:
        DatabaseUnavailable, QueueUnavailable: one of them does not answer.
    """
    for project_id in projects_with_pending(database):
        queue.enqueue_once(EVENTS, PROCESS_JOB, project_id)
    queue_waiting_jobs(database, queue)
    queue_waiting_embeddings(queue)
    queue_waiting_requests(database, queue)
    queue_waiting_runs(database, queue, now=datetime.now(UTC))
    start_wanted_prelabels(database, queue, now=datetime.now(UTC))


if __name__ == "__main__":
    main()
