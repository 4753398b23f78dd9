"""Open the database, bring its tables up to date, and hand out transactions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import alembic.command
import alembic.config
from alembic.util import CommandError
from filelock import FileLock, Timeout
from sqlalchemy import Column, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    TimeoutError,
)
from sqlalchemy.orm import Session

from backend.errors import DatabaseUnavailable, SettingsError
from backend.store.base import write_json
from backend.store.sqlite_lock import begin_writing

Item = TypeVar("Item")

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number that no other program uses as an advisory lock in the same PostgreSQL database.
_MIGRATION_LOCK = 7_140_923_001
_MIGRATION_TIMEOUT = 60.0
# Classes of PostgreSQL's error codes: data exception, program limit exceeded.
_VALUE_ERRORS = ("22", "54")
_BAD_ADDRESS = "DATABASE_URL is no address of SQLite or PostgreSQL, such as postgresql://user@host/name."


class Database:
    """Transactions on one database; safe for any number of threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(is_sqlite_writer=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session whose changes, if any, are thrown away.

        Raises:
            DatabaseUnavailable: locked for longer than the timeout, or out of reach.
        """
        with _translated(), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits at the end, or rolls back on an error.

        SQLite takes its write lock at the start, so two writers wait instead of failing half-way.

        Raises:
            DatabaseUnavailable: locked for longer than the timeout, full, or out of reach.
        """
        with _translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def check(self) -> None:
        """Ask the database for an answer.

        Raises:
            DatabaseUnavailable: it gives none.
        """
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(address: str, *, timeout: float) -> Database:
    """Connect, and create or upgrade the tables; many processes may do so at once.

    Args:
        address: SQLAlchemy address, SQLite or PostgreSQL.
        timeout: Seconds to wait for a lock or a connection.

    Raises:
        SettingsError: not the address of such a database.
        DatabaseUnavailable: out of reach, made by a newer version of this program, or another process
            upgrades for over a minute.
    """
    engine = _create_engine(address, timeout)
    try:
        with _translated(), _migration_lock(engine):
            _upgrade(engine)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, ProgrammingError):  # psycopg's word for an option that it does not know
            raise SettingsError(_BAD_ADDRESS) from None
        if isinstance(error, DatabaseError):
            raise DatabaseUnavailable(f"DATABASE_URL names no database of ours: {error.orig}.") from None
        if isinstance(error, CommandError):
            raise DatabaseUnavailable(
                f"The database's tables are of another version of this program: {error}. Run the version "
                "that made them, or name another database in DATABASE_URL."
            ) from None
        raise
    return Database(engine)


def chunks(items: Sequence[Item], size: int = 500) -> Iterator[Sequence[Item]]:
    """Yield the items in runs of at most `size`: a statement takes a limited number of values."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def hold_lock(session: Session, number: int) -> None:
    """Hold a lock until the transaction ends; another transaction that asks for the same number waits.

    SQLite has one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def insert_ignoring(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows, leaving out those whose key is there already; return how many were new."""
    return len(insert_new(session, table, rows, returning=next(iter(table.primary_key.columns))))


def insert_new(
    session: Session, table: Table, rows: Sequence[Mapping[str, Any]], *, returning: Column[Any]
) -> list[Any]:
    """Insert rows, leaving out those whose key is there already; return a column of those that were new."""
    if not rows:
        return []
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).values(list(rows)).on_conflict_do_nothing()
    return list(session.scalars(statement.returning(returning)))


def upsert(session: Session, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, or update the one with its primary key to the same values."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: value for name, value in row.items() if name not in keys}
    statement = dialect.insert(table).values(**row)
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (InterfaceError, OperationalError, TimeoutError) as error:
        # psycopg counts values that do not fit among its operational errors.
        if str(getattr(getattr(error, "orig", None), "sqlstate", None) or "").startswith(_VALUE_ERRORS):
            raise
        # The statement and its values stay out of the message: they may hold anything.
        cause = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
        raise DatabaseUnavailable(
            f"The database does not answer: {cause}. Nothing was stored; try again."
        ) from error


def _create_engine(address: str, timeout: float) -> Engine:
    try:
        url = make_url(address)
        if url.get_backend_name() == "sqlite":
            if url.database in (None, "", ":memory:"):
                raise SettingsError(
                    "DATABASE_URL names a database in memory, which processes cannot share. Name a file."
                )
            _make_folder(Path(url.database).parent)
            engine = create_engine(
                url, connect_args={"timeout": timeout}, hide_parameters=True, json_serializer=write_json
            )
            _prepare_sqlite(engine, timeout)
            return engine
        if url.get_backend_name() == "postgresql":
            # psycopg 3 is the driver that is installed; "postgresql://" alone would ask for psycopg2.
            driver = url.set(drivername="postgresql+psycopg")
            milliseconds = int(timeout * 1000)
            options = f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds}"
            arguments = {"connect_timeout": max(1, int(timeout)), "options": options}
            return create_engine(
                driver,
                connect_args=arguments,
                pool_pre_ping=True,
                pool_timeout=timeout,
                hide_parameters=True,
                json_serializer=write_json,
            )
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        pass  # their words hold parts of the address, and so perhaps of a password
    raise SettingsError(_BAD_ADDRESS)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(f"The folder {folder} for the database cannot be made: {error}.") from None


def _prepare_sqlite(engine: Engine, timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the transaction's kind is chosen in _begin
        # WAL lets readers go on while one writes; FULL keeps each commit over a power cut too.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("is_sqlite_writer"):
            begin_writing(connection, timeout=timeout)
        else:
            connection.exec_driver_sql("BEGIN")


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        try:
            with FileLock(f"{engine.url.database}.migration.lock", timeout=_MIGRATION_TIMEOUT):
                yield
        except Timeout:
            raise DatabaseUnavailable(
                "Another process has been upgrading the database for a minute."
            ) from None
        return
    with engine.connect() as connection:
        for limit in ("lock_timeout", "statement_timeout"):
            connection.execute(text(f"SET {limit} = '{int(_MIGRATION_TIMEOUT)}s'"))
        connection.execute(text(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})"))
        try:
            yield
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})"))


def _upgrade(engine: Engine) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table takes its time
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
