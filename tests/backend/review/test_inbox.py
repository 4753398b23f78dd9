"""The inbox: an event is stored, then queued, and nothing is lost where Redis or the database is down."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.errors import BadRequest, DatabaseUnavailable, QueueUnavailable
from backend.queue import EVENTS, JobQueue
from backend.review.inbox import PROCESS_JOB, receive_event
from backend.store.database import Database
from backend.store.event_log import count_events
from backend.store.event_writer import EventWriter

EVENT = {"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "updated_at": "x"}, "project": {"id": 7}}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class QueueOfNotes:
    """Notes what is queued, and how many events were stored by then; fails where told to."""

    def __init__(self, database: Database, *, is_down: bool = False) -> None:
        self.database = database
        self.is_down = is_down
        self.queued: list[tuple[Any, ...]] = []
        self.stored_before: list[int] = []

    def enqueue_once(self, *job: Any) -> None:
        self.stored_before.append(sum(count_events(self.database).values()))
        if self.is_down:
            raise QueueUnavailable("Redis does not answer.")
        self.queued.append(job)


class Clock:
    """A clock that moves on by a fixed step each time that it is read."""

    def __init__(self, step: timedelta) -> None:
        self.time = NOON
        self.step = step

    def now(self, zone: Any) -> datetime:
        self.time += self.step
        return self.time.astimezone(zone)


def receive(body: object, database: Database, queue: QueueOfNotes | JobQueue) -> bool:
    return receive_event(body, events=EventWriter(database), queue=queue)  # type: ignore[arg-type]


def test_event_is_stored_before_its_job_is_queued(database: Database) -> None:
    queue = QueueOfNotes(database)
    assert receive(EVENT, database, queue)
    assert queue.queued == [("events", PROCESS_JOB, 7)]
    assert queue.stored_before == [1]


def test_second_delivery_is_neither_stored_nor_queued(database: Database) -> None:
    queue = QueueOfNotes(database)
    assert [receive(EVENT, database, queue) for _ in range(3)] == [True, False, False]
    assert len(queue.queued) == 1
    assert count_events(database) == {(7, "ANNOTATION_CREATED"): 1}


def test_event_is_kept_while_redis_is_down(database: Database) -> None:
    assert receive(EVENT, database, QueueOfNotes(database, is_down=True))
    assert count_events(database) == {(7, "ANNOTATION_CREATED"): 1}


def test_event_that_could_not_be_stored_is_not_queued(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> bool:
        raise DatabaseUnavailable("locked")

    monkeypatch.setattr("backend.store.event_writer.store_events", refuse)
    queue = QueueOfNotes(database)
    with pytest.raises(DatabaseUnavailable):
        receive(EVENT, database, queue)
    assert queue.queued == []


@pytest.mark.parametrize("body", [None, [], {"project": {"id": 7}}])
def test_what_is_no_event_is_neither_stored_nor_queued(database: Database, body: object) -> None:
    queue = QueueOfNotes(database)
    with pytest.raises(BadRequest):
        receive(body, database, queue)
    assert (count_events(database), queue.queued) == ({}, [])


def test_storm_of_training_requests_is_stored_once_a_second_and_queued_once(
    database: Database, redis_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.review.inbox.datetime", Clock(timedelta(milliseconds=5)))
    with closing(JobQueue(redis_address)) as queue:
        queue.redis.flushall()
        asks = (
            {"action": "START_TRAINING", "project": {"id": 7, "total_annotations_number": number}}
            for number in range(1000)
        )
        stored = [receive(ask, database, queue) for ask in asks]
        assert queue.lengths()[EVENTS] == 1
    # 1000 steps of 5 ms begin five seconds, and touch a sixth.
    assert (sum(stored), stored[0]) == (6, True)
    assert count_events(database) == {(7, "START_TRAINING"): 6}
