"""Requests and runs wait in the database, and come to the queue once."""

from datetime import timedelta

import pytest
from rq import Queue

from backend.errors import NotFound, QueueUnavailable
from backend.queue import EVENTS, TRAIN, JobQueue
from backend.store.database import Database
from backend.store.ledger_tables import SqlSync
from backend.store.runs import claim_run
from backend.store.training_requests import is_training_asked
from backend.training.names import CONSIDER_JOB
from backend.training.request import (
    ask_for_training,
    queue_waiting_requests,
    queue_waiting_runs,
)
from tests.backend.review_rows import PROJECT, store_rows
from tests.backend.training.projects import NOW, begin, end, review


@pytest.fixture
def down() -> JobQueue:
    return JobQueue("redis://127.0.0.1:1")


def jobs_of(queue: JobQueue, name: str) -> list[tuple[str, tuple[object, ...]]]:
    return [(job.func_name, job.args) for job in Queue(name, connection=queue.redis).jobs]


def test_request_is_noted_and_one_job_decides_on_it(database: Database, queue: JobQueue) -> None:
    review(database, [1])
    for _ in range(3):
        ask_for_training(database, queue, PROJECT, now=NOW)
    with database.read() as session:
        assert is_training_asked(session, PROJECT)
    assert jobs_of(queue, EVENTS) == [(CONSIDER_JOB, (PROJECT,))]


def test_request_made_while_redis_is_down_is_found_later(
    database: Database, queue: JobQueue, down: JobQueue
) -> None:
    review(database, [1])
    ask_for_training(database, down, PROJECT, now=NOW)
    queue_waiting_requests(database, queue)
    assert jobs_of(queue, EVENTS) == [(CONSIDER_JOB, (PROJECT,))]


def test_request_behind_an_active_run_is_left_until_its_end(
    database: Database, queue: JobQueue, down: JobQueue
) -> None:
    review(database, [1])
    run_id = begin(database)
    ask_for_training(database, down, PROJECT, now=NOW)
    queue_waiting_requests(database, queue)
    assert jobs_of(queue, EVENTS) == []
    end(database, run_id)
    queue_waiting_requests(database, queue)
    assert jobs_of(queue, EVENTS) == [(CONSIDER_JOB, (PROJECT,))]


def test_unknown_project_cannot_be_asked_for(database: Database, queue: JobQueue) -> None:
    with pytest.raises(NotFound, match="Project 8 is not known here"):
        ask_for_training(database, queue, 8, now=NOW)
    assert jobs_of(queue, EVENTS) == []


def test_project_that_is_gone_cannot_be_asked_for(database: Database, queue: JobQueue) -> None:
    review(database, [1])
    counts = dict.fromkeys(("cursor", "tasks", "annotations", "missing", "changed", "deleted"), 0)
    store_rows(database, SqlSync(project_id=PROJECT, gone_at=NOW, **counts))
    with pytest.raises(NotFound, match="has no project 7 any more"):
        ask_for_training(database, queue, PROJECT, now=NOW)


def test_waiting_runs_are_queued_once_the_oldest_first(database: Database, queue: JobQueue) -> None:
    late = begin(database, project=5, now=NOW + timedelta(minutes=2))
    early = begin(database, project=9, now=NOW)
    worked_on = begin(database, project=6, now=NOW)
    claim_run(database, worked_on, owner="me", now=NOW)
    for _ in range(2):
        queue_waiting_runs(database, queue, now=NOW)
    assert [arguments for _, arguments in jobs_of(queue, TRAIN)] == [(early,), (late,)]


def test_without_redis_the_sweep_hears_of_it(database: Database, down: JobQueue) -> None:
    begin(database)
    with pytest.raises(QueueUnavailable):
        queue_waiting_runs(database, down, now=NOW)
