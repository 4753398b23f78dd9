"""Migrations: they make the tables that the code expects, on both databases, and can be taken back."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from backend.errors import DatabaseUnavailable
from backend.store import ledger_tables, report_tables, training_tables
from backend.store.base import SqlBase
from backend.store.database import Database, open_database

ROOT = Path(__file__).resolve().parents[3]
# Imported, so that the metadata know all tables.
TABLES = (ledger_tables, report_tables, training_tables)
OPEN = """
import sys
from backend.store.database import open_database
print("ready", flush=True)
sys.stdin.readline()
open_database(sys.argv[1], timeout=30).close()
"""


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def migrate(database: Database, command: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "backend/store/migrations"))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command(config, revision)


@contextmanager
def process(address: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that opens the database as soon as it gets a line."""
    command = [sys.executable, "-c", OPEN, address]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def test_migrations_make_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SqlBase.metadata) == []


def test_constraints_and_indexes_bear_the_names_of_the_convention(database: Database) -> None:
    found = inspect(database.engine)
    for table in SqlBase.metadata.tables.values():
        assert found.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"
        unique = {constraint["name"] for constraint in found.get_unique_constraints(table.name)}
        indexes = {index["name"] for index in found.get_indexes(table.name)}
        assert {index.name for index in table.indexes} <= indexes
        assert all(name.startswith(f"uq_{table.name}") for name in unique)
    assert {c["name"] for c in found.get_unique_constraints("event")} == {"uq_event_key"}


def test_every_migration_can_be_taken_back_and_applied_again(database: Database) -> None:
    before = tables(database)
    assert set(SqlBase.metadata.tables) <= before
    migrate(database, alembic.command.downgrade, "base")
    assert tables(database) == {"alembic_version"}
    migrate(database, alembic.command.upgrade, "head")
    assert tables(database) == before


def test_opening_a_database_again_changes_nothing(database: Database, database_address: str) -> None:
    with closing(open_database(database_address, timeout=5)) as again:
        assert tables(again) == tables(database)


def test_tables_of_a_newer_version_are_left_alone_and_the_message_says_so(database_address: str) -> None:
    with closing(open_database(database_address, timeout=5)) as database:
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnavailable, match="another version.*9999"):
        open_database(database_address, timeout=5)


def test_two_processes_may_open_a_new_database_at_once(database_address: str) -> None:
    with process(database_address) as first, process(database_address) as second:
        for one in (first, second):
            assert one.stdout is not None and one.stdout.readline() == "ready\n", one.communicate()
        for one in (first, second):
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        errors = [one.communicate(timeout=60)[1] for one in (first, second)]
        assert [(one.returncode, said) for one, said in zip((first, second), errors, strict=True)] == [
            (0, "")
        ] * 2
    with closing(open_database(database_address, timeout=5)) as database:
        assert set(SqlBase.metadata.tables) <= tables(database)


@pytest.mark.parametrize("command", [["current"], ["check"]], ids=" ".join)
def test_alembics_command_line_works_on_our_database(
    database_address: str, command: list[str], tmp_path: Path
) -> None:
    open_database(database_address, timeout=5).close()
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": database_address, "DATA_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-m", "alembic", *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "(head)" in run.stdout or "No new upgrade operations" in run.stdout
