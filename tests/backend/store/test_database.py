"""Transactions, locks and addresses on both databases; what is refused leaves nothing behind."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError

from backend.entities import Prediction, WebhookEvent
from backend.errors import DatabaseUnavailable, SettingsError
from backend.inference.checkpoint import Checkpoint
from backend.store.database import Database, open_database
from backend.store.event_log import count_events, store_event
from backend.store.prediction_log import count_predictions, store_predictions
from backend.store.projects import list_model_versions, list_projects, store_model_versions, store_project
from tests.backend.servers import free_port

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVENT = WebhookEvent("key", "ACTION", 1, {})
INSERT_PROJECT = text(
    "INSERT INTO project (id, label_config, model_version, updated_at) "
    "VALUES (1, 'x', NULL, '2026-01-01 00:00:00')"
)


def test_transaction_that_fails_leaves_nothing(database: Database) -> None:
    class Stop(Exception):
        pass

    with pytest.raises(Stop), database.write() as session:
        session.execute(INSERT_PROJECT)
        raise Stop
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM project")).scalar() == 0


def test_reading_changes_nothing(database: Database) -> None:
    with database.read() as session:
        session.execute(INSERT_PROJECT)
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM project")).scalar() == 0


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Hold the lock that a writer of events needs."""
    with database.engine.connect() as other:
        if database.engine.dialect.name == "sqlite":
            other.execution_options(is_sqlite_writer=True).begin()
        else:
            other.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
        yield
        other.rollback()


def test_lock_is_waited_for_no_longer_than_the_timeout(database_address: str) -> None:
    with closing(open_database(database_address, timeout=0.3)) as database:
        with locked(database):
            started = time.monotonic()
            with pytest.raises(DatabaseUnavailable) as caught:
                store_event(database, EVENT, now=NOW)
            assert 0.2 < time.monotonic() - started < 5
        assert "Nothing was stored" in caught.value.message
        assert store_event(database, EVENT, now=NOW)


def test_messages_hold_no_statement_and_no_value(database_address: str) -> None:
    with closing(open_database(database_address, timeout=0.1)) as database, locked(database):
        event = WebhookEvent("key", "ACTION", 1, {"token": "secret-value"})
        with pytest.raises(DatabaseUnavailable) as caught:
            store_event(database, event, now=NOW)
    assert "secret-value" not in caught.value.message and "INSERT" not in caught.value.message


def test_readers_go_on_while_one_writes(database: Database) -> None:
    with database.write() as session:
        session.execute(INSERT_PROJECT)
        assert count_events(database) == {}


def test_database_that_is_down_is_unavailable(tmp_path: Path) -> None:
    address = f"postgresql://user:secret-word@127.0.0.1:{free_port()}/none"
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database(address, timeout=1.0)
    assert "secret-word" not in caught.value.message


def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "text.sqlite3"
    path.write_text("this is no database, " * 100)
    with pytest.raises(DatabaseUnavailable):
        open_database(f"sqlite:///{path}", timeout=1.0)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "mysql://user@host/name",
        "oracle://host",
        "http://host",
        "postgresql:host",
        "sqlite//x",
    ],
)
def test_address_of_another_database_is_a_settings_error(address: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        open_database(address, timeout=1.0)


def test_predictions_of_one_request_are_stored_all_or_none(database: Database) -> None:
    whole = Prediction(1, "v1", None, (), 0.5, 0.1)
    broken = Prediction(2, None, None, (), 0.5, 0.1)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        store_predictions(database, [whole, broken], project_id=1, now=NOW)
    assert count_predictions(database) == {}


def test_version_of_the_longest_file_name_can_be_stored(database: Database) -> None:
    checkpoint = Checkpoint(Path(f"{'x' * 252}.pt"), "d" * 64, "detect", ("car",))
    store_model_versions(database, [checkpoint], now=NOW)
    assert list_model_versions(database) == [checkpoint.version]


def test_time_of_another_zone_comes_back_as_the_same_moment_in_utc(database: Database) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=-7)))
    store_project(database, 1, label_config="", model_version=None, now=there)
    [(_, _, found)] = list_projects(database)
    assert (found, found.utcoffset()) == (NOW, timedelta(0))


def test_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        store_project(database, 1, label_config="", model_version=None, now=NOW.replace(tzinfo=None))
