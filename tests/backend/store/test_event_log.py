"""Stored events: each fact once, whatever its payload holds, in order of arrival."""

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy import text as sql

from backend.entities import WebhookEvent
from backend.store.database import Database
from backend.store.event_log import count_events, latest_event_id, store_event
from backend.store.event_queue import (
    claim_event,
    mark_processed,
    newest_pending,
    pending_ids,
    projects_with_pending,
    read_event,
)
from backend.store.tables import SqlEvent

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ACTIONS = ("PROJECT_UPDATED",)


def store(
    database: Database, key: str, *, action: str = ACTIONS[0], project: int | None = 7, **payload: Any
) -> bool:
    return store_event(database, WebhookEvent(key, action, project, payload), now=NOW)


def pending(database: Database, project: int | None = 7, limit: int = 100) -> list[Any]:
    events = [read_event(database, event) for event in pending_ids(database, project, limit=limit)]
    return [event.payload.get("n") for event in events if event]


def test_event_is_stored_once_and_the_first_stays(database: Database) -> None:
    assert store(database, "a", n=1)
    assert not store(database, "a", n=2)
    assert pending(database) == [1]


def test_event_that_arrives_many_times_at_once_is_stored_once(database: Database) -> None:
    start = threading.Barrier(8)
    outcomes: list[bool] = []

    def deliver() -> None:
        start.wait(10)
        outcomes.append(store(database, "a", n=1))

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    assert count_events(database) == {(7, "PROJECT_UPDATED"): 1}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\x00b", id="NUL"),
        pytest.param("🚗 车 é", id="emoji"),
        pytest.param("\ud800", id="half a surrogate pair"),
        pytest.param("' \" \\ \n %s :x", id="quotes"),
        pytest.param("x" * 2_000_000, id="two million characters"),
        pytest.param({"a": [None, True, 1.5, 2**70]}, id="nested"),
        pytest.param({"a\x00": {"🚗": []}}, id="odd keys"),
    ],
)
def test_payload_comes_back_as_it_came(database: Database, value: Any) -> None:
    assert store(database, "a", n=value)
    assert pending(database) == [value]


def test_pending_events_come_in_order_of_arrival_up_to_the_limit(database: Database) -> None:
    for number in range(5):
        store(database, f"key {9 - number}", n=number)
    assert pending(database) == [0, 1, 2, 3, 4]
    assert pending(database, limit=2) == [0, 1]


def test_pending_events_are_of_one_project(database: Database) -> None:
    store(database, "a", project=7, n=1)
    store(database, "b", project=8, n=2)
    store(database, "c", project=None, n=3)
    assert [pending(database, project) for project in (7, 8, None, 9)] == [[1], [2], [3], []]
    assert set(projects_with_pending(database)) == {7, 8, None}


def test_newest_pending_event_is_of_the_actions_asked_for(database: Database) -> None:
    store(database, "a", n=1)
    store(database, "b", n=2)
    store(database, "c", action="ANNOTATION_CREATED", n=3)
    newest = newest_pending(database, 7, actions=ACTIONS)
    assert newest is not None and newest.payload == {"n": 2}
    assert newest_pending(database, 8, actions=ACTIONS) is None


def test_processed_event_is_no_longer_pending_and_keeps_its_error(database: Database) -> None:
    store(database, "a", n=1)
    [row] = pending_ids(database, 7, limit=1)
    with database.write() as session:
        assert claim_event(session, row)
        mark_processed(session, row, now=NOW, error="no such label")
    assert pending(database) == []
    assert projects_with_pending(database) == []
    with database.read() as session:
        event = session.scalars(select(SqlEvent)).one()
        assert (event.processed_at, event.error, event.received_at) == (NOW, "no such label", NOW)


def test_event_is_claimed_by_one_alone(database: Database) -> None:
    store(database, "a", n=1)
    [row] = pending_ids(database, 7, limit=1)
    claimed = []

    def process() -> None:
        with database.write() as session:
            claimed.append(claim_event(session, row))
            mark_processed(session, row, now=NOW)

    threads = [threading.Thread(target=process) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == [False] * 7 + [True]


def test_events_are_counted_by_project_and_action(database: Database) -> None:
    store(database, "a")
    store(database, "b")
    store(database, "c", action="START_TRAINING")
    store(database, "d", project=None)
    assert count_events(database) == {
        (7, "PROJECT_UPDATED"): 2,
        (7, "START_TRAINING"): 1,
        (None, "PROJECT_UPDATED"): 1,
    }


def test_newest_event_of_a_project(database: Database) -> None:
    assert latest_event_id(database, 7) == 0
    store(database, "a")
    first = latest_event_id(database, 7)
    store(database, "b")
    store(database, "c", project=8)
    assert 0 < first < latest_event_id(database, 7) < latest_event_id(database, 8)


def test_project_id_of_63_bits_is_stored(database: Database) -> None:
    store(database, "a", project=2**63 - 1, n=1)
    assert pending(database, 2**63 - 1) == [1]


def test_text_that_came_is_stored_as_it_came(database: Database) -> None:
    text = '{"n": 1.50,  "name": "\\u00e9\\ud800", "n": 2.50}'
    event = WebhookEvent("a", ACTIONS[0], 7, json.loads(text), text)
    assert store_event(database, event, now=NOW)
    assert pending(database) == [2.5]
    with database.read() as session:
        assert session.scalar(sql("SELECT payload FROM event")) in (text, json.loads(text))
