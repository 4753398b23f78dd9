"""Events that wait. Each is claimed and marked in the transaction that stores what it means."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.store.database import Database
from backend.store.tables import SqlEvent


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it came; `id` is in order of arrival."""

    id: int
    action: str
    payload: dict[str, Any]
    received_at: datetime


def pending_ids(database: Database, project_id: int | None, *, limit: int) -> Sequence[int]:
    """Return unprocessed events of one project in order of arrival; None: of those that name no project."""
    with database.read() as session:
        query = select(SqlEvent.id).where(SqlEvent.processed_at.is_(None), SqlEvent.project_id == project_id)
        return session.scalars(query.order_by(SqlEvent.id).limit(limit)).all()


def newest_pending(
    database: Database, project_id: int | None, *, actions: Collection[str]
) -> StoredEvent | None:
    """Return the last unprocessed event of these actions; None where there is none."""
    with database.read() as session:
        query = select(SqlEvent).where(SqlEvent.processed_at.is_(None), SqlEvent.project_id == project_id)
        row = session.scalar(query.where(SqlEvent.action.in_(actions)).order_by(SqlEvent.id.desc()).limit(1))
        return _to_entity(row) if row else None


def read_event(database: Database, event_id: int) -> StoredEvent | None:
    """Return the event; None where there is none of that id."""
    with database.read() as session:
        row = session.get(SqlEvent, event_id)
        return _to_entity(row) if row else None


def projects_with_pending(database: Database) -> list[int | None]:
    """Return the projects that have unprocessed events."""
    with database.read() as session:
        return list(
            session.scalars(select(SqlEvent.project_id).where(SqlEvent.processed_at.is_(None)).distinct())
        )


def claim_event(session: Session, event_id: int) -> bool:
    """Take an event within the transaction that processes it; False where another one has done so."""
    query = select(SqlEvent.id).where(SqlEvent.id == event_id, SqlEvent.processed_at.is_(None))
    return session.scalar(query.with_for_update()) is not None


def note_attempt(session: Session, event_id: int) -> int:
    """Count one more attempt at an event; return how many there were."""
    session.execute(update(SqlEvent).where(SqlEvent.id == event_id).values(attempts=SqlEvent.attempts + 1))
    return session.scalar(select(SqlEvent.attempts).where(SqlEvent.id == event_id)) or 0


def mark_processed(session: Session, event_id: int, *, now: datetime, error: str | None = None) -> None:
    """Note that an event was dealt with, and what of it could not be used."""
    session.execute(update(SqlEvent).where(SqlEvent.id == event_id).values(processed_at=now, error=error))


def mark_processed_up_to(
    session: Session,
    project_id: int | None,
    event_id: int,
    *,
    actions: Collection[str],
    now: datetime,
    error: str | None,
) -> int:
    """Mark all unprocessed events of these actions up to one; return how many there were."""
    waiting = (SqlEvent.processed_at.is_(None), SqlEvent.project_id == project_id)
    marked = session.execute(
        update(SqlEvent)
        .where(*waiting, SqlEvent.id <= event_id, SqlEvent.action.in_(actions))
        .values(processed_at=now, error=error)
    )
    return int(marked.rowcount)  # type: ignore[attr-defined]


def _to_entity(row: SqlEvent) -> StoredEvent:
    return StoredEvent(row.id, row.action, row.payload, row.received_at)
