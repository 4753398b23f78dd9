"""The review table's queries: filters, pages, totals, and what waits in tasks that nobody has viewed."""

from datetime import timedelta

import pytest

from backend.errors import NotFound
from backend.review.entities import ReviewState
from backend.review.table import ReviewFilter
from backend.store.database import Database
from backend.store.ledger_tables import SqlReview
from backend.store.projects import store_project
from backend.store.reviews import check_project, count_states, list_reviews, read_pages
from tests.backend.review_rows import (
    NO_COUNTS,
    NOON,
    PROJECT,
    log_predictions,
    open_task,
    store_rows,
    viewed_task,
)


def predicted(database: Database) -> dict[int, int | None]:
    return {review.task: review.predicted for review in list_reviews(database, PROJECT, ReviewFilter())}


def test_row_holds_what_the_ledger_holds(database: Database) -> None:
    store_rows(database, viewed_task(4, is_blind=True, annotations=2))
    (review,) = list_reviews(database, PROJECT, ReviewFilter())
    assert (review.project, review.task, review.image) == (PROJECT, 4, "/data/upload/4.jpg")
    assert (review.state, review.is_blind, review.annotations) == (ReviewState.VIEWED, True, 2)
    assert (review.predicted, review.kept, review.adjusted) == (5, 2, 1)
    assert (review.relabelled, review.deleted, review.added) == (1, 1, 1)
    assert (review.annotator, review.version, review.reviewed_at) == (3, "v1", NOON)


UNCHANGED = {"adjusted": 0, "relabelled": 0, "deleted": 0, "added": 0}


@pytest.mark.parametrize(
    ("wanted", "tasks"),
    [
        pytest.param(ReviewFilter(), [1, 2, 3, 4, 5, 6], id="all"),
        pytest.param(ReviewFilter(state=ReviewState.NOT_VIEWED), [1], id="not viewed"),
        pytest.param(ReviewFilter(state=ReviewState.TAKEN_IN_TRAINING), [3], id="in training"),
        pytest.param(ReviewFilter(annotator=9), [4], id="annotator"),
        pytest.param(ReviewFilter(version="v2"), [3], id="version"),
        pytest.param(ReviewFilter(corrected=True), [2, 3, 4], id="corrected"),
        pytest.param(ReviewFilter(corrected=False), [5], id="left as it was; nothing shown is neither"),
        pytest.param(ReviewFilter(is_blind=True), [4], id="blind"),
        pytest.param(ReviewFilter(is_blind=False), [1, 2, 3, 5, 6], id="not blind"),
        pytest.param(ReviewFilter(since=NOON), [2, 4, 5, 6], id="reviewed at this moment or later"),
        pytest.param(ReviewFilter(since=NOON + timedelta(seconds=1)), [5], id="reviewed later"),
        pytest.param(ReviewFilter(annotator=3, corrected=True, version="v1"), [2], id="all must hold"),
    ],
)
def test_filters(database: Database, wanted: ReviewFilter, tasks: list[int]) -> None:
    store_rows(
        database,
        open_task(1),
        viewed_task(2),
        viewed_task(3, state="taken_in_training", version="v2", reviewed_at=NOON - timedelta(days=1)),
        viewed_task(4, annotator=9, is_blind=True),
        viewed_task(5, **UNCHANGED, reviewed_at=NOON + timedelta(days=1)),
        viewed_task(6, **NO_COUNTS),
        open_task(7, deleted_at=NOON),
        viewed_task(8, project_id=PROJECT + 1),
    )
    assert [review.task for review in list_reviews(database, PROJECT, wanted)] == tasks


def test_pages_follow_each_other_by_task_id(database: Database) -> None:
    store_rows(database, *(open_task(task_id) for task_id in (5, 3, 9, 1, 7)))
    pages = read_pages(database, PROJECT, ReviewFilter(), size=2)
    assert [[review.task for review in page] for page in pages] == [[1, 3], [5, 7], [9]]
    after = list_reviews(database, PROJECT, ReviewFilter(), after=5, limit=1)
    assert [review.task for review in after] == [7]


def test_totals_count_every_state_but_no_deleted_task(database: Database) -> None:
    gone = viewed_task(4, deleted_at=NOON)
    store_rows(database, open_task(1), viewed_task(2), viewed_task(3), gone, open_task(5, project_id=8))
    assert count_states(database, PROJECT) == {
        ReviewState.NOT_VIEWED: 1,
        ReviewState.VIEWED: 2,
        ReviewState.TAKEN_IN_TRAINING: 0,
    }


def test_open_task_shows_the_regions_of_its_newest_prediction(database: Database) -> None:
    store_rows(database, open_task(1), open_task(2), open_task(3))
    log_predictions(database, [(1, 4), (2, 3)])
    log_predictions(database, [(1, 0)], version="v2")
    log_predictions(database, [(2, 0)], failure="timeout")
    assert predicted(database) == {1: 0, 2: 3, 3: None}


def test_open_task_does_not_show_what_is_kept_back_as_blind(database: Database) -> None:
    store_rows(database, open_task(1), open_task(2))
    log_predictions(database, [(1, 4), (2, 3)])
    log_predictions(database, [(1, 6), (2, 6)], blind=True)
    log_predictions(database, [(2, 1)])
    assert predicted(database) == {1: 4, 2: 1}


def test_viewed_task_to_which_nothing_was_shown_stays_without_counts(database: Database) -> None:
    store_rows(database, viewed_task(1, **NO_COUNTS))
    log_predictions(database, [(1, 6)])
    assert predicted(database) == {1: None}


def test_task_without_an_image_has_none(database: Database) -> None:
    store_rows(database, open_task(1, image=None))
    (review,) = list_reviews(database, PROJECT, ReviewFilter())
    assert review.image is None


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(open_task(1), id="a task"),
        pytest.param(open_task(1, deleted_at=NOON), id="only deleted tasks"),
    ],
)
def test_project_with_tasks_is_known(database: Database, row: SqlReview) -> None:
    with database.write() as session:
        session.merge(row)
    check_project(database, PROJECT)
    with pytest.raises(NotFound, match="Project 8 is not known here"):
        check_project(database, 8)


def test_connected_project_without_tasks_is_known(database: Database) -> None:
    store_project(database, PROJECT, label_config="<View/>", model_version=None, now=NOON)
    check_project(database, PROJECT)
    assert list_reviews(database, PROJECT, ReviewFilter()) == []


def test_number_beyond_any_id_is_an_unknown_project(database: Database) -> None:
    with pytest.raises(NotFound):
        check_project(database, 2**63)
