"""How far the comparison of each project with Label Studio is, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.store.base import table_of
from backend.store.database import Database, upsert
from backend.store.ledger_tables import SqlSync
from backend.store.tables import SqlProject

_COUNTS = ("tasks", "annotations", "missing", "changed", "deleted")


@dataclass(frozen=True, slots=True)
class Sync:
    """One pass over a project, in progress where it has begun and not finished.

    `cursor` is the highest task id that was read, `tasks` and `annotations` how many there were. `missing`,
    `changed` and `deleted` count annotations: new to the ledger (or there again), other than it had them,
    and gone. `changed_since` is None in a full pass; it and `synced_to` are by Label Studio's clock: once the
    pass is finished, all changes up to `synced_to` are known. `error` says why the last try went no further,
    or what a finished full pass could not make equal.
    """

    project_id: int
    started_at: datetime | None = None
    changed_since: datetime | None = None
    cursor: int = 0
    tasks: int = 0
    annotations: int = 0
    missing: int = 0
    changed: int = 0
    deleted: int = 0
    finished_at: datetime | None = None
    synced_to: datetime | None = None
    full_at: datetime | None = None
    gone_at: datetime | None = None
    error: str | None = None

    @property
    def is_running(self) -> bool:
        """True if a pass has begun and is not finished."""
        return self.started_at is not None and self.finished_at is None and self.gone_at is None


def get_sync(database: Database, project_id: int) -> Sync:
    """Return the project's newest pass; one that never began where there is none."""
    with database.read() as session:
        row = session.get(SqlSync, project_id)
        return _to_entity(row) if row else Sync(project_id)


def begin_pass(
    database: Database,
    project_id: int,
    *,
    now: datetime,
    synced_to: datetime,
    changed_since: datetime | None,
    error: str | None,
) -> Sync:
    """Begin a pass at the first task, whatever there was before; full where `changed_since` is None.

    A project that was gone is there again.
    """
    values: dict[str, Any] = {
        "project_id": project_id,
        "started_at": now,
        "changed_since": changed_since,
        "finished_at": None,
        "synced_to": synced_to,
        "gone_at": None,
        "error": error,
        "cursor": 0,
        **dict.fromkeys(_COUNTS, 0),
    }
    with database.write() as session:
        upsert(session, table_of(SqlSync), values)
    return get_sync(database, project_id)


def is_at(session: Session, sync: Sync) -> bool:
    """Tell whether the pass stands where `sync` says, within the transaction that moves it on."""
    query = select(SqlSync.started_at, SqlSync.cursor, SqlSync.finished_at)
    row = session.execute(query.where(SqlSync.project_id == sync.project_id)).one_or_none()
    return row is not None and tuple(row) == (sync.started_at, sync.cursor, sync.finished_at)


def move_on(session: Session, sync: Sync, *, cursor: int, found: Mapping[str, int]) -> None:
    """Move the cursor, and add to the counts what was found up to it."""
    added = {name: getattr(SqlSync, name) + found.get(name, 0) for name in _COUNTS}
    statement = update(SqlSync).where(SqlSync.project_id == sync.project_id)
    session.execute(statement.values(cursor=cursor, **added))


def finish_pass(session: Session, sync: Sync, *, now: datetime) -> None:
    """Note that the pass has read everything."""
    full_at = sync.started_at if sync.changed_since is None else sync.full_at
    statement = update(SqlSync).where(SqlSync.project_id == sync.project_id)
    session.execute(statement.values(finished_at=now, full_at=full_at))


def note_error(database: Database, project_id: int, error: str | None) -> None:
    """Note why the pass went no further, or that nothing is wrong."""
    with database.write() as session:
        session.execute(update(SqlSync).where(SqlSync.project_id == project_id).values(error=error))


def known_projects(database: Database) -> list[Sync]:
    """Return the newest pass of every project that has called or was synced, by id."""
    with database.read() as session:
        found = {project_id: Sync(project_id) for project_id in session.scalars(select(SqlProject.id))}
        found |= {row.project_id: _to_entity(row) for row in session.scalars(select(SqlSync))}
        return [found[project_id] for project_id in sorted(found)]


def _to_entity(row: SqlSync) -> Sync:
    return Sync(
        project_id=row.project_id,
        started_at=row.started_at,
        changed_since=row.changed_since,
        cursor=row.cursor,
        tasks=row.tasks,
        annotations=row.annotations,
        missing=row.missing,
        changed=row.changed,
        deleted=row.deleted,
        finished_at=row.finished_at,
        synced_to=row.synced_to,
        full_at=row.full_at,
        gone_at=row.gone_at,
        error=row.error,
    )
