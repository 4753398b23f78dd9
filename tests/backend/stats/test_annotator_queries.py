"""Annotators from the ledger's rows: the same on both databases."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import update

from backend.errors import NotFound
from backend.review.entities import Tally
from backend.stats.annotator_figures import AnnotatorFigures
from backend.stats.annotator_queries import read_annotators
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation
from tests.backend.annotations_of_several import NOON, annotate
from tests.backend.tallies import MONDAY, NEXT_MONDAY, PROJECT, know_project, store_tallies

KEPT = {"cat": Tally(kept=3)}


@pytest.fixture(autouse=True)
def project(database: Database) -> None:
    know_project(database)


def read(database: Database) -> dict[int | None, AnnotatorFigures]:
    return {each.annotator: each for each in read_annotators(database, PROJECT, idle_minutes=10)}


def read_one(database: Database) -> AnnotatorFigures:
    (found,) = read(database).values()
    return found


def change(database: Database, number: int, **values: Any) -> None:
    with database.write() as session:
        session.execute(update(SqlAnnotation).where(SqlAnnotation.id == number).values(**values))


def test_project_without_annotations_has_no_annotators(database: Database) -> None:
    assert read_annotators(database, PROJECT, idle_minutes=10) == ()


def test_unknown_project_is_refused(database: Database) -> None:
    with pytest.raises(NotFound):
        read_annotators(database, 404, idle_minutes=10)


def test_submitted_ones_count_and_skipped_ones_apart(database: Database) -> None:
    annotate(database, 1, 10, 3, "cat", lead_time=20.0)
    annotate(database, 2, 10, 3, "cat", lead_time=40.0)
    annotate(database, 3, 11, 3, is_cancelled=True, lead_time=500.0)
    annotate(database, 4, 12, 3, "cat", deleted_at=NOON, lead_time=500.0)
    annotate(database, 5, 13, None, "cat")
    annotate(database, 6, 14, 3, "cat", project_id=PROJECT + 1, lead_time=500.0)
    found = read(database)
    assert list(found) == [3, None]
    assert (found[3].annotations, found[3].tasks, found[3].skipped) == (2, 1, 1)
    assert found[3].seconds is not None and found[3].seconds.value == 30
    assert (found[None].annotations, found[None].seconds) == (1, None)


def test_who_only_skips_is_there_too(database: Database) -> None:
    annotate(database, 1, 10, 3, is_cancelled=True)
    found = read_one(database)
    assert (found.annotations, found.tasks, found.skipped, found.weeks) == (0, 0, 1, ())


def test_time_is_cut_where_idleness_begins_and_none_comes_from_imports(database: Database) -> None:
    for number, seconds in enumerate((30.0, 40.0, 9000.0, 0.0, None), start=1):
        annotate(database, number, number, 3, "cat", lead_time=seconds)
    found = read_one(database).seconds
    assert found is not None and found.value == 40
    (shorter,) = read_annotators(database, PROJECT, idle_minutes=0.5)
    assert shorter.seconds is not None and shorter.seconds.value == 30


@pytest.mark.parametrize(
    ("tally", "shown", "untouched"),
    [
        pytest.param(Tally(kept=3), 1, 1, id="all kept"),
        pytest.param(Tally(kept=3, adjusted=1), 1, 0, id="one adjusted"),
        pytest.param(Tally(kept=3, deleted=1), 1, 0, id="one deleted"),
        pytest.param(Tally(kept=3, added=1), 1, 0, id="one added"),
        pytest.param(Tally(kept=3, relabelled_from=1, relabelled_to=1), 1, 0, id="one relabelled"),
        pytest.param(Tally(deleted=2), 1, 0, id="all deleted"),
        pytest.param(Tally(added=2), 0, 0, id="nothing was shown"),
        pytest.param(Tally(), 0, 0, id="nothing shown and nothing there"),
    ],
)
def test_untouched_is_what_was_shown_and_left(
    database: Database, tally: Tally, shown: int, untouched: int
) -> None:
    store_tallies(database, 1, {"cat": tally})
    found = read_one(database)
    assert found.shown == shown
    share = found.untouched.value if found.untouched else None
    assert share == (untouched if shown else None)


def test_blind_tasks_show_nothing_and_have_their_own_figures(database: Database) -> None:
    store_tallies(database, 1, KEPT)
    store_tallies(database, 2, {"cat": Tally(kept=1, added=3)}, is_blind=True)
    found = read_one(database)
    assert (found.shown, found.corrected.annotations, found.blind.annotations) == (1, 1, 1)
    assert found.blind.recall is not None and found.blind.recall.value == 0.25
    assert found.corrected.recall is not None and found.corrected.recall.value == 1


def test_tasks_in_which_the_model_finds_nothing_say_nothing_of_who_accepts(database: Database) -> None:
    store_tallies(database, 1, KEPT)
    store_tallies(database, 2, {"cat": Tally(added=4)})
    store_tallies(database, 3, {"cat": Tally(kept=1, added=1)}, is_blind=True)
    store_tallies(database, 4, {"cat": Tally(added=4)}, is_blind=True)
    found = read_one(database)
    assert (found.corrected.annotations, found.blind.annotations) == (1, 1)
    assert found.corrected.recall is not None and found.corrected.recall.value == 1
    assert found.blind.recall is not None and found.blind.recall.value == 0.5


def test_all_versions_of_the_model_count_together(database: Database) -> None:
    store_tallies(database, 1, KEPT, task_id=50)
    store_tallies(database, 2, {"cat": Tally(deleted=1)}, task_id=50, version="v2")
    found = read_one(database)
    assert (found.corrected.annotations, found.corrected.tasks) == (2, 1)
    assert found.untouched is not None and found.untouched.value == 0.5


def test_week_is_that_of_the_annotation(database: Database) -> None:
    store_tallies(database, 1, KEPT)
    store_tallies(database, 2, {"cat": Tally(kept=1, added=1)}, week=NEXT_MONDAY)
    change(database, 1, created_at=datetime(2024, 11, 10, 23, 59, tzinfo=UTC), lead_time=15.0)
    change(database, 2, created_at=datetime(2024, 11, 11, 0, 0, tzinfo=UTC), lead_time=25.0)
    weeks = read_one(database).weeks
    assert [(each.week, each.annotations, each.seconds, each.untouched) for each in weeks] == [
        (MONDAY, 1, 15.0, 1.0),
        (date(2024, 11, 11), 1, 25.0, 0.0),
    ]


def test_figures_are_plain_numbers_that_json_can_hold(database: Database) -> None:
    store_tallies(database, 1, KEPT)
    change(database, 1, lead_time=12.5)
    found = read_one(database)
    assert {type(each) for each in (found.annotations, found.tasks, found.skipped, found.shown)} == {int}
    assert found.seconds is not None and found.untouched is not None
    numbers = (found.seconds.low, found.seconds.high, found.untouched.low, found.weeks[0].untouched)
    assert {type(each) for each in numbers} == {float}
