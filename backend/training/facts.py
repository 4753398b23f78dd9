"""Count what decides whether a project's model is to be trained. The counting is the database's."""

from datetime import datetime, timedelta

from sqlalchemy import Row, case, func, or_, select
from sqlalchemy.orm import Session

from backend.review.entities import ReviewState
from backend.store.ledger_tables import SqlReview
from backend.store.tables import SqlProject
from backend.store.training_tables import SqlTrainingRun
from backend.training.entities import RunState
from backend.training.policy import TrainingFacts

# What a failed run left counts again after so long: whatever was away may be back, and what cannot work does
# not keep the device busy all day.
_FAILURE_REST = timedelta(hours=12)


def read_training_facts(session: Session, project_id: int, *, now: datetime) -> TrainingFacts:
    """Return the project's counts.

    New is what was reviewed since the last run began: what that run saw and could not learn from, or what it
    learnt in vain, must not start the next one, or one would follow the other without end.
    """
    is_active = select(SqlTrainingRun.id).where(SqlTrainingRun.active_project_id == project_id)
    is_for_training = select(SqlProject.is_for_training).where(SqlProject.id == project_id)
    last = _last_run(session, project_id, now)
    there = (SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None))
    states = (ReviewState.VIEWED, ReviewState.TAKEN_IN_TRAINING)
    # Apart from the sums, since an index alone answers it.
    examples = session.scalar(
        select(func.count()).select_from(SqlReview).where(*there, SqlReview.state.in_(states))
    )
    # In a blind task the difference is that between two opinions: nobody corrected anything.
    is_unseen = or_(SqlReview.predicted.is_(None), SqlReview.is_blind)
    changes = SqlReview.adjusted + SqlReview.relabelled + SqlReview.deleted + SqlReview.added
    sums = select(
        func.count(),
        func.coalesce(func.sum(case((is_unseen, 0), else_=changes)), 0),
        func.count(case((is_unseen, 1))),
    ).where(*there, SqlReview.state == ReviewState.VIEWED)
    reviewed, corrections, unseen = session.execute(
        sums if last is None else sums.where(SqlReview.reviewed_at > last.created_at)
    ).one()
    return TrainingFacts(
        examples=examples or 0,
        new_reviewed=reviewed,
        new_corrections=int(corrections),
        new_unseen=unseen,
        has_active_run=session.scalar(is_active) is not None,
        last_run=RunState(last.state) if last is not None else None,
        # Null, where nobody knows yet, hinders nothing.
        is_for_training=session.scalar(is_for_training) is not False,
    )


def _last_run(session: Session, project_id: int, now: datetime) -> Row[datetime, str] | None:
    counts = or_(SqlTrainingRun.state != RunState.FAILED, SqlTrainingRun.finished_at > now - _FAILURE_REST)
    query = select(SqlTrainingRun.created_at, SqlTrainingRun.state)
    of_project = query.where(SqlTrainingRun.project_id == project_id, counts)
    return session.execute(of_project.order_by(SqlTrainingRun.created_at.desc()).limit(1)).one_or_none()
