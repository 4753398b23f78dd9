"""What the ledger holds, without contents: to compare a part of it with Label Studio."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.review.entities import FoundBy, ShownBy
from backend.store.database import Database, chunks
from backend.store.ledger_tables import SqlAnnotation, SqlReview


@dataclass(frozen=True, slots=True)
class AnnotationHead:
    """An annotation of the ledger, by what tells whether Label Studio has it otherwise."""

    task_id: int | None
    updated_at: datetime
    digest: str
    deleted_at: datetime | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class TaskHead:
    """A task of the ledger."""

    project_id: int
    image: str | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Scope:
    """The tasks of a project that a page of Label Studio's list tells of: `ids`, or also all between them.

    A range is of the ids above `after`, up to `last`; without an end where that is None.
    """

    project_id: int
    ids: frozenset[int]
    after: int = 0
    last: int | None = None
    is_range: bool = False

    def holds(
        self, task_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
    ) -> list[ColumnElement[bool]]:
        """Return the conditions on a column of task ids."""
        if not self.is_range:
            return [task_id.in_(sorted(self.ids))]
        ends = [] if self.last is None else [task_id <= self.last]
        return [task_id > self.after, *ends]


def annotation_heads(database: Database, annotation_ids: Collection[int]) -> dict[int, AnnotationHead]:
    """Return what the ledger has of these annotations, deleted ones too, by id."""
    found: dict[int, AnnotationHead] = {}
    query = select(
        SqlAnnotation.id,
        SqlAnnotation.task_id,
        SqlAnnotation.updated_at,
        SqlAnnotation.digest,
        SqlAnnotation.deleted_at,
        SqlAnnotation.shown_by,
    )
    with database.read() as session:
        for some in chunks(sorted(annotation_ids)):
            for row in session.execute(query.where(SqlAnnotation.id.in_(some))):
                found[row.id] = AnnotationHead(
                    task_id=row.task_id,
                    updated_at=row.updated_at,
                    digest=row.digest,
                    deleted_at=row.deleted_at,
                    is_open=row.shown_by == ShownBy.ASSUMED,
                )
    return found


def task_heads(database: Database, task_ids: Collection[int]) -> dict[int, TaskHead]:
    """Return what the ledger has of these tasks, deleted ones too, by id."""
    found: dict[int, TaskHead] = {}
    query = select(SqlReview.task_id, SqlReview.project_id, SqlReview.image, SqlReview.deleted_at)
    with database.read() as session:
        for some in chunks(sorted(task_ids)):
            for row in session.execute(query.where(SqlReview.task_id.in_(some))):
                found[row.task_id] = TaskHead(row.project_id, row.image, row.deleted_at)
    return found


def annotations_beside(
    session: Session, scope: Scope, there: Collection[int], *, seen_before: datetime
) -> dict[int, int | None]:
    """Return annotations that the ledger has within the scope and Label Studio has not, with their tasks.

    What was told of at `seen_before` or later is left out: it may have come after Label Studio was read.
    """
    query = select(SqlAnnotation.id, SqlAnnotation.task_id).where(
        SqlAnnotation.project_id == scope.project_id,
        SqlAnnotation.deleted_at.is_(None),
        SqlAnnotation.seen_at < seen_before,
        *scope.holds(SqlAnnotation.task_id),
    )
    known = set(there)
    return {row.id: row.task_id for row in session.execute(query) if row.id not in known}


def tasks_beside(session: Session, scope: Scope, *, seen_before: datetime) -> list[int]:
    """Return tasks that the ledger has within a range and Label Studio has not; else as for annotations."""
    if not scope.is_range:
        return []
    query = select(SqlReview.task_id).where(
        SqlReview.project_id == scope.project_id,
        SqlReview.deleted_at.is_(None),
        SqlReview.seen_at < seen_before,
        *scope.holds(SqlReview.task_id),
    )
    return [task_id for task_id in session.scalars(query) if task_id not in scope.ids]


def ledger_counts(database: Database, project_id: int) -> tuple[int, int, int]:
    """Return how many tasks, annotations and skipped annotations of the project the ledger holds."""
    with database.read() as session:
        tasks = session.scalar(
            select(func.count()).where(SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None))
        )
        query = select(SqlAnnotation.is_cancelled, func.count()).where(
            SqlAnnotation.project_id == project_id, SqlAnnotation.deleted_at.is_(None)
        )
        found = {
            is_cancelled: n for is_cancelled, n in session.execute(query.group_by(SqlAnnotation.is_cancelled))
        }
    return int(tasks or 0), found.get(False, 0), found.get(True, 0)


def counts_by_finder(database: Database, project_id: int) -> dict[FoundBy, int]:
    """Return how many of the project's annotations a webhook told of first, and how many a sync."""
    with database.read() as session:
        query = select(SqlAnnotation.found_by, func.count()).where(
            SqlAnnotation.project_id == project_id, SqlAnnotation.deleted_at.is_(None)
        )
        found = {name: n for name, n in session.execute(query.group_by(SqlAnnotation.found_by))}
    return {finder: found.get(finder, 0) for finder in FoundBy}
