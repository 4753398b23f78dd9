"""The worker process: `python -m retrain.worker`. Runs jobs of all queues, short ones first."""

from collections.abc import Callable

import structlog
from redis.exceptions import RedisError
from rq import Queue, Worker
from tenacity import RetryCallState, retry, retry_if_exception_type, wait_exponential

from backend.errors import QueueUnavailable
from backend.queue import EVENTS, QUEUES, JobQueue
from backend.review.inbox import PROCESS_JOB
from backend.review.ingest import PROJECT_ACTIONS
from backend.settings import Settings
from backend.start import start_process
from backend.store.database import open_database
from backend.store.event_log import projects_with_pending

log = structlog.get_logger(__name__)

_SWEEP_SECONDS = 60


class _SweepingWorker(Worker):
    """Worker that looks now and then for events whose job was lost, as when Redis was down."""

    sweep: Callable[[], None]

    def run_maintenance_tasks(self) -> None:
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        self.sweep()


def main() -> None:
    """Run jobs until told to stop; wait for Redis where it is down."""
    _run(start_process("worker"))


def _say_waiting(state: RetryCallState) -> None:
    if state.attempt_number == 1:
        log.info("waiting_for_redis")


@retry(
    retry=retry_if_exception_type((QueueUnavailable, RedisError)),
    wait=wait_exponential(min=0.5, max=10),
    after=_say_waiting,
)
def _run(settings: Settings) -> None:
    # Without a read timeout: the worker waits for jobs on an open connection.
    queue = JobQueue(settings.redis_address, read_timeout=None)
    queue.check()
    queue_waiting_events(settings, queue)
    log.info("worker_ready", queues=",".join(QUEUES))
    queues = [Queue(name, connection=queue.redis) for name in QUEUES]
    worker = _SweepingWorker(queues, connection=queue.redis, maintenance_interval=_SWEEP_SECONDS)
    worker.sweep = lambda: queue_waiting_events(settings, queue)
    # The scheduler brings back jobs that failed and may be tried again.
    worker.work(logging_level="WARNING", with_scheduler=True)


def queue_waiting_events(settings: Settings, queue: JobQueue) -> None:
    """Queue the processing of events that were stored while Redis or the worker was down."""
    database = open_database(settings.database_address, timeout=settings.database_timeout)
    for project_id in projects_with_pending(database, actions=PROJECT_ACTIONS):
        queue.enqueue_once(EVENTS, PROCESS_JOB, project_id)
    database.close()


if __name__ == "__main__":
    main()
