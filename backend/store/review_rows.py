"""Derive the rows of tasks from the annotations that they have now. Within a caller's transaction."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.review.states import Submitted, deciding_annotation, review_state
from backend.store.database import chunks
from backend.store.ledger_tables import SqlAnnotation, SqlReview, SqlTally

_COUNTS = ("predicted", "kept", "adjusted", "relabelled", "deleted", "added")


def settle_reviews(session: Session, task_ids: Collection[int]) -> None:
    """Bring the rows of these tasks in line with their annotations; tasks without a row are left out."""
    for some in chunks(sorted(task_ids)):
        submitted = _submitted(session, some)
        deciding = {task_id: deciding_annotation(submitted[task_id]) for task_id in some}
        tallies = _tallies(session, [chosen.id for chosen in deciding.values() if chosen])
        query = select(SqlReview.task_id, SqlReview.taken).where(SqlReview.task_id.in_(some))
        rows = [
            _settled(task_id, taken, submitted[task_id], deciding[task_id], tallies)
            for task_id, taken in session.execute(query)
        ]
        if rows:
            session.execute(update(SqlReview), rows)


def mark_taken(session: Session, marks: Mapping[int, str]) -> None:
    """Note which content of these tasks a model was trained on, and settle them.

    A task whose labels have changed since is then viewed, not taken in training.

    Args:
        session: A write transaction that holds the project.
        marks: By task, of what `backend.review.states.mark_of` names; tasks without a row are left out.
    """
    for some in chunks(sorted(marks)):
        there = session.scalars(select(SqlReview.task_id).where(SqlReview.task_id.in_(some)))
        rows = [{"task_id": task_id, "taken": marks[task_id]} for task_id in there]
        if rows:
            session.execute(update(SqlReview), rows)
        settle_reviews(session, some)


def _settled(
    task_id: int,
    taken: str | None,
    submitted: Sequence[Submitted],
    deciding: Submitted | None,
    tallies: dict[int, SqlTally],
) -> dict[str, Any]:
    counts = tallies.get(deciding.id) if deciding else None
    return {
        "task_id": task_id,
        "state": review_state(deciding, taken),
        "annotation_id": deciding.id if deciding else None,
        "annotator": deciding.annotator if deciding else None,
        "annotations": sum(not one.is_cancelled for one in submitted),
        "reviewed_at": deciding.updated_at if deciding else None,
        "version": counts.version if counts else None,
        "is_blind": bool(counts and counts.is_blind),
        **(_counts(counts) if counts else dict.fromkeys(_COUNTS)),
    }


def _counts(row: SqlTally) -> dict[str, int]:
    return {
        "predicted": row.kept + row.adjusted + row.deleted + row.relabelled_from,
        "kept": row.kept,
        "adjusted": row.adjusted,
        "relabelled": row.relabelled_from,
        "deleted": row.deleted,
        "added": row.added,
    }


def _submitted(session: Session, task_ids: Sequence[int]) -> dict[int, list[Submitted]]:
    names = ("id", "annotator", "created_at", "updated_at", "is_cancelled", "is_ground_truth", "digest")
    query = select(SqlAnnotation.task_id, *(getattr(SqlAnnotation, name) for name in names))
    found: dict[int, list[Submitted]] = defaultdict(list)
    there = SqlAnnotation.task_id.in_(task_ids), SqlAnnotation.deleted_at.is_(None)
    for task_id, *values in session.execute(query.where(*there)):
        found[task_id].append(Submitted(**dict(zip(names, values, strict=True))))
    return found


def _tallies(session: Session, annotation_ids: Sequence[int]) -> dict[int, SqlTally]:
    query = select(SqlTally).where(SqlTally.annotation_id.in_(annotation_ids), SqlTally.label == "")
    rows = session.scalars(query.execution_options(populate_existing=True))
    return {row.annotation_id: row for row in rows}
