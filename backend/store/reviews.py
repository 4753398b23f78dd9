"""Read the review table: pages of tasks with their states and counts, by ascending task id."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.labelstudio.tasks import MAX_ID
from backend.review.entities import ReviewState
from backend.review.table import Review, ReviewFilter
from backend.store.database import Database
from backend.store.ledger_tables import SqlReview, SqlSync
from backend.store.tables import SqlPrediction, SqlProject

MOST_ROWS = 1000
_SHOWN_COUNTS = ("kept", "adjusted", "relabelled", "deleted", "added")
_PLAIN = (*_SHOWN_COUNTS, "predicted", "annotator", "annotations", "version", "is_blind", "reviewed_at")


def check_project(database: Database, project_id: int) -> None:
    """Make sure that the project has talked to us, or was synced once.

    Raises:
        NotFound: it has not.
    """
    known = (SqlProject.id, SqlReview.project_id, SqlSync.project_id)
    with database.read() as session:
        if project_id <= MAX_ID and any(
            session.scalar(select(column).where(column == project_id).limit(1)) is not None
            for column in known
        ):
            return
    raise NotFound(
        f"Project {project_id} is not known here. Connect it (python -m backend connect --project ID), or "
        "look for its number in its address in Label Studio."
    )


def list_reviews(
    database: Database, project_id: int, wanted: ReviewFilter, *, after: int = 0, limit: int = MOST_ROWS
) -> list[Review]:
    """Return the next tasks that are wanted, with ids above `after`; deleted ones never."""
    query = (
        select(
            SqlReview.task_id,
            SqlReview.state,
            SqlReview.image,
            *(getattr(SqlReview, name) for name in _PLAIN),
        )
        .where(*_conditions(project_id, wanted), SqlReview.task_id > after)
        .order_by(SqlReview.task_id)
        .limit(limit)
    )
    with database.read() as session:
        found = [_to_review(project_id, row) for row in session.execute(query)]
        return _with_predicted(session, project_id, found)


def read_pages(
    database: Database, project_id: int, wanted: ReviewFilter, *, size: int = MOST_ROWS
) -> Iterator[list[Review]]:
    """Yield all wanted tasks in pages. Each is a transaction of its own, so no slow reader holds one open."""
    after = 0
    while page := list_reviews(database, project_id, wanted, after=after, limit=size):
        yield page
        if len(page) < size:
            return
        after = page[-1].task


def count_states(database: Database, project_id: int) -> dict[ReviewState, int]:
    """Return how many of the project's tasks are in each state, whatever is filtered."""
    query = (
        select(SqlReview.state, func.count())
        .where(*_conditions(project_id, ReviewFilter()))
        .group_by(SqlReview.state)
    )
    with database.read() as session:
        counts = {state: count for state, count in session.execute(query)}
    return {state: counts.get(state, 0) for state in ReviewState}


def _conditions(project_id: int, wanted: ReviewFilter) -> list[ColumnElement[bool]]:
    found = [SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None)]
    for column, value in (
        (SqlReview.state, wanted.state),
        (SqlReview.annotator, wanted.annotator),
        (SqlReview.version, wanted.version),
        (SqlReview.is_blind, wanted.is_blind),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.since is not None:
        found.append(SqlReview.reviewed_at >= wanted.since)
    if wanted.corrected is not None:
        # Null, where nothing was shown, is neither.
        changes = SqlReview.adjusted + SqlReview.relabelled + SqlReview.deleted + SqlReview.added
        found.append(changes > 0 if wanted.corrected else changes == 0)
    return found


def _to_review(project_id: int, row: Row[*tuple[object, ...]]) -> Review:
    values = row._mapping
    return Review(
        project=project_id,
        task=values["task_id"],
        image=values["image"],
        state=ReviewState(values["state"]),
        **{name: values[name] for name in _PLAIN},
    )


def _with_predicted(session: Session, project_id: int, reviews: Sequence[Review]) -> list[Review]:
    """Fill in, from the log, how many regions wait in tasks that nobody has viewed."""
    open_tasks = [review.task for review in reviews if review.state == ReviewState.NOT_VIEWED]
    if not open_tasks:
        return list(reviews)
    newest = (
        select(func.max(SqlPrediction.id))
        .where(SqlPrediction.project_id == project_id, SqlPrediction.task_id.in_(open_tasks))
        .where(SqlPrediction.failure.is_(None), SqlPrediction.blind.is_(False))
        .group_by(SqlPrediction.task_id)
    )
    counts = select(SqlPrediction.task_id, func.json_array_length(SqlPrediction.regions))
    rows = session.execute(counts.where(SqlPrediction.id.in_(newest)))
    waiting = {task_id: count for task_id, count in rows}
    return [
        replace(review, predicted=waiting[review.task]) if review.task in waiting else review
        for review in reviews
    ]
