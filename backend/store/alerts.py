"""Alerts: raised once while open, resolved once, and each message about them sent until it arrived.

An alert whose word never went out before it was resolved gets one message that tells both.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from backend.alerts.entities import Alert
from backend.errors import BadRequest, NotFound
from backend.labelstudio.tasks import MAX_ID
from backend.store.base import table_of
from backend.store.database import Database, insert_new
from backend.store.leases import count_rows
from backend.store.training_tables import SqlAlert

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
_IS_DUE = or_(
    SqlAlert.delivered_at.is_(None),
    and_(SqlAlert.resolved_at.is_not(None), SqlAlert.resolved_delivered_at.is_(None)),
)


def raise_alert(
    session: Session, *, project_id: int | None, kind: str, key: str, message: str, now: datetime
) -> bool:
    """Raise an alert within a caller's transaction; False where it is open already, with its first message.

    `key` tells apart open alerts of one kind and project, in at most 64 characters.
    """
    row: dict[str, object] = {
        "project_id": project_id,
        "kind": kind,
        "open_key": open_key(project_id, kind, key),
        "message": message,
        "raised_at": now,
        "attempts": 0,
        "reached": [],
    }
    table = table_of(SqlAlert)
    return bool(insert_new(session, table, [row], returning=table.c.id))


def resolve_alert(
    session: Session, *, project_id: int | None, kind: str, key: str, message: str, now: datetime
) -> bool:
    """End an open alert within a caller's transaction; False where there is none."""
    ended = session.execute(
        update(SqlAlert)
        .where(SqlAlert.open_key == open_key(project_id, kind, key))
        .values(
            open_key=None,
            resolved_at=now,
            resolved_message=message,
            # The message that is due is another one now: it is tried at once.
            attempts=0,
            retry_at=None,
            error=None,
            reached=[],
        )
    )
    return bool(count_rows(ended))


def list_alerts(
    database: Database, *, project_id: int | None = None, is_open: bool | None = None, limit: int = 100
) -> list[Alert]:
    """Return alerts, the newest first, of one project or of all; by `is_open` only those that are, or not."""
    query = select(SqlAlert).order_by(SqlAlert.id.desc()).limit(limit)
    if project_id is not None:
        query = query.where(SqlAlert.project_id == project_id)
    if is_open is not None:
        query = query.where(SqlAlert.resolved_at.is_(None) == is_open)
    with database.read() as session:
        return [_to_entity(row) for row in session.scalars(query)]


def get_alert(database: Database, alert_id: int) -> Alert:
    """Return the alert.

    Raises:
        NotFound: there is none of that id.
    """
    with database.read() as session:
        row = session.get(SqlAlert, alert_id) if alert_id <= MAX_ID else None
        if row is None:
            raise _no_such_alert(alert_id)
        return _to_entity(row)


def acknowledge_alert(database: Database, alert_id: int, who: str, now: datetime) -> Alert:
    """Note that somebody takes care of an open alert; where one has said so before, that stands.

    Raises:
        NotFound: there is none of that id.
        BadRequest: it is resolved.
    """
    with database.write() as session:
        row = session.get(SqlAlert, alert_id, with_for_update=True) if alert_id <= MAX_ID else None
        if row is None:
            raise _no_such_alert(alert_id)
        if row.resolved_at is not None:
            raise BadRequest(
                f"Alert {alert_id} was resolved at {row.resolved_at:%Y-%m-%d %H:%M} UTC, so there is nothing "
                "left to acknowledge."
            )
        if row.acknowledged_at is None:
            row.acknowledged_at, row.acknowledged_by = now, who
        session.flush()
        return _to_entity(row)


def list_open_keys(database: Database, project_id: int) -> set[str]:
    """Return the keys (`open_key`) of the project's open alerts."""
    query = select(SqlAlert.open_key).where(SqlAlert.project_id == project_id, SqlAlert.open_key.is_not(None))
    with database.read() as session:
        return {key for key in session.scalars(query) if key is not None}


def due_alerts(database: Database, *, now: datetime, limit: int = 100) -> list[Alert]:
    """Return alerts of which a message is to be sent now, the oldest first."""
    query = select(SqlAlert).where(_IS_DUE, _may_be_tried(now)).order_by(SqlAlert.id).limit(limit)
    with database.read() as session:
        return [_to_entity(row) for row in session.scalars(query)]


def claim_delivery(database: Database, alert: Alert, *, now: datetime) -> Alert | None:
    """Count one more attempt at the due message; None where it changed, or another process tries it.

    The next attempt is put off first: whoever is killed while sending leaves a message that is sent again,
    and others meanwhile leave it alone.
    """
    attempts = alert.attempts + 1
    with database.write() as session:
        claimed = session.execute(
            update(SqlAlert)
            .where(*_is_same(alert), _IS_DUE, _may_be_tried(now))
            .values(attempts=attempts, retry_at=now + pause_after(attempts))
        )
        row = session.get(SqlAlert, alert.id)
        return _to_entity(row) if row is not None and count_rows(claimed) else None


def note_failure(database: Database, alert: Alert, error: str, *, reached: Sequence[str]) -> None:
    """Note what a claimed attempt met, and the addresses that took the message all the same."""
    with database.write() as session:
        noted = update(SqlAlert).where(*_is_same(alert)).values(error=error, reached=list(reached))
        session.execute(noted)


def mark_delivered(database: Database, alert: Alert, *, now: datetime) -> None:
    """Note that the due message of a claimed alert went out."""
    with database.write() as session:
        row = session.get(SqlAlert, alert.id, with_for_update=True)
        if row is None:
            return
        row.delivered_at = row.delivered_at or now
        if not alert.is_open:
            row.resolved_delivered_at = row.resolved_delivered_at or now
        if (row.resolved_at is None) == alert.is_open:  # else another message is due by now, not yet tried
            row.attempts, row.retry_at, row.error, row.reached = 0, None, None, []


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts (from 1) that failed: a minute, doubled each time."""
    doublings = min(attempts - 1, 20)  # more only make a number too large for a time
    return min(FIRST_PAUSE * float(2**doublings), LONGEST_PAUSE)


def open_key(project_id: int | None, kind: str, key: str) -> str:
    """Return what an alert has for itself while it is open."""
    return f"{kind}:{'' if project_id is None else project_id}:{key}"


def _may_be_tried(now: datetime) -> ColumnElement[bool]:
    return or_(SqlAlert.retry_at.is_(None), SqlAlert.retry_at <= now)


def _is_same(alert: Alert) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that nobody has tried or resolved the alert since it was read."""
    return (
        SqlAlert.id == alert.id,
        SqlAlert.attempts == alert.attempts,
        SqlAlert.resolved_at.is_(None) == alert.is_open,
    )


def _to_entity(row: SqlAlert) -> Alert:
    return Alert(
        id=row.id,
        project_id=row.project_id,
        kind=row.kind,
        message=row.message,
        raised_at=row.raised_at,
        delivered_at=row.delivered_at,
        resolved_at=row.resolved_at,
        resolved_message=row.resolved_message,
        resolved_delivered_at=row.resolved_delivered_at,
        attempts=row.attempts,
        retry_at=row.retry_at,
        error=row.error,
        reached=tuple(row.reached),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
    )


def _no_such_alert(alert_id: int) -> NotFound:
    return NotFound(f"There is no alert {alert_id}. List them with: python -m backend alerts --all")
