"""Leases on rows that one process works on at a time: jobs and runs.

A process renews the lease while it works. One that was killed stops renewing, and another one takes over;
one that was only slow finds its lease gone and stores nothing more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.orm import Session

from backend.store.base import Leased

LEASE = timedelta(seconds=15)


class LeaseLost(Exception):
    """Another process works on the row by now, or its work has ended: this one must store nothing more."""


Row = TypeVar("Row", bound=Leased)


def is_free(table: type[Row], now: datetime) -> ColumnElement[bool]:
    """Return the condition that no living process works on a row."""
    return or_(table.lease_until.is_(None), table.lease_until < now)


def take_lease(
    session: Session,
    table: type[Row],
    row_id: str,
    *,
    owner: str,
    now: datetime,
    values: dict[str, Any],
    conditions: Sequence[ColumnElement[bool]] = (),
) -> Row | None:
    """Take the lease of an active row and set `values`; None where it ended or another process holds it.

    `conditions` are further ones that the row must meet.
    """
    taken = session.execute(
        update(table)
        .where(table.id == row_id, table.active_project_id.is_not(None), is_free(table, now), *conditions)
        .values(owner=owner, lease_until=now + LEASE, **values)
    )
    return session.get(table, row_id, populate_existing=True) if count_rows(taken) else None


def hold_lease(session: Session, table: type[Row], row_id: str, *, owner: str, now: datetime) -> Row:
    """Return the row, its lease renewed, within a transaction that stores what was done.

    Raises:
        LeaseLost: the lease is another's, or the work has ended.
    """
    held = session.execute(
        update(table)
        .where(table.id == row_id, table.owner == owner, table.active_project_id.is_not(None))
        .values(lease_until=now + LEASE)
    )
    row = session.get(table, row_id, populate_existing=True)
    if row is None or not count_rows(held):
        raise LeaseLost(row_id)
    return row


def count_rows(result: Any) -> int:
    """Return how many rows a statement changed."""
    return int(result.rowcount)  # SQLAlchemy types `execute` by its widest result, which counts no rows
