"""Taken in training: the content that was trained on, and no other."""

from collections.abc import Mapping

import pytest

from backend.review.entities import ReviewState
from backend.review.states import Submitted, mark_of
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation
from backend.store.review_rows import mark_taken
from tests.backend.review.events import annotation, created, deleted, process, region, review, updated


def label(database: Database, *tasks: int) -> None:
    process(database, *(created(annotation(10 * task, [region("r1")], task=task)) for task in tasks))


def marks(database: Database, *tasks: int) -> dict[int, str]:
    """Return what names the present content of these tasks."""
    with database.read() as session:
        rows = [session.get_one(SqlAnnotation, 10 * task) for task in tasks]
        names = ("id", "annotator", "created_at", "updated_at", "is_cancelled", "is_ground_truth", "digest")
        return {
            row.task_id: mark_of(Submitted(**{name: getattr(row, name) for name in names}))
            for row in rows
            if row.task_id is not None
        }


def take(database: Database, taken: Mapping[int, str]) -> None:
    with database.write() as session:
        mark_taken(session, taken)


@pytest.mark.parametrize("count", [1, 600])
def test_task_that_was_trained_on_is_taken(database: Database, count: int) -> None:
    tasks = range(1, count + 1)
    label(database, *tasks)
    take(database, marks(database, *tasks))
    assert {review(database, task).state for task in (1, count)} == {ReviewState.TAKEN_IN_TRAINING}


def test_task_that_was_not_trained_on_stays_viewed(database: Database) -> None:
    label(database, 1, 2)
    take(database, marks(database, 1))
    assert review(database, 2).state == ReviewState.VIEWED


def test_edit_during_the_training_leaves_the_task_viewed(database: Database) -> None:
    label(database, 1)
    trained_on = marks(database, 1)
    process(database, updated(annotation(10, [region("r1", "bus")], task=1, updated=30)), minute=90)
    take(database, trained_on)
    assert (review(database).state, review(database).taken) == (ReviewState.VIEWED, trained_on[1])


def test_edit_after_the_training_makes_the_task_viewed_again(database: Database) -> None:
    label(database, 1)
    take(database, marks(database, 1))
    process(database, updated(annotation(10, [region("r1", "bus")], task=1, updated=30)), minute=90)
    assert review(database).state == ReviewState.VIEWED


def test_other_annotation_that_decides_by_now_leaves_the_task_viewed(database: Database) -> None:
    label(database, 1)
    trained_on = marks(database, 1)
    process(database, created(annotation(11, [region("r1")], task=1, minute=40)), minute=90)
    take(database, trained_on)
    assert review(database).state == ReviewState.VIEWED


def test_deletion_during_the_training_leaves_the_task_not_viewed(database: Database) -> None:
    label(database, 1)
    trained_on = marks(database, 1)
    process(database, deleted(10), minute=90)
    take(database, trained_on)
    assert review(database).state == ReviewState.NOT_VIEWED


def test_marking_twice_changes_nothing(database: Database) -> None:
    label(database, 1)
    for _ in range(2):
        take(database, marks(database, 1))
    assert review(database).state == ReviewState.TAKEN_IN_TRAINING


def test_task_that_nobody_knows_is_passed_over(database: Database) -> None:
    label(database, 1)
    take(database, {**marks(database, 1), 99: "990:abc"})
    assert review(database).state == ReviewState.TAKEN_IN_TRAINING
