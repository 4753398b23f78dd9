"""Events as they came. Each is committed before Label Studio gets its answer."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select, update

from backend.entities import WebhookEvent
from backend.store.database import Database, insert_ignoring
from backend.store.tables import SqlEvent


def store_event(database: Database, event: WebhookEvent, *, now: datetime) -> bool:
    """Store the event; return False where it was there already.

    Raises:
        DatabaseUnavailable: it is not stored.
    """
    row = {
        "key": event.key,
        "action": event.action,
        "project_id": event.project_id,
        "payload": dict(event.payload),
        "received_at": now,
    }
    with database.write() as session:
        return bool(insert_ignoring(session, _table(), [row]))


def pending_events(
    database: Database, *, actions: Collection[str], project_id: int | None, limit: int
) -> list[tuple[int, str, dict[str, Any]]]:
    """Return (row id, action, payload) of unprocessed events of one project, in order of arrival."""
    with database.read() as session:
        query = (
            select(SqlEvent.id, SqlEvent.action, SqlEvent.payload)
            .where(SqlEvent.processed_at.is_(None), SqlEvent.project_id == project_id)
            .where(SqlEvent.action.in_(actions))
            .order_by(SqlEvent.id)
            .limit(limit)
        )
        return [(row.id, row.action, row.payload) for row in session.execute(query)]


def projects_with_pending(database: Database, *, actions: Collection[str]) -> list[int | None]:
    """Return the projects that have unprocessed events of these actions."""
    with database.read() as session:
        query = select(SqlEvent.project_id).where(SqlEvent.processed_at.is_(None)).distinct()
        return list(session.scalars(query.where(SqlEvent.action.in_(actions))))


def mark_processed(database: Database, event_id: int, *, now: datetime, error: str | None = None) -> None:
    """Note that an event was dealt with, or why it could not be."""
    with database.write() as session:
        session.execute(update(SqlEvent).where(SqlEvent.id == event_id).values(processed_at=now, error=error))


def count_events(database: Database) -> dict[tuple[int | None, str], int]:
    """Return how many events there are by (project id, action)."""
    with database.read() as session:
        query = select(SqlEvent.project_id, SqlEvent.action, func.count()).group_by(
            SqlEvent.project_id, SqlEvent.action
        )
        return {(project_id, action): count for project_id, action, count in session.execute(query)}


def latest_event_id(database: Database, project_id: int) -> int:
    """Return the row id of the project's newest event, 0 where there is none."""
    with database.read() as session:
        return session.scalar(select(func.max(SqlEvent.id)).where(SqlEvent.project_id == project_id)) or 0


def _table() -> Table:
    table = SqlEvent.__table__
    assert isinstance(table, Table)  # narrows the declared type FromClause
    return table
