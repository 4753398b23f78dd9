"""Write the ledger: annotations with their corrections, and deletions. Within a caller's transaction.

What is stored is a function of the facts, whatever their order and repetition: of an annotation the content
with the latest `updated_at` stands, of contents of one time the one with the greater digest, and what was
deleted stays deleted. Only what was created after a deletion, and a sync, which asks Label Studio, may say
otherwise: what it read after a deletion was noted is there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from backend.review.entities import Account, Annotation, FoundBy
from backend.store.correction_rows import correction_rows, tally_rows
from backend.store.database import chunks, hold_lock
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlReview, SqlSync, SqlTally

# Any range of numbers that no other advisory lock uses; a project's id is added.
_LOCK = 7_140_924_000_000_000_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Changed:
    """What a write changed, by annotation id: new to the ledger, other than it had, or there again.

    `left` are tasks that an annotation was of before: its id is used again, for another task.
    """

    missing: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    revived: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)


def hold_project(session: Session, project_id: int) -> bool:
    """Keep others off the project's ledger until this transaction ends; False where the project is gone."""
    hold_lock(session, _LOCK + project_id % 10**12)
    gone_at = session.scalar(select(SqlSync.gone_at).where(SqlSync.project_id == project_id))
    return gone_at is None


def put_accounts(
    session: Session, accounts: Sequence[Account], *, found_by: FoundBy, seen_at: datetime
) -> Changed:
    """Store annotations with what they corrected, as far as they are news.

    Args:
        session: A write transaction that holds the project.
        accounts: Of one project.
        found_by: Who tells; a sync read them from Label Studio itself.
        seen_at: When the event came, or when the sync's reading began.
    """
    newest: dict[int, Account] = {}
    for account in accounts:
        known = newest.get(account.annotation.id)
        if known is None or _order(account) > _order(known):
            newest[account.annotation.id] = account
    changed = Changed()
    for some in chunks(sorted(newest)):
        rows = _rows(session, some)
        dead = _deleted_tasks(session, {newest[i].annotation.task_id for i in some})
        inserted, updated, written = [], [], []
        for annotation_id in some:
            account, row = newest[annotation_id], rows.get(annotation_id)
            deleted_at = _deleted_at(account, row, dead, found_by=found_by, seen_at=seen_at)
            if not _is_news(account, row, deleted_at, found_by=found_by, seen_at=seen_at):
                continue
            content = _content(account) | {"deleted_at": deleted_at, "seen_at": seen_at}
            if row is None:
                changed.missing.add(annotation_id)
                inserted.append(content | {"found_by": found_by})
            else:
                if row.task_id is not None and row.task_id != account.annotation.task_id:
                    changed.left.add(row.task_id)
                which = changed.revived if row.deleted_at and deleted_at is None else changed.changed
                which.add(annotation_id)
                updated.append(content)
            written.append((account, deleted_at is None))
        if inserted:
            session.execute(insert(SqlAnnotation), inserted)
        if updated:
            session.execute(update(SqlAnnotation), updated)
        _write_corrections(session, written)
    return changed


def delete_annotations(
    session: Session, project_id: int, annotation_ids: Collection[int], *, now: datetime
) -> set[int]:
    """Mark annotations as deleted, also those that never came; return the tasks that they belong to."""
    tasks: set[int] = set()
    for some in chunks(sorted(annotation_ids)):
        # Without contents, which may be large.
        query = select(SqlAnnotation.id, SqlAnnotation.task_id, SqlAnnotation.deleted_at)
        rows = {row.id: row for row in session.execute(query.where(SqlAnnotation.id.in_(some)))}
        alive = [i for i, row in rows.items() if row.deleted_at is None]
        tasks |= {row.task_id for row in rows.values() if row.task_id is not None}
        mark_deleted(session, alive, now=now)
        if unknown := [_tombstone(i, project_id, now=now) for i in some if i not in rows]:
            session.execute(insert(SqlAnnotation), unknown)
    return tasks


def _order(account: Account) -> tuple[datetime, str]:
    return account.annotation.updated_at, account.digest


def _is_news(
    account: Account,
    row: SqlAnnotation | None,
    deleted_at: datetime | None,
    *,
    found_by: FoundBy,
    seen_at: datetime,
) -> bool:
    if row is None or bool(row.deleted_at) != bool(deleted_at):
        return True
    mine, stored = account.annotation.updated_at, row.updated_at
    if (mine, account.digest) == (stored, row.digest):
        shown_id = account.shown.id if account.shown else None
        return (shown_id, account.shown_by) != (row.shown_id, row.shown_by)
    # Label Studio changes some contents without moving their time: what it says last is so.
    is_truth = mine == stored and found_by == FoundBy.SYNC and seen_at >= row.seen_at
    return is_truth or _order(account) > (stored, row.digest)


def _deleted_at(
    account: Account,
    row: SqlAnnotation | None,
    dead_tasks: Mapping[int, datetime],
    *,
    found_by: FoundBy,
    seen_at: datetime,
) -> datetime | None:
    """Return since when the annotation is deleted, by itself or with its task; None where it is there."""
    by_task = dead_tasks.get(account.annotation.task_id)
    deleted_at = row.deleted_at if row else None
    if deleted_at and found_by == FoundBy.SYNC and deleted_at < seen_at:
        deleted_at = None
    if deleted_at and account.annotation.created_at > deleted_at:  # another one, with an id used again
        deleted_at = None
    return deleted_at or by_task


def _content(account: Account) -> dict[str, Any]:
    annotation: Annotation = account.annotation
    names = (
        "id",
        "project_id",
        "task_id",
        "annotator",
        "created_at",
        "updated_at",
        "lead_time",
        "is_cancelled",
        "is_ground_truth",
        "parent_prediction",
    )
    return {name: getattr(annotation, name) for name in names} | {
        "result": [dict(item) for item in annotation.result],
        "digest": account.digest,
        "problems": list(account.problems),
        "shown_id": account.shown.id if account.shown else None,
        "shown_by": account.shown_by,
    }


def _write_corrections(session: Session, written: Iterable[tuple[Account, bool]]) -> None:
    """Replace the corrections of these annotations; those that are not there get none."""
    accounts = list(written)
    _drop_corrections(session, [account.annotation.id for account, _ in accounts])
    alive = [account for account, is_there in accounts if is_there]
    for table, rows in (
        (SqlCorrection, [row for account in alive for row in correction_rows(account)]),
        (SqlTally, [row for account in alive for row in tally_rows(account)]),
    ):
        if rows:
            session.execute(insert(table), rows)


def _drop_corrections(session: Session, annotation_ids: Sequence[int]) -> None:
    for table in (SqlCorrection, SqlTally):
        session.execute(delete(table).where(table.annotation_id.in_(annotation_ids)))


def mark_deleted(session: Session, annotation_ids: Sequence[int], *, now: datetime) -> None:
    """Mark annotations as deleted, and drop what they corrected."""
    for some in chunks(annotation_ids):
        session.execute(update(SqlAnnotation).where(SqlAnnotation.id.in_(some)).values(deleted_at=now))
        _drop_corrections(session, some)


def _tombstone(annotation_id: int, project_id: int, *, now: datetime) -> dict[str, Any]:
    """Return the row of an annotation of which only the deletion is known; any content replaces it."""
    return {
        "id": annotation_id,
        "project_id": project_id,
        "created_at": _LONG_AGO,
        "updated_at": _LONG_AGO,
        "is_cancelled": False,
        "is_ground_truth": False,
        "result": [],
        "digest": "",
        "problems": [],
        "found_by": FoundBy.WEBHOOK,
        "seen_at": now,
        "deleted_at": now,
    }


def _rows(session: Session, annotation_ids: Sequence[int]) -> dict[int, SqlAnnotation]:
    query = select(SqlAnnotation).where(SqlAnnotation.id.in_(annotation_ids))
    # Read anew: rows that this session wrote by statement are not what it remembers.
    return {row.id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def _deleted_tasks(session: Session, task_ids: Collection[int]) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for some in chunks(sorted(task_ids)):
        query = select(SqlReview.task_id, SqlReview.deleted_at).where(SqlReview.task_id.in_(some))
        rows = session.execute(query.where(SqlReview.deleted_at.is_not(None)))
        found |= {row.task_id: row.deleted_at for row in rows}
    return found
