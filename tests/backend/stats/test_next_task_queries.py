"""The next tasks from the prediction log and the ledger, on both databases."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from backend.entities import Box, ImageSize, Prediction, Region
from backend.review.entities import Tally
from backend.stats import next_task_queries
from backend.stats.next_task_queries import read_next_tasks
from backend.stats.next_tasks import NextTask, NextTasksReport
from backend.store.database import Database
from backend.store.prediction_log import store_predictions
from backend.store.tables import SqlProject
from tests.backend.review_rows import NOON, open_task, store_rows, viewed_task
from tests.backend.tallies import PROJECT, know_project, store_tallies

SIZE = ImageSize(100, 100)


@pytest.fixture(autouse=True)
def project(database: Database) -> None:
    know_project(database)


def embedding(place: int) -> bytes:
    return np.eye(8, dtype="<f2")[place].tobytes()


def predict(database: Database, task_id: int, score: float, *labels: str, **changes: Any) -> None:
    """Log a prediction of v1: a box of each label, one beside the other."""
    regions = tuple(
        Region(f"r{n}", "label", label, 0.8, Box(20 * n, 10, 20 * n + 18, 30), SIZE)
        for n, label in enumerate(labels)
    )
    given = {"task_id": task_id, "version": "v1", "size": SIZE, "regions": regions, "score": score}
    made = Prediction(**{**given, "seconds": 0.01, **changes})
    store_predictions(database, [made], project_id=PROJECT, now=NOON)


def serve(database: Database, version: str) -> None:
    with database.write() as session:
        session.execute(update(SqlProject).values(model_version=version))


def read(database: Database, count: int = 10) -> NextTasksReport:
    return read_next_tasks(database, PROJECT, count=count)


def by_id(report: NextTasksReport) -> dict[int, NextTask]:
    return {task.task_id: task for task in report.tasks}


def test_open_predicted_tasks_are_chosen_and_no_others(database: Database) -> None:
    store_rows(
        database,
        open_task(1),
        open_task(2),
        viewed_task(3),
        open_task(4, deleted_at=NOON),
        open_task(5),
        open_task(6, project_id=PROJECT + 1),
        open_task(7),
    )
    for task_id in (1, 2, 3, 4, 6):
        predict(database, task_id, 0.1 * task_id)
    predict(database, 7, 0.0, failure="http_status: 404", size=None)
    report = read(database)
    assert [task.task_id for task in report.tasks] == [1, 2]
    assert (report.candidates, report.versions) == (2, ("v1",))


def test_count_is_the_most(database: Database) -> None:
    store_rows(database, *map(open_task, range(1, 6)))
    for task_id in range(1, 6):
        predict(database, task_id, 0.5)
    report = read(database, count=3)
    assert [task.task_id for task in report.tasks] == [1, 2, 3] and report.candidates == 5


def test_newest_prediction_of_the_version_in_service_counts(database: Database) -> None:
    store_rows(database, open_task(1))
    predict(database, 1, 0.9)
    predict(database, 1, 0.4)
    predict(database, 1, 0.1, version="v2")
    serve(database, "v1")
    report = read(database)
    assert report.versions == ("v1", "v2")
    assert by_id(report)[1].uncertainty == pytest.approx(0.6)


def test_version_that_predicted_last_stands_in_where_that_in_service_has_not(database: Database) -> None:
    store_rows(database, open_task(1))
    predict(database, 1, 0.9)
    predict(database, 1, 0.2, version="v2")
    serve(database, "v3")
    assert read(database).versions == ("v2", "v1")


def test_last_two_versions_are_compared_where_both_predicted(database: Database) -> None:
    store_rows(database, *map(open_task, (1, 2, 3)))
    for task_id in (1, 2):
        predict(database, task_id, 0.5, "car", version="v0")
        predict(database, task_id, 0.5, "car", "bus")
    for task_id in (1, 2, 3):
        predict(database, task_id, 0.5, "car", "bus" if task_id == 1 else "cat", version="v2")
    found = by_id(read(database))
    assert {i: task.disagreement for i, task in found.items()} == {1: 0, 2: pytest.approx(0.5), 3: None}


def test_only_the_most_promising_are_compared(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_task_queries, "MOST_COMPARED", 1)
    store_rows(database, *map(open_task, (1, 2)))
    for version in ("v1", "v2"):
        predict(database, 1, 0.5, "car", version=version)
        predict(database, 2, 0.4, "car", version=version)
    report = read(database, count=1)
    assert [(task.task_id, task.disagreement) for task in report.tasks] == [(2, 0)]


def test_rare_classes_are_those_on_few_reviewed_tasks(database: Database) -> None:
    store_rows(database, *map(open_task, (1, 2)))
    for task_id in (21, 22, 23):
        labels = {"car": Tally(kept=2)}
        gone = {"cat": Tally(deleted=1)}  # nobody says that there is one
        store_tallies(
            database, task_id, {**labels, **gone, **({"bus": Tally(added=1)} if task_id == 21 else {})}
        )
    predict(database, 1, 0.5, "car", "cat")
    predict(database, 2, 0.5, "car", "bus")
    found = by_id(read(database))
    assert found[1].rarity == pytest.approx(0.8)
    assert found[2].rarity == pytest.approx(0.8 * 0.5)


def test_image_unlike_labelled_ones_comes_first(database: Database) -> None:
    store_rows(database, open_task(1), open_task(2), viewed_task(3), viewed_task(4))
    for task_id, place in ((1, 0), (2, 1), (3, 0), (4, 2)):
        predict(database, task_id, 0.5, embedding=embedding(place))
    report = read(database)
    assert [task.task_id for task in report.tasks] == [2, 1]
    assert by_id(report)[1].novelty == 0


def test_image_labelled_before_the_last_promotion_is_compared_by_the_version_before(
    database: Database,
) -> None:
    store_rows(database, open_task(1), open_task(2), viewed_task(3))
    for task_id, place in ((1, 0), (2, 1), (3, 0)):
        predict(database, task_id, 0.5, embedding=embedding(place))
    for task_id in (1, 2):
        predict(database, task_id, 0.5, version="v2", embedding=embedding(4 + task_id))
    serve(database, "v2")
    assert [task.task_id for task in read(database).tasks] == [2, 1]


@pytest.mark.parametrize("most", [2, 3])
def test_least_certain_are_looked_at_where_there_are_too_many(
    database: Database, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(next_task_queries, "MOST_CANDIDATES", most)
    store_rows(database, *map(open_task, range(1, 5)))
    for task_id in range(1, 5):
        predict(database, task_id, 1 - 0.1 * task_id)
    report = read(database)
    assert sorted(task.task_id for task in report.tasks) == list(range(5 - most, 5))
    assert any(f"those {most} were looked at" in note for note in report.notes)


def test_more_tasks_than_a_page_are_all_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_task_queries, "_PAGE", 2)
    store_rows(database, *map(open_task, range(1, 6)))
    for version in ("v1", "v2"):
        for task_id in range(1, 6):
            predict(database, task_id, 0.5, "car", version=version, embedding=embedding(task_id))
    found = by_id(read(database))
    assert len(found) == 5
    assert {(task.disagreement, task.novelty is None) for task in found.values()} == {(0, False)}


class TestNotes:
    def test_project_without_tasks(self, database: Database) -> None:
        assert read(database) == NextTasksReport((), 0, (), ("No unreviewed task is known here.",))

    def test_nothing_was_predicted(self, database: Database) -> None:
        store_rows(database, open_task(1))
        (note,) = read(database).notes
        assert note == (
            f"No task was predicted yet: python -m backend prelabel --project {PROJECT} --only-unlabelled"
        )

    def test_some_were_not_predicted_by_the_version_in_service(self, database: Database) -> None:
        store_rows(database, open_task(1), open_task(2))
        predict(database, 1, 0.5)
        assert read(database).notes[0].startswith("1 unreviewed tasks were left out")

    def test_what_is_not_known_is_named(self, database: Database) -> None:
        store_rows(database, open_task(1))
        predict(database, 1, 0.5)
        assert read(database).notes == (
            "Only one version has predicted, so that no two could be compared.",
            "No corrected prediction is known, so that no class is known to be rare.",
            "How unlike they are is not known of 1 images, predicted before that was measured.",
        )

    def test_nothing_is_said_where_all_is_known(self, database: Database) -> None:
        store_rows(database, open_task(1))
        store_tallies(database, 9, {"car": Tally(kept=1)})
        for version in ("v1", "v2"):
            predict(database, 1, 0.5, version=version, embedding=embedding(0))
        assert read(database).notes == ()
