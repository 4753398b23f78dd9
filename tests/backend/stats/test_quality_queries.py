"""Figures from the ledger's rows: the same on both databases, by group, version and week."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import insert

from backend.errors import NotFound
from backend.review.entities import Tally
from backend.stats.quality import Confusion, Figures, Part, VersionQuality
from backend.stats.queries import read_quality
from backend.store.database import Database
from backend.store.tables import SqlModelVersion
from tests.backend.tallies import (
    MONDAY,
    NEXT_MONDAY,
    PROJECT,
    know_project,
    store_relabelled,
    store_tallies,
)

CATS = {"cat": Tally(kept=3, deleted=1)}


@pytest.fixture(autouse=True)
def project(database: Database) -> None:
    know_project(database)


def read_one(database: Database) -> VersionQuality:
    (quality,) = read_quality(database, PROJECT).versions
    return quality


def part(parts: tuple[Part, ...], key: object) -> Part:
    return next(each for each in parts if each.key == key)


def precision(figures: Figures) -> float:
    assert figures.precision is not None
    return figures.precision.value


def test_annotations_of_a_version_are_added_up_by_label_annotator_and_week(database: Database) -> None:
    store_tallies(database, 1, {"cat": Tally(kept=3, deleted=1), "dog": Tally(adjusted=1, added=1)})
    store_tallies(database, 2, {"cat": Tally(kept=1)}, annotator=6, week=NEXT_MONDAY)
    store_tallies(database, 3, {}, annotator=None, is_ground_truth=True)
    quality = read_one(database)
    assert (quality.version, quality.first_week, quality.last_week) == ("v1", MONDAY, NEXT_MONDAY)
    total = quality.corrected
    assert (total.annotations, total.tasks, total.ground_truth) == (3, 3, 1)
    assert total.tally == Tally(kept=4, adjusted=1, deleted=1, added=1)
    assert [each.key for each in quality.labels] == ["cat", "dog"]
    assert part(quality.labels, "cat").corrected.tally == Tally(kept=4, deleted=1)
    assert [each.key for each in quality.annotators] == [5, 6, None]
    assert part(quality.annotators, 6).corrected.tally == Tally(kept=1)
    assert part(quality.weeks, NEXT_MONDAY).corrected.tally == Tally(kept=1)


def test_counts_are_whole_numbers_and_rates_floats(database: Database) -> None:
    store_tallies(database, 1, CATS)
    store_tallies(database, 2, CATS)
    figures = read_one(database).corrected
    tally = figures.tally
    counts = (figures.annotations, figures.tasks, figures.ground_truth, tally.kept, tally.deleted, tally.fn)
    assert {type(count) for count in counts} == {int}
    assert figures.precision is not None and type(figures.precision.value) is float
    assert type(figures.precision.low) is float


def test_interval_knows_that_errors_are_heaped_in_one_image(database: Database) -> None:
    for number in range(10):
        store_tallies(database, number, {"spread": Tally(kept=9, deleted=1)}, version="spread")
        heaped = Tally(deleted=10) if number == 0 else Tally(kept=10)
        store_tallies(database, 10 + number, {"heaped": heaped}, version="heaped")
    found = {each.version: each.corrected.precision for each in read_quality(database, PROJECT).versions}
    spread, heaped_rate = found["spread"], found["heaped"]
    assert spread is not None and heaped_rate is not None and spread.value == heaped_rate.value == 0.9
    assert heaped_rate.high - heaped_rate.low > 1.5 * (spread.high - spread.low)


def test_image_with_more_regions_than_a_32_bit_square_holds_is_counted(database: Database) -> None:
    store_tallies(database, 1, {"cell": Tally(kept=100_000, deleted=100_000)})
    assert precision(read_one(database).corrected) == 0.5


def test_blind_tasks_stay_apart_in_all_groups(database: Database) -> None:
    store_tallies(database, 1, {"cat": Tally(kept=4)})
    store_tallies(database, 2, {"cat": Tally(kept=1, deleted=1)}, is_blind=True)
    quality = read_one(database)
    groups = [quality, *quality.labels, *quality.annotators, *quality.weeks]
    assert len(groups) == 4
    assert {(precision(each.corrected), precision(each.blind)) for each in groups} == {(1.0, 0.5)}
    assert quality.anchoring is not None and quality.anchoring.precision is not None
    assert quality.anchoring.precision.value == 0.5


def test_task_that_several_people_annotated_is_one_task(database: Database) -> None:
    store_tallies(database, 1, CATS, task_id=50)
    store_tallies(database, 2, CATS, task_id=50, annotator=6, week=NEXT_MONDAY)
    store_tallies(database, 3, {"dog": Tally(kept=1)}, task_id=50, annotator=6, week=NEXT_MONDAY)
    quality = read_one(database)
    assert (quality.corrected.annotations, quality.corrected.tasks) == (3, 1)
    parts = (*quality.labels, *quality.annotators, *quality.weeks)
    assert {each.key: each.corrected.tasks for each in parts} == {
        "cat": 1,
        "dog": 1,
        5: 1,
        6: 1,
        MONDAY: 1,
        NEXT_MONDAY: 1,
    }


def test_newest_version_comes_first(database: Database) -> None:
    weeks = {"old": MONDAY, "unseen": NEXT_MONDAY, "new": date(2024, 11, 18)}
    for number, (version, week) in enumerate(weeks.items()):
        store_tallies(database, number, CATS, version=version, week=week)
    assert versions(database) == ["new", "unseen", "old"]
    seen = {"version": "old", "digest": "", "task": "detect", "class_names": [], "file_name": ""}
    with database.write() as session:
        session.execute(
            insert(SqlModelVersion).values(**seen, first_seen_at=datetime(2024, 12, 1, tzinfo=UTC))
        )
    assert versions(database) == ["old", "new", "unseen"]


def test_version_of_several_models_is_as_new_as_its_newest(database: Database) -> None:
    for number, version in enumerate(("a+b", "a+c")):
        store_tallies(database, number, CATS, version=version)
    with database.write() as session:
        for name, day in (("a", 1), ("c", 2), ("b", 3)):
            row = {"version": name, "digest": "", "task": "detect", "class_names": [], "file_name": ""}
            first = datetime(2024, 12, day, tzinfo=UTC)
            session.execute(insert(SqlModelVersion).values(**row, first_seen_at=first))
    assert versions(database) == ["a+b", "a+c"]


def versions(database: Database, version: str | None = None, since: date | None = None) -> list[str]:
    found = read_quality(database, PROJECT, version=version, since=since).versions
    return [each.version for each in found]


@pytest.mark.parametrize(
    ("since", "annotations"),
    [
        pytest.param(MONDAY, 2, id="first week"),
        pytest.param(date(2024, 11, 10), 2, id="Sunday of the first week"),
        pytest.param(NEXT_MONDAY, 1, id="second week"),
    ],
)
def test_weeks_before_the_asked_one_are_left_out(database: Database, since: date, annotations: int) -> None:
    for number, week in enumerate((MONDAY, NEXT_MONDAY), start=1):
        store_tallies(database, number, CATS, week=week)
        store_relabelled(database, number, ("cat", "dog"))
    (quality,) = read_quality(database, PROJECT, since=since).versions
    assert quality.corrected.annotations == annotations == quality.relabelled[0].count
    assert quality.labels[0].corrected.annotations == annotations


def test_one_version_can_be_asked_for(database: Database) -> None:
    store_tallies(database, 1, CATS)
    store_tallies(database, 2, CATS, version="v2")
    store_relabelled(database, 2, ("cat", "dog"), version="v2")
    (quality,) = read_quality(database, PROJECT, version="v2").versions
    assert (quality.version, quality.relabelled) == ("v2", (Confusion("cat", "dog", 1),))
    assert versions(database, version="v3") == []


def test_most_frequent_change_of_label_comes_first_and_kept_ones_are_none(database: Database) -> None:
    store_tallies(database, 1, CATS)
    pairs = [("cat", "dog"), ("bus", "truck"), ("bus", "truck"), ("cat", "cat"), ("ant", "bee")]
    store_relabelled(database, 1, *pairs)
    assert read_one(database).relabelled == (
        Confusion("bus", "truck", 2),
        Confusion("ant", "bee", 1),
        Confusion("cat", "dog", 1),
    )


def test_only_the_20_most_frequent_changes_are_listed(database: Database) -> None:
    store_tallies(database, 1, CATS)
    store_relabelled(database, 1, *[("cat", f"label {number:02}") for number in range(25)])
    assert [each.annotated for each in read_one(database).relabelled] == [
        f"label {number:02}" for number in range(20)
    ]


def test_other_projects_do_not_count(database: Database) -> None:
    store_tallies(database, 1, CATS, project_id=PROJECT + 1)
    assert read_quality(database, PROJECT).versions == ()


@pytest.mark.parametrize("project_id", [pytest.param(99, id="unknown"), pytest.param(2**70, id="too large")])
def test_project_that_is_not_known_is_refused(database: Database, project_id: int) -> None:
    with pytest.raises(NotFound, match="connect --project"):
        read_quality(database, project_id)
