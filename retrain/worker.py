"""The worker process: `python -m retrain.worker`. Runs jobs of all queues, short ones first."""

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
    worker = Worker([Queue(name, connection=queue.redis) for name in QUEUES], connection=queue.redis)
    worker.work(logging_level="WARNING")


def queue_waiting_events(settings: Settings, queue: JobQueue) -> None:
    """Queue the processing of events that were stored while Redis or the worker was down."""
    database = open_database(settings.database_address, timeout=settings.database_timeout)
    for project_id in projects_with_pending(database, actions=PROJECT_ACTIONS):
        queue.enqueue_once(EVENTS, PROCESS_JOB, project_id)
    database.close()


if __name__ == "__main__":
    main()
