"""The way to the job queue: RQ on Redis. Jobs are named by text, so the server imports no training code."""

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker

from backend.errors import QueueUnavailable

EVENTS, PREDICT, TRAIN = "events", "predict", "train"
QUEUES = (EVENTS, PREDICT, TRAIN)
_TIMEOUT = 2.0


class JobQueue:
    """Queues of one Redis. Nothing is sent until the first call, so a server starts while Redis is down."""

    def __init__(self, address: str) -> None:
        self.redis = Redis.from_url(address, socket_connect_timeout=_TIMEOUT, socket_timeout=_TIMEOUT)

    def enqueue(self, queue: str, function: str, *arguments: object, job_id: str) -> None:
        """Queue a job once: while one with this id waits or runs, asking again changes nothing.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            Queue(queue, connection=self.redis).enqueue_call(
                function, args=arguments, job_id=job_id, unique=True, result_ttl=0, failure_ttl=86_400
            )
        except RedisError as error:
            raise QueueUnavailable(
                f"Redis does not answer: {error}. The work is done once it is back."
            ) from error

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

    def worker_count(self) -> int:
        """Return how many workers are alive.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        try:
            return int(Worker.count(connection=self.redis))
        except RedisError as error:
            raise QueueUnavailable(f"Redis does not answer: {error}.") from error

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()
