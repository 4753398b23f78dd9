"""The inbox: an event is stored, then queued, and nothing is lost where Redis or the database is down."""

from typing import Any

import pytest

from backend.errors import BadRequest, DatabaseUnavailable, QueueUnavailable
from backend.review.inbox import PROCESS_JOB, receive_event
from backend.store.database import Database
from backend.store.event_log import count_events

EVENT = {"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "updated_at": "x"}, "project": {"id": 7}}


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


def receive(body: object, database: Database, queue: QueueOfNotes) -> bool:
    return receive_event(body, database=database, queue=queue)  # type: ignore[arg-type]


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

    monkeypatch.setattr("backend.review.inbox.store_event", refuse)
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
