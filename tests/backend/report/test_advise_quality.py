"""Advice on the model's quality, and on images that have changed."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from backend.report.advice import Topic, Urgency
from backend.report.advise import advise
from backend.report.entities import ProjectReport
from backend.stats.change import Measure, Verdict
from backend.stats.quality import VersionSums
from tests.backend.report.calm_report import (
    NEXT_WEEK,
    REVIEWED,
    cell,
    drift,
    lines_of,
    quality,
    the_line,
    version,
)
from tests.backend.report.makers import VERSIONS


def test_surely_worse_version_is_named(calm: ProjectReport) -> None:
    worse = quality(version(VERSIONS[0], cell(45, right=7)), version(VERSIONS[1], cell(45, right=9)))
    line = the_line(replace(calm, quality=worse), Topic.QUALITY)
    assert line.urgency is Urgency.NOW and "the newest model is worse" in line.todo
    # F1 = 2 TP / (2 TP + FP + FN) = 14 / 17 after 18 / 19.
    assert line.figure.startswith("F1 0.82 (") and "after 0.95 (" in line.figure
    assert VERSIONS[0] in line.reason and VERSIONS[1] in line.reason


@pytest.mark.parametrize(
    "serving",
    [
        pytest.param(VERSIONS[2], id="rolled back to the weights of the settings"),
        pytest.param(VERSIONS[0], id="a newer one serves that nobody has corrected"),
        pytest.param(None, id="nothing serves"),
    ],
)
def test_worse_version_that_serves_no_longer_is_no_news(calm: ProjectReport, serving: str | None) -> None:
    worse = quality(version(VERSIONS[1], cell(50, right=7)), version(VERSIONS[2], cell(50, right=9)))
    back = replace(calm, quality=worse, serving=serving, drift=replace(calm.drift, version=None))
    assert not [line for line in advise(back, REVIEWED) if line.urgency is Urgency.NOW]


def test_version_of_few_corrections_does_not_make_the_one_before_it_the_newest(calm: ProjectReport) -> None:
    versions = quality(
        version(VERSIONS[0], cell(2, right=9)),
        version(VERSIONS[1], cell(45, right=7)),
        version(VERSIONS[2], cell(45, right=9)),
    )
    found = advise(replace(calm, quality=versions), REVIEWED)
    assert not [line for line in found if line.urgency is Urgency.NOW]


def test_worse_version_is_named_where_it_serves_with_another_model(calm: ProjectReport) -> None:
    worse = quality(
        version(f"mask-1a2b+{VERSIONS[0]}", cell(45, right=7)),
        version(f"mask-1a2b+{VERSIONS[1]}", cell(45, right=9)),
    )
    both = replace(calm, quality=worse, serving=f"mask-1a2b+{VERSIONS[0]}")
    assert the_line(both, Topic.QUALITY).urgency is Urgency.NOW
    older = replace(both, serving=f"mask-1a2b+{VERSIONS[1]}")
    assert not [line for line in advise(older, REVIEWED) if line.urgency is Urgency.NOW]


@pytest.mark.parametrize(
    ("images", "right"), [pytest.param(50, 9, id="equal"), pytest.param(2, 7, id="few regions")]
)
def test_version_that_is_not_surely_worse_is_not_named(calm: ProjectReport, images: int, right: int) -> None:
    versions = quality(
        version(VERSIONS[0], cell(images, right=right)), version(VERSIONS[1], cell(40, right=9))
    )
    assert all(line.urgency is Urgency.FINE for line in advise(replace(calm, quality=versions), REVIEWED))


def falling(name: str = VERSIONS[0]) -> VersionSums:
    return version(
        name, cell(50, right=9), cell(50, right=6, week=NEXT_WEEK), cell(5, right=6, is_blind=True)
    )


@pytest.mark.parametrize(
    "today", [pytest.param(NEXT_WEEK, id="it goes on"), pytest.param(date(2026, 1, 25), id="the last week")]
)
def test_surely_worse_week_of_one_version_is_named(calm: ProjectReport, today: date) -> None:
    now = datetime.combine(today, time(23), UTC)
    line = the_line(replace(calm, quality=quality(falling()), made_at=now), Topic.QUALITY)
    assert line.urgency is Urgency.NOW and "week of 2026-01-12" in line.reason


@pytest.mark.parametrize(
    ("changes", "versions"),
    [
        pytest.param({"made_at": datetime(2026, 1, 26, tzinfo=UTC)}, [falling()], id="long over"),
        pytest.param({"serving": VERSIONS[1]}, [falling()], id="another version serves"),
        pytest.param(
            {},
            [version(VERSIONS[0], cell(3, right=9, week=NEXT_WEEK)), falling(VERSIONS[1])],
            id="a newer version serves since",
        ),
    ],
)
def test_worse_week_that_is_over_is_no_news(
    calm: ProjectReport, changes: dict[str, Any], versions: list[VersionSums]
) -> None:
    in_time = {"made_at": datetime(2026, 1, 14, tzinfo=UTC), **changes}
    found = advise(replace(calm, quality=quality(*versions), **in_time), REVIEWED)
    assert not [line for line in found if line.urgency is Urgency.NOW]


def test_model_that_looks_better_where_it_is_seen_is_judged_by_blind_tasks(calm: ProjectReport) -> None:
    anchored = quality(version(VERSIONS[0], cell(90, right=9), cell(30, right=6, is_blind=True)))
    line = the_line(replace(calm, quality=anchored), Topic.QUALITY)
    # F1 = 18 / 19 and 12 / 16.
    assert "0.95 (" in line.figure and "0.75 (" in line.figure and "blind" in line.todo


@pytest.mark.parametrize(("corrected", "is_said"), [(99, False), (100, True)])
def test_missing_blind_tasks_are_asked_for_when_there_should_be_some(
    calm: ProjectReport, corrected: int, is_said: bool
) -> None:
    none = replace(calm, quality=quality(version(VERSIONS[0], cell(corrected, right=9))))
    assert any("BLIND_FRACTION" in line.reason for line in advise(none, REVIEWED)) is is_said


def test_greatest_change_is_named_and_the_others_counted(calm: ProjectReport) -> None:
    found = (
        drift(Measure.BRIGHTNESS, Verdict.MODERATE, 0.2),
        drift(Measure.CLASS_MIX, Verdict.LARGE, 0.4),
        drift(Measure.SCORES, Verdict.LARGE, 0.6),
    )
    line = the_line(replace(calm, drift=replace(calm.drift, measures=found)), Topic.DRIFT)
    assert line.urgency is Urgency.NOW and line.figure == "scores: PSI 0.60, above 0.05"
    assert line.reason.startswith("The scores has changed. 1 other figure changed as much.")


def test_bias_of_the_model_asks_for_labels_of_its_classes(calm: ProjectReport) -> None:
    bias = drift(Measure.PREDICTION_BIAS, Verdict.MODERATE, 0.2)
    line = the_line(replace(calm, drift=replace(calm.drift, bias=bias)), Topic.DRIFT)
    assert line.urgency is Urgency.SOON and "too often or too seldom" in line.todo


@pytest.mark.parametrize("verdict", [Verdict.SMALL, Verdict.NONE])
def test_small_change_is_no_matter(calm: ProjectReport, verdict: Verdict) -> None:
    small = (drift(Measure.SCORES, verdict, 0.04),)
    assert not lines_of(replace(calm, drift=replace(calm.drift, measures=small)), Topic.DRIFT)
