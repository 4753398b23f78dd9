"""What is read for drift: predictions of one version on both sides, and nothing that it learnt from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import update

from backend.entities import Box, Point, Region
from backend.errors import NotFound
from backend.review.entities import Tally
from backend.stats import drift_queries
from backend.stats.change import LEAST_IMAGES, Drift, Measure, Verdict
from backend.stats.drift import ImageFacts
from backend.stats.drift_queries import read_drift
from backend.stats.drift_report import DriftReport
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation
from backend.store.projects import store_project
from backend.store.versions import judge_again
from backend.training.entities import TrainedVersion
from tests.backend.drifting import DOUBLED_DOG, LATELY, NOW, SIZE, TAKEN, draw, predict, serve
from tests.backend.registry.makers import PROJECT
from tests.backend.review_rows import store_rows, viewed_task
from tests.backend.tallies import know_project, store_tallies

HELD_OUT = draw(200, seed=1)
DAY = timedelta(days=1)
ONE = ImageFacts({"person": 1}, (0.9,), 0.5, SIZE)

Serve = Callable[[Sequence[ImageFacts] | None], TrainedVersion]


@pytest.fixture
def put_in_service(database: Database, tmp_path: Path, tiny_weights: Path) -> Serve:
    artifacts = ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "cache")
    return lambda held_out: serve(database, artifacts, tiny_weights, held_out)


def read(database: Database, **changes: Any) -> DriftReport:
    return read_drift(database, PROJECT, **{"days": 30, "now": NOW, **changes})


def of(measure: Measure, report: DriftReport) -> Drift:
    (found,) = (drift for drift in report.measures if drift.measure == measure)
    return found


def alarms(report: DriftReport) -> set[Measure]:
    return {drift.measure for drift in (*report.measures, report.bias) if drift.is_alarm}


def review(database: Database, task_id: int, labels: dict[str, Tally], version: str, **changes: Any) -> None:
    """Let a person correct what the version predicted for the task."""
    created_at = changes.pop("created_at", LATELY)
    project = changes.get("project_id", PROJECT)
    store_tallies(database, task_id, labels, version=version, project_id=project)
    with database.write() as session:
        dated = update(SqlAnnotation).where(SqlAnnotation.id == task_id).values(created_at=created_at)
        session.execute(dated)
    given = {"annotation_id": task_id, "version": version, **changes}
    store_rows(database, viewed_task(task_id, **given))


def test_unknown_project_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        read(database)


def test_period_with_the_same_mix_is_silent_and_a_doubled_class_is_found(
    database: Database, put_in_service: Serve
) -> None:
    version = put_in_service(HELD_OUT).version
    predict(database, version, draw(300, seed=2))
    report = read(database)
    assert (report.version, report.training_images, report.period_images) == (version, 200, 300)
    assert (report.since, report.until) == (NOW - 30 * DAY, NOW)
    assert alarms(report) == set()
    assert {drift.verdict for drift in report.measures} == {Verdict.NONE}
    predict(database, version, draw(300, seed=3, mix=DOUBLED_DOG), first_task=1)
    report = read(database)
    # Of each task the newest prediction alone.
    assert report.period_images == 300
    assert alarms(report) == {Measure.CLASS_MIX}
    assert "most of all dog" in of(Measure.CLASS_MIX, report).sentence


def test_report_holds_plain_values_alone(database: Database, put_in_service: Serve) -> None:
    version = put_in_service(HELD_OUT).version
    predict(database, version, draw(60, seed=3, light=0.2))
    for task in range(1, 31):
        review(database, task, {"person": Tally(kept=2), "dog": Tally(added=1)}, version)
    report = read(database)
    kinds = TypeAdapter(DriftReport)
    assert kinds.validate_json(kinds.dump_json(report), strict=False) == report
    numbers = [
        number
        for drift in (*report.measures, report.bias)
        for number in (drift.value, drift.limit, drift.p_value, drift.low, drift.high, drift.actual_images)
    ]
    assert {type(number) for number in numbers} == {float, int}


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        pytest.param({}, 1, id="of late"),
        pytest.param({"blind": True}, 1, id="blind"),
        pytest.param({"failure": "no image", "regions": ()}, 0, id="failed"),
        pytest.param({"at": NOW - 31 * DAY}, 0, id="before the period"),
        pytest.param({"at": NOW + DAY}, 0, id="after it"),
        pytest.param({"task_id": None}, 0, id="of no task"),
    ],
)
def test_prediction_counts(
    database: Database, put_in_service: Serve, changes: dict[str, Any], counted: int
) -> None:
    predict(database, put_in_service(HELD_OUT).version, [ONE], **changes)
    assert read(database).period_images == counted


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        pytest.param("{}+other", 1, id="served with another model"),
        pytest.param("other+{}", 1, id="named after it"),
        pytest.param("{}x", 0, id="of a name that begins alike"),
        pytest.param("other", 0, id="of another version"),
    ],
)
def test_version_in_service_counts_alone(
    database: Database, put_in_service: Serve, name: str, counted: int
) -> None:
    predict(database, name.format(put_in_service(HELD_OUT).version), [ONE])
    assert read(database).period_images == counted


@pytest.mark.parametrize(
    ("annotated", "is_cancelled", "counted"),
    [
        pytest.param(TAKEN - DAY, False, 0, id="annotated before the snapshot was taken"),
        pytest.param(TAKEN - DAY, True, 1, id="only skipped before"),
        pytest.param(TAKEN + DAY, False, 1, id="annotated since"),
    ],
)
def test_image_that_may_be_in_the_snapshot_is_left_out(
    database: Database, put_in_service: Serve, annotated: Any, is_cancelled: bool, counted: int
) -> None:
    version = put_in_service(HELD_OUT).version
    predict(database, version, [ONE])
    review(database, 1, {}, version, created_at=annotated)
    with database.write() as session:
        session.execute(update(SqlAnnotation).values(is_cancelled=is_cancelled))
    assert read(database).period_images == counted


def test_regions_of_other_models_and_key_points_are_left_out(
    database: Database, put_in_service: Serve
) -> None:
    version = put_in_service([ONE] * 20).version
    box, other = Box(1, 2, 30, 40), Box(5, 5, 9, 9)
    regions = (
        Region("a", "label", "person", 0.9, box, SIZE),
        Region("b", "label", "nose", 0.8, Point(5, 5), SIZE, parent="a"),
        Region("c", "elsewhere", "tree", 0.7, other, SIZE),
    )
    predict(database, f"{version}+other", [ONE] * 20, regions=regions)
    report = read(database)
    assert {each.name for each in of(Measure.CLASS_MIX, report).bins} == {"person"}
    assert {each.name for each in of(Measure.OBJECTS, report).bins} == {"1"}


def test_class_of_the_whole_image_is_a_thing(database: Database, put_in_service: Serve) -> None:
    version = put_in_service([ONE] * 20).version
    predict(database, version, [ONE] * 20, regions=(Region("a", "label", "sun", 0.9, None, SIZE),))
    assert {each.name for each in of(Measure.CLASS_MIX, read(database)).bins} == {"person", "sun"}


def test_newest_images_count_where_there_are_many(
    database: Database, put_in_service: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_queries, "MOST_IMAGES", 30)
    version = put_in_service([ONE] * 30).version
    predict(database, version, [replace(ONE, labels={"car": 1})] * 30)
    predict(database, version, [ONE] * 30, first_task=101)
    report = read(database)
    assert report.period_images == 30
    assert {each.name for each in of(Measure.CLASS_MIX, report).bins} == {"person"}
    assert "Of the period the newest 30 images are compared." in report.notes


def test_weights_of_the_settings_are_compared_with_corrections_alone(database: Database) -> None:
    know_project(database, PROJECT)
    report = read(database)
    assert (report.version, report.training_images, report.period_images) == (None, 0, 0)
    assert {drift.verdict for drift in (*report.measures, report.bias)} == {Verdict.UNKNOWN}
    assert f"python -m backend train --project {PROJECT}" in report.notes[0]


def test_version_of_before_is_not_compared_and_a_training_run_is_advised(
    database: Database, put_in_service: Serve
) -> None:
    version = put_in_service(None).version
    predict(database, version, draw(40, seed=2))
    report = read(database)
    assert (report.version, report.training_images, report.period_images) == (version, 0, 40)
    assert {drift.verdict for drift in report.measures} == {Verdict.UNKNOWN}
    assert f"python -m backend train --project {PROJECT}" in report.notes[0]


@pytest.mark.parametrize(
    ("held_out", "predicted", "words"),
    [
        pytest.param(5, 40, "5 images were held out", id="few held out"),
        pytest.param(40, 5, "predicted 5 images since 2026-05-11", id="few predicted"),
    ],
)
def test_note_says_which_images_are_too_few(
    database: Database, put_in_service: Serve, held_out: int, predicted: int, words: str
) -> None:
    predict(database, put_in_service(draw(held_out, seed=1)).version, draw(predicted, seed=2))
    assert words in read(database).notes[0]


def test_note_says_that_brightness_is_not_known_of_older_predictions(
    database: Database, put_in_service: Serve
) -> None:
    predict(database, put_in_service(HELD_OUT).version, draw(40, seed=2), brightness=None)
    report = read(database)
    assert of(Measure.BRIGHTNESS, report).verdict == Verdict.UNKNOWN
    assert report.notes[0].startswith("The brightness is known of 0 of the 40 images")


def test_bias_compares_what_was_predicted_with_what_it_became(
    database: Database, put_in_service: Serve
) -> None:
    version = put_in_service(HELD_OUT).version
    for task in range(1, LEAST_IMAGES + 1):
        labels = {
            "person": Tally(kept=2, adjusted=1, deleted=1),
            "car": Tally(relabelled_from=1),
            "dog": Tally(added=1, relabelled_to=1),
        }
        review(database, task, labels, version)
    report = read(database)
    shares = {each.name: (each.actual.value, each.expected.value) for each in report.bias.bins}
    assert shares == {
        "person": (pytest.approx(4 / 5), pytest.approx(3 / 5)),
        "car": (pytest.approx(1 / 5), 0),
        "dog": (0, pytest.approx(2 / 5)),
    }
    assert Measure.PREDICTION_BIAS in alarms(report)


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        pytest.param({}, 1, id="of late"),
        pytest.param({"created_at": NOW - 31 * DAY}, 0, id="before the period"),
        pytest.param({"deleted_at": NOW}, 0, id="of a task that is gone"),
        pytest.param({"annotation_id": 99}, 0, id="whose labels do not count for the task"),
        pytest.param({"version": "other"}, 0, id="of another version"),
        pytest.param({"project_id": 8}, 0, id="of another project"),
    ],
)
def test_review_counts_for_the_bias(
    database: Database, put_in_service: Serve, changes: dict[str, Any], counted: int
) -> None:
    version = put_in_service(HELD_OUT).version
    predict(database, version, [ONE])
    review(database, 1, {"person": Tally(kept=1)}, **{"version": version, **changes})
    assert read(database).bias.actual_images == counted


def test_bias_of_the_weights_of_the_settings_is_known(database: Database) -> None:
    know_project(database, PROJECT)
    store_project(database, PROJECT, label_config="<View/>", model_version="yolo", now=TAKEN)
    for task in range(1, LEAST_IMAGES + 1):
        review(database, task, {"person": Tally(kept=1), "dog": Tally(added=1)}, "yolo")
    report = read(database)
    assert report.version is None
    assert Measure.PREDICTION_BIAS in alarms(report)


def test_second_look_at_held_out_images_replaces_the_first(database: Database, put_in_service: Serve) -> None:
    version = put_in_service(HELD_OUT)
    with database.write() as session:
        judge_again(session, version, held_out=[ONE] * 25)
    assert read(database).training_images == 25
    with database.write() as session:
        judge_again(session, version)
    assert read(database).training_images == 25
