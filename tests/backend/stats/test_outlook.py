"""What people read of the learning curve: the answer, which versions count, and the balance of classes."""

import json
from dataclasses import asdict

import pytest

from backend.stats.intervals import Estimate
from backend.stats.learning_curve import Outlook
from backend.stats.outlook import (
    ClassBalance,
    MeasuredVersion,
    OutlookReport,
    SnapshotCounts,
    assess_outlook,
    balance_classes,
)
from backend.stats.power_law import PowerLaw
from backend.training.entities import Difference
from tests.backend.stats.measured_versions import counts, measured, score

RISING = PowerLaw(0.92, 2.5, 0.5)
FLAT = PowerLaw(0.78, 3.0, 0.8)
SIZES = (100, 160, 250, 400, 640, 1000, 1600)
WORSE = Difference(-0.1, -0.15, -0.05)


def rising(law: PowerLaw = RISING, *, objects: int = 1_000_000) -> list[MeasuredVersion]:
    """Return versions that lie on the law, the newest first."""
    versions = [
        measured(n, images, law.quality(images), objects=objects) for n, images in enumerate(SIZES, 1)
    ]
    return versions[::-1]


def assess(
    versions: list[MeasuredVersion], target: float = 0.88, newest: SnapshotCounts | None = None
) -> OutlookReport:
    held = newest or (versions[0].counts if versions else None)
    return assess_outlook(versions, target=target, newest=held, scores=None)


@pytest.mark.parametrize(
    ("val", "test", "share"),
    [
        pytest.param(80, 80, 0.8, id="neither is full"),
        pytest.param(80, 100, 0.9, id="test is full"),
        pytest.param(100, 100, 1.0, id="both are full"),
    ],
)
def test_more_images_are_counted_with_those_that_go_to_splits_which_are_not_full(
    val: int, test: int, share: float
) -> None:
    newest = counts(800 - val - test, images=800, val=val, test=test)
    found = assess(rising(), newest=newest)
    assert found.outlook is Outlook.REACHABLE and found.more is not None and found.more.value is not None
    # 0.92 - 2.5 n^-0.5 = 0.88 where n = 3906, and the largest version has 1600.
    assert found.more.value == pytest.approx(2306 / share, rel=0.01)
    assert found.more.low is not None and found.more.low < found.more.value
    assert found.measure == "F1" and found.target == 0.88


def test_curve_is_drawn_up_to_where_the_target_is_reached() -> None:
    band = assess(rising()).band
    assert band[0].images == 100 and band[-1].images == pytest.approx(3906, rel=0.01)
    assert band[-1].quality.value == pytest.approx(0.88, abs=0.001)


def test_curve_of_a_target_out_of_reach_is_drawn_up_to_twice_the_images() -> None:
    found = assess(rising(FLAT, objects=20_000), target=0.85)
    assert found.outlook is Outlook.OUT_OF_REACH and found.band[-1].images == 3200
    assert found.more is not None and found.more.value is None and found.more.high is None


def test_target_that_is_reached_takes_no_more_images() -> None:
    found = assess(rising(), target=0.8)
    assert found.outlook is Outlook.REACHED and found.more is not None and found.more.value == 0


def test_images_held_out_are_those_of_the_newest_snapshot() -> None:
    found = assess(rising(), newest=counts(640, images=799, val=79, test=80))
    assert (found.val_images, found.test_images) == (79, 80)
    assert (assess([]).val_images, assess([]).test_images) == (0, 0)


def test_no_version_is_no_curve_but_an_answer() -> None:
    found = assess([])
    assert (found.outlook, found.points, found.band, found.more) == (Outlook.TOO_FEW, (), (), None)
    assert "no version has been measured" in found.advice


def test_versions_come_by_their_number_of_images_also_without_a_curve() -> None:
    found = assess([measured(2, 200, 0.6), measured(1, 300, 0.5)])
    assert [(point.version, point.images) for point in found.points] == [("v2", 200), ("v1", 300)]
    assert found.outlook is Outlook.TOO_FEW


def test_error_of_a_version_is_by_its_test_objects() -> None:
    # With two right and two wrong ones added: 80.4 of 103.84 and the square root of 0.7889 * 0.2111 / 103.84.
    (point,) = assess([measured(1, 200, 0.8, objects=100)]).points
    assert point.standard_error == pytest.approx(0.0400, abs=0.0002)


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(measured(1, 200, 0.0, objects=0), id="no test objects"),
        pytest.param(measured(1, 0, 0.5), id="no training images"),
    ],
)
def test_version_that_was_not_measured_is_no_point(version: MeasuredVersion) -> None:
    assert assess([version]).points == ()


def test_version_that_spoiled_labels_made_surely_worse_is_left_out_and_named() -> None:
    spoiled = measured(8, 2000, 0.4, objects=1_000_000, champion="v7", difference=WORSE)
    found = assess([spoiled, *rising()])
    assert found.outlook is Outlook.REACHABLE
    assert [point.version for point in found.left_out] == ["v8"]
    assert any("version v8, which is surely worse than v7" in note for note in found.notes)


@pytest.mark.parametrize(
    ("images", "difference"),
    [
        pytest.param(2000, Difference(-0.01, -0.04, 0.02), id="worse by chance"),
        pytest.param(1500, WORSE, id="of fewer images"),
        pytest.param(2000, None, id="not compared"),
    ],
)
def test_other_rejected_versions_stay_on_the_curve(images: int, difference: Difference | None) -> None:
    quality = RISING.quality(images)
    rejected = measured(8, images, quality, objects=1_000_000, champion="v7", difference=difference)
    assert "v8" in [point.version for point in assess([rejected, *rising()]).points]


def test_quality_that_falls_all_along_is_not_hidden() -> None:
    falling = [
        measured(n, 100 * n, 0.9 - n / 10, champion="v1" if n > 1 else None, difference=WORSE)
        for n in (4, 3, 2, 1)
    ]
    found = assess(falling)
    assert found.outlook is Outlook.FALLING and len(found.points) == 4


def test_versions_for_other_control_tags_are_on_no_common_curve() -> None:
    other = measured(9, 4000, 0.1, controls=("mask",))
    found = assess([*rising()[:1], other, *rising()[1:]])
    assert "v9" not in [point.version for point in (*found.points, *found.left_out)]
    assert any("control tags of the newest one" in note and "label" in note for note in found.notes)


@pytest.mark.parametrize(("first", "is_said"), [(100, False), (80, False), (60, True), (10, True)])
def test_test_split_that_has_grown_much_is_named(first: int, is_said: bool) -> None:
    notes = assess([measured(2, 200, 0.6), measured(1, 100, 0.5, test_images=first)]).notes
    assert any("test split has grown" in note for note in notes) is is_said


def test_classes_come_with_their_share_and_the_score_of_the_version_in_service() -> None:
    held = counts(100, objects={"dog": 100, "cat": 300, "owl": 0}, images_with={"cat": 90})
    assert balance_classes(held, score("v1", 0.7).classes) == (
        ClassBalance("cat", 300, 90, 0.75, 40, 0.7),
        ClassBalance("dog", 100, None, 0.25, 0, None),
        ClassBalance("owl", 0, None, 0.0, None, None),
    )


def test_snapshot_without_objects_has_no_shares() -> None:
    (only,) = balance_classes(counts(100, objects={"cat": 0}), None)
    assert (only.share, only.f1, only.test_objects) == (0.0, None, None)


@pytest.mark.parametrize("target", [0.5, 0.88, 0.99])
@pytest.mark.parametrize("law", [RISING, FLAT])
def test_answer_holds_no_number_that_json_cannot(law: PowerLaw, target: float) -> None:
    found = assess(rising(law, objects=2000), target)
    json.dumps(asdict(found), allow_nan=False)
    assert found.now is None or isinstance(found.now, Estimate)
