"""The way to the job queue: RQ on Redis. Jobs are named by text, so the server imports no training code."""

from uuid import uuid4

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry, Worker
from rq.job import Job
from rq.utils import as_text

from backend.errors import QueueUnavailable, SettingsError

EVENTS, PREDICT, TRAIN = "events", "predict", "train"
QUEUES = (EVENTS, PREDICT, TRAIN)
_TIMEOUT = 2.0
# Longer than any job waits: those without a limit wait for each other for hours.
_MARK_SECONDS = 86_400
# As long as a worker may take from a job's place in the queue to its record: one that was killed between the
# two leaves a job that seems to wait and has no place.
_PICK_UP_SECONDS = 300
# States of a job that is past its turn. One that was lost has none.
_OVER = ("finished", "failed", "stopped", "canceled")
_JOB_SECONDS = 180
_NO_TIMEOUT = -1  # RQ's word for it
# RQ stumbles over its own record of a killed run where a job is deleted the moment it is done.
_RESULT_SECONDS = 60
_FAILED_SECONDS = 86_400
_RETRY_SECONDS = [5, 30, 120]


class JobQueue:
    """Queues of one Redis. Nothing is sent until the first call, so a server starts while Redis is down.

    Args:
        address: Of Redis.
        read_timeout: Seconds to wait for an answer; None for a worker, which waits for its next job.

    Raises:
        SettingsError: not the address of a Redis.
    """

    def __init__(self, address: str, *, read_timeout: float | None = _TIMEOUT) -> None:
        try:
            self.redis = Redis.from_url(address, socket_connect_timeout=_TIMEOUT, socket_timeout=read_timeout)
        except ValueError:  # its words hold parts of the address, and so perhaps of a password
            raise SettingsError(
                "REDIS_URL is no address of Redis, such as redis://host:6379/0 or unix:///path/to/socket."
            ) from None

    def enqueue_once(
        self, queue: str, function: str, *arguments: object, timeout: int | None = _JOB_SECONDS
    ) -> None:
        """Queue a job unless an equal one waits already; one that runs over `timeout` seconds is ended.

        The mark of a waiting job is taken away by `job_started`, before the job looks at its work: what
        comes after that look gets a job of its own, so nothing is left lying. The mark names the job, and one
        of a job that was lost, or failed before that look, counts for nothing. Two processes that find such a
        mark at the same moment queue two jobs, which does no harm.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            mark, job_id = _waiting_key(function, arguments), str(uuid4())
            if not self.redis.set(mark, job_id, nx=True, ex=_MARK_SECONDS):
                if self._is_waiting(mark, queue):
                    return
                self.redis.set(mark, job_id, ex=_MARK_SECONDS)
            Queue(queue, connection=self.redis).enqueue_call(
                function,
                args=arguments,
                timeout=timeout or _NO_TIMEOUT,
                result_ttl=_RESULT_SECONDS,
                failure_ttl=_FAILED_SECONDS,
                job_id=job_id,
                retry=Retry(max=3, interval=_RETRY_SECONDS),
            )
        except RedisError as error:
            raise QueueUnavailable(
                f"Redis does not answer: {error}. The work is done once it is back."
            ) from error

    def job_started(self, function: str, *arguments: object) -> None:
        """Take away the mark of a waiting job; the job calls this before anything else.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            self.redis.delete(_waiting_key(function, arguments))
        except RedisError as error:
            raise QueueUnavailable(f"Redis does not answer: {error}.") from error

    def check(self) -> None:
        """Ask Redis for an answer.

        Raises:
            QueueUnavailable: it gives none.
        """
        try:
            self.redis.ping()
        except RedisError as error:
            raise QueueUnavailable(f"Redis does not answer: {error}.") from error

    def lengths(self) -> dict[str, int]:
        """Return how many jobs wait in each queue.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            return {name: Queue(name, connection=self.redis).count for name in QUEUES}
        except RedisError as error:
            raise QueueUnavailable(f"Redis does not answer: {error}.") from error

    def worker_count(self, queue: str | None = None) -> int:
        """Return how many workers are alive: those that listen on `queue`, or all.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            found = Queue(queue, connection=self.redis) if queue else None
            return int(Worker.count(connection=self.redis, queue=found))
        except RedisError as error:
            raise QueueUnavailable(f"Redis does not answer: {error}.") from error

    def _is_waiting(self, mark: str, queue: str) -> bool:
        """Tell whether there is the job that a mark names, and its turn is yet to come."""
        named = self.redis.get(mark)
        state = self.redis.hget(Job.key_for(as_text(named)), "status") if named else None
        if named is None or state is None or as_text(state) in _OVER:
            return False
        is_old = self.redis.ttl(mark) < _MARK_SECONDS - _PICK_UP_SECONDS
        if is_old and as_text(state) == "queued":
            return self.redis.lpos(Queue(queue, connection=self.redis).key, as_text(named)) is not None
        return True

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()


def _waiting_key(function: str, arguments: tuple[object, ...]) -> str:
    return f"waiting:{function}:{arguments}"
