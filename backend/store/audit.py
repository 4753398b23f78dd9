"""Who did what to a project through page or routes, or tried to. Appended, never rewritten."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from backend.store.database import Database
from backend.store.report_tables import SqlAuditEntry

# An error's message may hold a path or an answer of any length; a log is read by people.
_MOST_CHARS = 1000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `who` and the network `address` are the caller's, `action` names it as its address does.

    `detail` says what it was done to, and how it ended; where `is_done` is false, why it could not be done.
    A `project_id` of None stands for all projects.
    """

    id: int
    project_id: int | None
    at: datetime
    who: str
    address: str
    action: str
    detail: str
    is_done: bool


def add_audit(
    database: Database,
    project_id: int | None,
    *,
    who: str,
    address: str,
    action: str,
    detail: str,
    is_done: bool,
    now: datetime,
) -> None:
    """Append an act, whether it was done or refused.

    Raises:
        DatabaseUnavailable: nothing was stored.
    """
    row = SqlAuditEntry(
        project_id=project_id,
        at=now,
        who=_storable(who),
        address=_storable(address),
        action=action,
        detail=_storable(detail),
        is_done=is_done,
    )
    with database.write() as session:
        session.add(row)


def list_audit(database: Database, project_id: int | None = None, limit: int = 20) -> list[AuditEntry]:
    """Return what was done to the project and to all projects, the latest first; without one, everything."""
    query = select(SqlAuditEntry).order_by(SqlAuditEntry.id.desc()).limit(limit)
    if project_id is not None:
        query = query.where(or_(SqlAuditEntry.project_id == project_id, SqlAuditEntry.project_id.is_(None)))
    with database.read() as session:
        return [_to_entity(row) for row in session.scalars(query)]


def _storable(text: str) -> str:
    # PostgreSQL stores no NUL, and no database a half of a surrogate pair.
    clean = text.replace("\x00", "?").encode("utf-8", "replace").decode()
    return clean if len(clean) <= _MOST_CHARS else f"{clean[: _MOST_CHARS - 3]}..."


def _to_entity(row: SqlAuditEntry) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        project_id=row.project_id,
        at=row.at,
        who=row.who,
        address=row.address,
        action=row.action,
        detail=row.detail,
        is_done=row.is_done,
    )
