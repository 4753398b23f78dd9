"""SQLite's one write lock, waited for in a queue of one and in short steps.

SQLite itself sleeps up to 100 ms between two tries, and whoever comes in between goes first: where one
process writes again and again, another waits for seconds, and at last in vain. Here a writer takes a file's
lock first, which it gives back as soon as it has SQLite's: who has just written finds the file locked by
the one that waits, and comes after it.
"""

import fcntl
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

BEGIN_WRITING = "BEGIN IMMEDIATE"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.01
# Share of the time waited so far that the next pause takes: a short wait ends soon, a long one costs little.
_PAUSE_SHARE = 0.05


def begin_writing(connection: Connection, *, timeout: float) -> None:
    """Begin a transaction that holds the write lock.

    Raises:
        sqlalchemy.exc.OperationalError: others held it for `timeout` seconds.
    """
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)  # the engine's dialect
    deadline = time.monotonic() + timeout
    _set_patience(driver, 0)
    try:
        with Path(f"{connection.engine.url.database}.next.lock").open("ab") as turn:
            _try_until(deadline, lambda: _has_turn(turn.fileno()))
            if not _try_until(deadline, lambda: _has_begun(driver)):
                # Once more, through SQLAlchemy, so that its failure is one of SQLAlchemy's.
                connection.exec_driver_sql(BEGIN_WRITING)
    finally:
        _set_patience(driver, timeout)


def _try_until(deadline: float, has_it: Callable[[], bool]) -> bool:
    started = time.monotonic()
    while not has_it():
        now = time.monotonic()
        if now >= deadline:
            return False
        pause = min(max((now - started) * _PAUSE_SHARE, _FIRST_PAUSE), _LONGEST_PAUSE)
        time.sleep(min(pause, deadline - now))
    return True


def _has_turn(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_begun(driver: sqlite3.Connection) -> bool:
    try:
        driver.execute(BEGIN_WRITING)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _set_patience(driver: sqlite3.Connection, seconds: float) -> None:
    driver.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
