"""Connections: shared by many writers, cut, or never to be had."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.errors import DatabaseUnavailable, SettingsError
from backend.store.database import Database, open_database
from backend.store.projects import list_projects, store_project

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def store(database: Database, project: int) -> None:
    store_project(database, project, label_config="<View/>", model_version=None, now=NOW)


def test_writers_wait_for_each_other(database: Database) -> None:
    failures: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for project in range(first, first + 10):
                store(database, project)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(n * 10,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [project for project, _, _ in list_projects(database)] == list(range(80))


def test_connection_that_was_cut_is_told_and_the_next_call_works(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no connection that another could cut")
    with pytest.raises(DatabaseUnavailable), database.write() as session:
        own = session.scalar(text("SELECT pg_backend_pid()"))
        with database.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
        session.execute(text("SELECT 1"))
    database.check()


def test_connections_that_were_cut_while_nobody_used_them_harm_nobody(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no connection that another could cut")
    store(database, 1)
    with database.engine.connect() as other:
        cut = "pid <> pg_backend_pid() AND datname = current_database()"
        database.check()
        other.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {cut}"))
    store(database, 2)
    assert len(list_projects(database)) == 2


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("postgresql://user:hunter2@host:five/name", id="a port that is no number"),
        pytest.param("postgresql://user:hunter2@127.0.0.1:1/name?hunter2=1", id="an unknown option"),
    ],
)
def test_address_with_a_slip_is_a_settings_error_that_does_not_show_it(address: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as refused:
        open_database(address, timeout=1)
    assert "hunter2" not in refused.value.message


def in_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "backend.sqlite3"


@pytest.mark.parametrize(
    "place",
    [pytest.param(lambda folder: folder, id="a folder"), pytest.param(in_a_file, id="in a file")],
)
def test_place_that_no_file_can_be_in_is_told(place: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises((DatabaseUnavailable, SettingsError)):
        open_database(f"sqlite:///{place(tmp_path)}", timeout=1)
