"""Write the ledger's tasks, and the end of tasks and projects. Within a caller's transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from backend.review.entities import FoundBy
from backend.store.database import chunks
from backend.store.ledger import mark_deleted
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlReview, SqlSync, SqlTally


def put_tasks(
    session: Session,
    project_id: int,
    images: Mapping[int, str | None],
    *,
    found_by: FoundBy,
    seen_at: datetime,
    created: Mapping[int, datetime] = MappingProxyType({}),
) -> None:
    """Store tasks by id, each with its image's address, None where that is not known.

    On SQLite Label Studio gives ids of deleted tasks again, in other projects too. So a deleted task comes
    back where a sync sees it, or where it was `created` after its deletion, and a task belongs to the project
    that named it last.
    """
    for some in chunks(sorted(images)):
        rows = {row.task_id: row for row in session.scalars(_reviews(some))}
        for task_id, row in rows.items():
            deleted_at = row.deleted_at or seen_at
            is_moved = row.project_id != project_id and seen_at >= row.seen_at
            is_seen = row.deleted_at and found_by == FoundBy.SYNC and deleted_at < seen_at
            is_another = row.deleted_at and created.get(task_id, deleted_at) > deleted_at
            if is_moved:
                _leave_project(session, row)
                row.project_id = project_id
            if is_moved or is_another:
                row.taken = None
            if is_moved or is_seen or is_another:
                row.deleted_at = None
            if images[task_id] is not None and seen_at >= row.seen_at:
                row.image, row.seen_at = images[task_id], seen_at
        new = [_new_review(i, project_id, images[i], seen_at=seen_at) for i in some if i not in rows]
        if new:
            session.execute(insert(SqlReview), new)
    session.flush()


def delete_tasks(session: Session, project_id: int, task_ids: Collection[int], *, now: datetime) -> None:
    """Mark tasks and their annotations as deleted, also tasks that never came, but none of other projects."""
    for some in chunks(sorted(task_ids)):
        known = set(session.scalars(select(SqlReview.task_id).where(SqlReview.task_id.in_(some))))
        new = [_new_review(i, project_id, None, seen_at=now) for i in some if i not in known]
        if new:
            session.execute(insert(SqlReview), new)
        mine = (SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None))
        session.execute(update(SqlReview).where(SqlReview.task_id.in_(some), *mine).values(deleted_at=now))
        query = select(SqlAnnotation.id).where(SqlAnnotation.task_id.in_(some))
        theirs = query.where(SqlAnnotation.project_id == project_id, SqlAnnotation.deleted_at.is_(None))
        mark_deleted(session, session.scalars(theirs).all(), now=now)


def delete_project(session: Session, project_id: int, *, now: datetime) -> None:
    """Mark a project as gone, and all of it as deleted."""
    row = session.get(SqlSync, project_id)
    if row is None:
        row = SqlSync(
            project_id=project_id, cursor=0, tasks=0, annotations=0, missing=0, changed=0, deleted=0
        )
        session.add(row)
    row.gone_at = row.gone_at or now
    for counted in (SqlTally, SqlCorrection):
        session.execute(delete(counted).where(counted.project_id == project_id))
    for kept in (SqlAnnotation, SqlReview):
        there = (kept.project_id == project_id, kept.deleted_at.is_(None))
        session.execute(update(kept).where(*there).values(deleted_at=now))
    session.flush()


def _leave_project(session: Session, row: SqlReview) -> None:
    """Mark what the task's id was in its former project as deleted."""
    query = select(SqlAnnotation.id).where(SqlAnnotation.task_id == row.task_id)
    old = query.where(SqlAnnotation.project_id == row.project_id, SqlAnnotation.deleted_at.is_(None))
    mark_deleted(session, session.scalars(old).all(), now=row.deleted_at or row.seen_at)


def _new_review(task_id: int, project_id: int, image: str | None, *, seen_at: datetime) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "project_id": project_id,
        "image": image,
        "state": "not_viewed",
        "annotations": 0,
        "is_blind": False,
        "seen_at": seen_at,
        "deleted_at": None,
    }


def _reviews(task_ids: Sequence[int]) -> Any:
    return select(SqlReview).where(SqlReview.task_id.in_(task_ids)).execution_options(populate_existing=True)
