"""Who did what to a project through page or routes, or tried to. Appended, never rewritten."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from backend.store.database import Database
from backend.store.report_tables import SqlAuditEntry

# By an act's name: what was done, and what somebody tried to do.
_WORDS = {
    "train": ("Asked for", "ask for", "a training run"),
    "cancel-run": ("Cancelled", "cancel", "a training run"),
    "promote": ("Put", "put", "another model in service"),
    "rollback": ("Went", "go", "back to the model before"),
    "prelabel": ("Started", "start", "pre-labelling"),
    "cancel-job": ("Cancelled", "cancel", "a pre-labelling job"),
    "settings": ("Changed", "change", "the project's settings"),
    "acknowledge": ("Acknowledged", "acknowledge", "an alert"),
    "renew": ("Worked out", "work out", "the figures anew"),
    "tab-next-tasks": ("Made", "make", "the tabs of the tasks to label next"),
    "tab-label-errors": ("Made", "make", "the tab of suspected labels"),
}
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

    @property
    def words(self) -> str:
        """The act in a few words; one that is not known here by its name."""
        if self.action not in _WORDS:
            return self.action
        done, to_do, what = _WORDS[self.action]
        return f"{done} {what}" if self.is_done else f"Tried to {to_do} {what}"


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
