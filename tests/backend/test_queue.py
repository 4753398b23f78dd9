"""The job queue on a real Redis: one waiting job of a kind, and a clear word where Redis is down."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rq import Queue
from rq.job import JobStatus

from backend.errors import QueueUnavailable
from backend.queue import EVENTS, TRAIN, JobQueue

JOB = "retrain.jobs.process_events"


@pytest.fixture
def queue(redis_address: str) -> Iterator[JobQueue]:
    """An empty queue."""
    with closing(JobQueue(redis_address)) as opened:
        opened.redis.flushdb()
        yield opened


@pytest.fixture
def dead_queue(tmp_path: Path) -> Iterator[JobQueue]:
    """A queue whose Redis is not there."""
    with closing(JobQueue(f"unix://{tmp_path}/none.sock")) as opened:
        yield opened


def test_job_is_queued_by_name_with_its_arguments(queue: JobQueue) -> None:
    queue.enqueue_once(EVENTS, JOB, 7)
    [job] = Queue(EVENTS, connection=queue.redis).jobs
    assert (job.func_name, job.args) == (JOB, (7,))


def test_equal_jobs_wait_once(queue: JobQueue) -> None:
    for _ in range(20):
        queue.enqueue_once(EVENTS, JOB, 7)
    assert queue.lengths() == {"events": 1, "predict": 0, "train": 0}


def test_jobs_of_other_arguments_wait_beside_each_other(queue: JobQueue) -> None:
    for project in (7, 8, None, "7"):
        queue.enqueue_once(EVENTS, JOB, project)
    queue.enqueue_once(TRAIN, "retrain.jobs.other", 7)
    assert queue.lengths() == {"events": 4, "predict": 0, "train": 1}


def test_what_comes_after_a_job_has_begun_gets_a_job_of_its_own(queue: JobQueue) -> None:
    queue.enqueue_once(EVENTS, JOB, 7)
    queue.enqueue_once(EVENTS, JOB, 8)
    queue.job_started(JOB, 7)
    queue.enqueue_once(EVENTS, JOB, 7)
    queue.enqueue_once(EVENTS, JOB, 8)
    assert queue.lengths()["events"] == 3


def test_job_that_was_lost_is_replaced(queue: JobQueue) -> None:
    queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    [job] = Queue(TRAIN, connection=queue.redis).jobs
    job.delete()
    queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    assert queue.lengths()["train"] == 1


def test_job_that_was_lost_on_its_way_to_a_worker_is_replaced_after_a_while(queue: JobQueue) -> None:
    queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    Queue(TRAIN, connection=queue.redis).pop_job_id()
    queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    assert queue.lengths()["train"] == 0
    [mark] = queue.redis.keys("waiting:*")
    queue.redis.expire(mark, 86_400 - 301)
    for _ in range(3):
        queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    assert queue.lengths()["train"] == 1
    queue.redis.expire(mark, 1000)
    queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    assert queue.lengths()["train"] == 1


def test_process_killed_before_it_queued_the_job_leaves_no_mark_that_counts(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Queue, "enqueue_call", killed)
        queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    queue.enqueue_once(TRAIN, JOB, 7, timeout=None)
    assert queue.lengths()["train"] == 1


@pytest.mark.parametrize(
    ("state", "jobs"),
    [
        (JobStatus.QUEUED, 1),
        (JobStatus.STARTED, 1),
        (JobStatus.SCHEDULED, 1),
        (JobStatus.FAILED, 2),
        (JobStatus.FINISHED, 2),
    ],
)
def test_job_that_has_failed_or_ended_does_not_wait(queue: JobQueue, state: JobStatus, jobs: int) -> None:
    queue.enqueue_once(EVENTS, JOB, 7)
    waiting = Queue(EVENTS, connection=queue.redis)
    waiting.jobs[0].set_status(state)
    for _ in range(3):
        queue.enqueue_once(EVENTS, JOB, 7)
    assert len(waiting.job_ids) == jobs


def test_mark_goes_away_by_itself(queue: JobQueue) -> None:
    queue.enqueue_once(EVENTS, JOB, 7)
    [mark] = queue.redis.keys("waiting:*")
    assert 0 < queue.redis.ttl(mark) <= 86_400


def test_two_connections_share_the_mark(queue: JobQueue, redis_address: str) -> None:
    with closing(JobQueue(redis_address)) as other:
        queue.enqueue_once(EVENTS, JOB, 7)
        other.enqueue_once(EVENTS, JOB, 7)
        assert other.lengths()["events"] == 1


def test_without_a_worker_none_is_counted(queue: JobQueue) -> None:
    queue.check()
    assert queue.worker_count() == 0


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda queue: queue.enqueue_once(EVENTS, JOB, 7), id="enqueue_once"),
        pytest.param(lambda queue: queue.job_started(JOB, 7), id="job_started"),
        pytest.param(lambda queue: queue.check(), id="check"),
        pytest.param(lambda queue: queue.lengths(), id="lengths"),
        pytest.param(lambda queue: queue.worker_count(), id="worker_count"),
    ],
)
def test_redis_that_is_down_is_told_as_such(dead_queue: JobQueue, use: Callable[[JobQueue], object]) -> None:
    with pytest.raises(QueueUnavailable, match="Redis does not answer"):
        use(dead_queue)
