"""All that is stored of one task: its row, and its annotations that are there."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.tables import SqlPrediction


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What is known of a task; `review` is None for one that was predicted only."""

    project_id: int
    review: SqlReview | None
    annotations: Sequence[SqlAnnotation]


def read_task_facts(database: Database, task_id: int) -> TaskFacts | None:
    """Return what is stored of the task; None where nothing is."""
    with database.read() as session:
        review = session.get(SqlReview, task_id)
        project_id = review.project_id if review else None
        if project_id is None:
            predicted = select(SqlPrediction.project_id).where(SqlPrediction.task_id == task_id)
            project_id = session.scalar(predicted.limit(1))
        if project_id is None:
            return None
        there = (SqlAnnotation.task_id == task_id, SqlAnnotation.deleted_at.is_(None))
        rows = session.scalars(select(SqlAnnotation).where(*there).order_by(SqlAnnotation.id)).all()
        session.expunge_all()
    return TaskFacts(project_id, review, rows)
