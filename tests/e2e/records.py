"""What the stack under test has stored, read from its database."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from backend.entities import Job, Prediction
from backend.review.ingest import PROJECT_ACTIONS
from backend.store.database import Database
from backend.store.jobs import list_jobs
from backend.store.ledger_tables import SqlAnnotation, SqlCorrection, SqlReview, SqlTally
from backend.store.prediction_log import prediction_from_row
from backend.store.tables import SqlEvent, SqlPrediction

from .processes import wait_for

PROCESSED_SECONDS = 60.0


@dataclass(frozen=True)
class Review:
    """What the ledger says of a task."""

    state: str
    annotation: int | None
    predicted: int | None
    kept: int | None
    adjusted: int | None
    relabelled: int | None
    deleted: int | None
    added: int | None


NOT_VIEWED = Review("not_viewed", None, None, None, None, None, None, None)


@dataclass(frozen=True)
class Counted:
    """How much of a project counts: annotations that are there, corrections, tallies, tasks."""

    annotations: int
    corrections: int
    tallies: int
    tasks: int


class EventLog:
    """The events of one project, but for those of its settings: each is to be looked at once."""

    def __init__(self, database: Database, project_id: int) -> None:
        self._database = database
        self._project_id = project_id
        self._seen = 0
        self._seen = max((event.id for event in self._new()), default=0)

    def expect(self, *actions: str) -> None:
        """Wait until as many new events are processed as are named here; they must be these, in order."""
        wait_for(
            lambda: len(processed := self._new()) >= len(actions) and all(e.processed_at for e in processed),
            seconds=PROCESSED_SECONDS,
            what=f"{actions} processed",
        )
        new = self._new()
        assert [event.action for event in new] == list(actions)
        assert [event.error for event in new] == [None] * len(new)
        self._seen = max((event.id for event in new), default=self._seen)

    def _new(self) -> Sequence[SqlEvent]:
        with self._database.read() as session:
            query = select(SqlEvent).where(SqlEvent.project_id == self._project_id, SqlEvent.id > self._seen)
            ignored = (*PROJECT_ACTIONS, "TASKS_CREATED")
            return session.scalars(query.where(SqlEvent.action.not_in(ignored)).order_by(SqlEvent.id)).all()


def logged_predictions(database: Database, project_id: int) -> Sequence[Prediction]:
    """Return every prediction that was made for the project, failed ones too."""
    with database.read() as session:
        query = select(SqlPrediction).where(SqlPrediction.project_id == project_id).order_by(SqlPrediction.id)
        return [prediction_from_row(row) for row in session.scalars(query)]


def newest_job(database: Database, project_id: int) -> Job:
    """Return the project's newest job, of which there must be one."""
    return list_jobs(database, project_id=project_id, limit=1)[0]


def corrections_of(database: Database, annotation_id: int) -> Sequence[SqlCorrection]:
    """Return what the annotation changed, as the ledger has it."""
    with database.read() as session:
        query = select(SqlCorrection).where(SqlCorrection.annotation_id == annotation_id)
        return session.scalars(query.order_by(SqlCorrection.number)).all()


def review_of(database: Database, task_id: int) -> Review | None:
    """Return what the ledger says of a task that is not deleted; None where it says nothing."""
    with database.read() as session:
        row = session.get(SqlReview, task_id)
        if row is None or row.deleted_at is not None:
            return None
        counts = (row.predicted, row.kept, row.adjusted, row.relabelled, row.deleted, row.added)
        return Review(row.state, row.annotation_id, *counts)


def is_in_ledger(database: Database, annotation_id: int) -> bool:
    """Tell whether the ledger has the annotation, and not as deleted."""
    with database.read() as session:
        row = session.get(SqlAnnotation, annotation_id)
        return row is not None and row.deleted_at is None


def counted(database: Database, project_id: int) -> Counted:
    """Return how much of the project counts."""
    there = {
        SqlAnnotation: SqlAnnotation.deleted_at.is_(None),
        SqlCorrection: True,
        SqlTally: True,
        SqlReview: SqlReview.deleted_at.is_(None),
    }
    with database.read() as session:
        numbers = [
            session.scalar(select(func.count()).where(table.project_id == project_id, condition))
            for table, condition in there.items()
        ]
    return Counted(*numbers)


def stars_of(database: Database, annotation_id: int) -> set[bool]:
    """Return whether the annotation's tallies are those of a ground truth; empty where it has none."""
    with database.read() as session:
        query = select(SqlTally.is_ground_truth).where(SqlTally.annotation_id == annotation_id)
        return set(session.scalars(query))
