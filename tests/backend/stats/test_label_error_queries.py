"""Which labels of the ledger are judged, and by which prediction of the log."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from backend.entities import Box, ImageSize, Prediction, Region
from backend.errors import NotFound
from backend.report.entities import ProjectReport
from backend.stats import label_error_queries
from backend.stats.label_error_queries import read_judgeable, read_label_errors, unlearnt_tasks
from backend.stats.label_errors import ErrorKind, Found, JudgedTask, Mark
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.prediction_log import store_predictions
from tests.backend.annotations_of_several import NOON, annotate
from tests.backend.report.makers import make_report
from tests.backend.review_rows import store_rows, viewed_task
from tests.backend.tallies import PROJECT, know_project
from tests.backend.training.learnt_versions import manifest, store_version

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SIZE = ImageSize(100, 100)
# Where `annotate` draws: pixels of the image.
BOX = Box(10, 10, 30, 30)
ELSEWHERE = Box(60, 60, 90, 90)


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "cache")


@pytest.fixture(autouse=True)
def known(database: Database) -> None:
    know_project(database)


def review(database: Database, task: int, *labels: str, **changes: Any) -> None:
    """Store a reviewed task whose annotation has ten times its number."""
    store_rows(database, viewed_task(task, reviewed_at=NOON + timedelta(minutes=task)))
    annotate(database, 10 * task, task, 3, *labels, **changes)


def predict(
    database: Database, task: int, *labels: str, box: Box = BOX, version: str = "base", **changes: Any
) -> None:
    """Log a prediction made a minute before the annotation; `after` is that many minutes after it."""
    minutes = changes.pop("after", -1)
    regions = tuple(
        Region(f"r{number}", "label", label, 0.9, box, SIZE) for number, label in enumerate(labels)
    )
    made = Prediction(task, version, SIZE, regions, 0.5, 0.01, **changes)
    store_predictions(database, [made], project_id=PROJECT, now=NOON + timedelta(minutes=minutes))


def judged(database: Database, artifacts: ArtifactStore) -> dict[int, JudgedTask]:
    return {task.task_id: task for task in read_judgeable(database, artifacts, PROJECT).tasks}


def test_task_is_judged_with_both_sides(database: Database, artifacts: ArtifactStore) -> None:
    review(database, 1, "car")
    predict(database, 1, "dog")
    task = judged(database, artifacts)[1]
    assert task.labelled == (Mark("car", "label", BOX),)
    assert task.found == Found("base", SIZE, (Mark("dog", "label", BOX, 0.9),))
    assert (task.annotation_id, task.annotator, task.image) == (10, 3, "/data/upload/1.jpg")
    assert task.images == {"label": "image"}


def store_agreeing(database: Database, count: int, *, wrong: int) -> None:
    """Store cars and dogs, all found as what they are but for the one of this number, a car."""
    for task in range(1, count + 1):
        said = "car" if task % 2 else "dog"
        review(database, task, said)
        predict(database, task, "dog" if task == wrong else said)


def test_suspected_errors_are_reported_the_most_suspect_first(
    database: Database, artifacts: ArtifactStore
) -> None:
    store_agreeing(database, 80, wrong=5)
    predict(database, 7, "car", box=ELSEWHERE, after=1)
    report = read_label_errors(database, artifacts, PROJECT, now=NOW)
    assert (report.tasks, report.objects, report.unseen, report.looked_at) == (80, 80, 0, NOW)
    assert {(error.task_id, error.kind) for error in report.errors} == {
        (5, ErrorKind.WRONG_CLASS),
        (7, ErrorKind.MISSING),
        (7, ErrorKind.EXTRA),
    }
    assert report.counts == {ErrorKind.WRONG_CLASS: 1, ErrorKind.MISSING: 1, ErrorKind.EXTRA: 1}
    scores = [error.score for error in report.errors]
    assert scores == sorted(scores)
    shortened = read_label_errors(database, artifacts, PROJECT, now=NOW, most=1)
    assert shortened.errors == report.errors[:1]
    assert shortened.counts == report.counts


def test_report_can_be_stored_as_json(database: Database, artifacts: ArtifactStore) -> None:
    store_agreeing(database, 80, wrong=5)
    found = read_label_errors(database, artifacts, PROJECT, now=NOW)
    assert found.errors
    adapter = TypeAdapter(ProjectReport)
    report = replace(make_report(), label_errors=found)
    assert adapter.validate_json(adapter.dump_json(report)).label_errors == found


def test_model_that_learnt_from_a_task_does_not_judge_it(
    database: Database, artifacts: ArtifactStore
) -> None:
    version = store_version(database, artifacts, 1, parent="base", written=manifest(train=[1], test=[2]))
    for task in (1, 2):
        review(database, task, "car")
        predict(database, task, "car", version=version, after=9)
    read = read_judgeable(database, artifacts, PROJECT)
    assert [task.task_id for task in read.tasks] == [2]
    assert read.unseen == (1,)
    assert read_label_errors(database, artifacts, PROJECT, now=NOW).unseen == 1
    assert unlearnt_tasks(database, artifacts, PROJECT, version) == [2]


def test_nobody_knows_what_is_unlearnt_without_the_manifest(
    database: Database, artifacts: ArtifactStore
) -> None:
    version = store_version(database, artifacts, 1, parent="base", written=None)
    review(database, 1, "car")
    assert unlearnt_tasks(database, artifacts, PROJECT, version) is None


def test_labels_begin_with_the_first_annotation_though_it_counts_no_more(
    database: Database, artifacts: ArtifactStore
) -> None:
    version = store_version(database, artifacts, 1, parent="base", written=manifest(train=[1]))
    review(database, 1, "car", created_at=NOON + timedelta(hours=2))
    annotate(database, 999, 1, 4, "car", created_at=NOON, is_cancelled=True)
    predict(database, 1, "car", version=version, after=60)
    assert judged(database, artifacts) == {}


def test_failed_prediction_judges_nothing(database: Database, artifacts: ArtifactStore) -> None:
    review(database, 1, "car")
    predict(database, 1, failure="image_missing")
    assert judged(database, artifacts) == {}


@pytest.mark.parametrize(("blind", "is_shown"), [(False, True), (True, False)])
def test_prediction_that_the_annotator_saw_is_told_apart(
    database: Database, artifacts: ArtifactStore, blind: bool, is_shown: bool
) -> None:
    predict(database, 1, "car", blind=blind)
    review(database, 1, "car", shown_id=1)
    assert judged(database, artifacts)[1].is_shown is is_shown


def test_only_the_annotation_that_counts_is_judged(database: Database, artifacts: ArtifactStore) -> None:
    review(database, 1, "car")
    annotate(database, 11, 1, 4, "dog")
    predict(database, 1, "car")
    assert [mark.label for mark in judged(database, artifacts)[1].labelled] == ["car"]


def test_deleted_and_open_tasks_are_not_looked_at(database: Database, artifacts: ArtifactStore) -> None:
    store_rows(database, viewed_task(1, deleted_at=NOON), viewed_task(2, annotation_id=None))
    for task in (1, 2):
        annotate(database, 10 * task, task, 3, "car")
        predict(database, task, "car")
    read = read_judgeable(database, artifacts, PROJECT)
    assert (read.tasks, read.unseen) == ((), ())


def test_tasks_reviewed_last_are_looked_at(
    database: Database, artifacts: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_error_queries, "MOST_TASKS", 2)
    for task in (1, 2, 3):
        review(database, task, "car")
        predict(database, task, "car")
    assert list(judged(database, artifacts)) == [3, 2]


def test_what_the_model_finds_now_goes_before_the_log(database: Database, artifacts: ArtifactStore) -> None:
    for task in (1, 2):
        review(database, task, "car")
        predict(database, task, "car")
    again = {1: Found("now", SIZE, (Mark("dog", "label", BOX, 0.4),))}
    tasks = {t.task_id: t for t in read_judgeable(database, artifacts, PROJECT, again=again).tasks}
    assert tasks[1].found is again[1] and not tasks[1].is_shown
    assert tasks[2].found.version == "base"


def test_unknown_project_is_an_error(database: Database, artifacts: ArtifactStore) -> None:
    with pytest.raises(NotFound):
        read_label_errors(database, artifacts, 99, now=NOW)


def test_project_without_reviews_has_an_empty_report(database: Database, artifacts: ArtifactStore) -> None:
    report = read_label_errors(database, artifacts, PROJECT, now=NOW)
    assert (report.tasks, report.objects, report.unseen, report.counts, report.errors) == (0, 0, 0, {}, ())
