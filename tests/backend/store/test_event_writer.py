"""Events of many threads in few transactions: each is stored once, and each caller hears of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from backend.entities import WebhookEvent
from backend.errors import DatabaseUnavailable
from backend.store.database import Database, open_database
from backend.store.event_log import count_events
from backend.store.event_writer import EventWriter

NOW = datetime(2026, 11, 22, tzinfo=UTC)
THREADS = 16


def make(key: str, **payload: Any) -> WebhookEvent:
    return WebhookEvent(key, "TASKS_CREATED", 7, payload)


class HeldWriter:
    """A writer whose first transaction waits until all other events have come."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writer = EventWriter(database)
        self.may_go_on = threading.Event()
        self.has_begun = threading.Event()
        self.sizes: list[int] = []
        from backend.store import event_writer

        original = event_writer.store_events

        def held(database: Database, events: Any) -> list[bool]:
            self.sizes.append(len(events))
            self.has_begun.set()
            assert self.may_go_on.wait(10)
            return original(database, events)

        monkeypatch.setattr(event_writer, "store_events", held)

    def store_at_once(self, first: WebhookEvent, others: list[WebhookEvent]) -> list[bool | Exception]:
        """Store `first`, and while that is under way the others."""
        with ThreadPoolExecutor(len(others) + 1) as pool:
            running = [pool.submit(self.writer.store, first, now=NOW)]
            assert self.has_begun.wait(10)
            for number, other in enumerate(others, start=1):
                running.append(pool.submit(self.writer.store, other, now=NOW))
                while len(self.writer._waiting) < number:
                    threading.Event().wait(0.001)
            self.may_go_on.set()
            return [future.exception() or future.result() for future in running]  # type: ignore[misc]


def test_events_that_come_while_one_is_stored_share_the_next_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldWriter(database, monkeypatch)
    outcomes = held.store_at_once(make("first"), [make(str(number)) for number in range(THREADS)])
    assert outcomes == [True] * (THREADS + 1)
    assert held.sizes == [1, THREADS]
    assert count_events(database) == {(7, "TASKS_CREATED"): THREADS + 1}


def test_of_copies_that_share_a_transaction_one_is_new(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldWriter(database, monkeypatch)
    outcomes = held.store_at_once(make("a"), [make("a"), make("b"), make("b"), make("c")])
    assert outcomes == [True, False, True, False, True]
    assert count_events(database) == {(7, "TASKS_CREATED"): 3}


def test_event_that_cannot_be_stored_spoils_no_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    held = HeldWriter(database, monkeypatch)
    _, good, bad, also_good = held.store_at_once(make("first"), [make("a"), make("b", x=deep), make("c")])
    assert (good, also_good) == (True, True)
    assert isinstance(bad, Exception) and not isinstance(bad, DatabaseUnavailable)
    assert count_events(database) == {(7, "TASKS_CREATED"): 3}


def test_database_that_is_away_is_told_to_all_who_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldWriter(database, monkeypatch)
    with database.write() as session:
        session.execute(text("ALTER TABLE event RENAME TO event_away"))
    if database.engine.dialect.name == "postgresql":
        pytest.skip("a table that is missing is no OperationalError there")
    outcomes = held.store_at_once(make("first"), [make("a"), make("b")])
    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 3
    assert held.sizes == [1, 2]


def test_threads_of_two_processes_lose_and_double_nothing(database_address: str) -> None:
    keys = [str(number) for number in range(200)]
    with (
        closing(open_database(database_address, timeout=10)) as one,
        closing(open_database(database_address, timeout=10)) as other,
        ThreadPoolExecutor(2 * THREADS) as pool,
    ):
        writers = [EventWriter(one), EventWriter(other)]
        running = [
            pool.submit(writer.store, make(key), now=NOW) for key in keys for writer in (*writers, *writers)
        ]
        assert sum(future.result() for future in running) == len(keys)
        assert count_events(one) == {(7, "TASKS_CREATED"): len(keys)}


def test_many_writers_wait_in_short_steps(database_address: str) -> None:
    """Each of eight connections writes forty times; none is left waiting while the others go first."""
    opened = [open_database(database_address, timeout=10) for _ in range(8)]
    waits: list[float] = []

    def note(database: Database) -> None:
        for _ in range(40):
            started = datetime.now(UTC)
            with database.write() as session:
                session.execute(text("UPDATE sync SET cursor = 1"))
            waits.append((datetime.now(UTC) - started).total_seconds())

    with ThreadPoolExecutor(len(opened)) as pool:
        list(pool.map(note, opened))
    for database in opened:
        database.close()
    assert len(waits) == 320
    assert max(waits) < 5
