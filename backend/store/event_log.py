"""Events as they came. Each is committed before Label Studio gets its answer."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from backend.entities import WebhookEvent
from backend.store.base import JsonText, table_of
from backend.store.database import Database, insert_new
from backend.store.tables import SqlEvent


def store_events(database: Database, events: Sequence[tuple[WebhookEvent, datetime]]) -> list[bool]:
    """Store events with the time each came, all or none; tell of each whether it was new.

    Raises:
        DatabaseUnavailable: none is stored.
    """
    rows = [
        {
            "key": event.key,
            "action": event.action,
            "project_id": event.project_id,
            "payload": JsonText(event.text) if event.text else dict(event.payload),
            "received_at": came_at,
        }
        for event, came_at in events
    ]
    table = table_of(SqlEvent)
    with database.write() as session:
        new = set(insert_new(session, table, rows, returning=table.c.key))
    # Of two copies that came together the first is the new one.
    first = {event.key: place for place, (event, _) in reversed(list(enumerate(events)))}
    return [event.key in new and first[event.key] == place for place, (event, _) in enumerate(events)]


def store_event(database: Database, event: WebhookEvent, *, now: datetime) -> bool:
    """Store the event; return False where it was there already.

    Raises:
        DatabaseUnavailable: it is not stored.
    """
    [is_new] = store_events(database, [(event, now)])
    return is_new


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
