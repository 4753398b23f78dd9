"""Which changes of images are worth an alert, what ends one, and where nothing is said."""

from dataclasses import replace

import pytest

from backend.alerts.drift_rules import drift_keys, judge_drift
from backend.alerts.entities import AlertKind
from backend.alerts.rules import judge
from backend.report_settings import ProjectSettings
from backend.stats.change import Bin, Drift, Measure, Verdict, unknown
from backend.stats.drift_report import DriftReport
from backend.stats.intervals import Estimate
from tests.backend.alerts.drift_reports import drift, report
from tests.backend.alerts.project_facts import NOW, PROJECT, facts

SIDES = "in training and in this period"
WRONG, IN_ORDER, UNSURE = True, False, None


def moved(was: float, now: float) -> Bin:
    """Return a class whose share has changed."""
    shares = [Estimate(share, share, share) for share in (was, now, now - was)]
    return Bin("dog", *shares)


def states(found: DriftReport | None, *, is_watched: bool = True) -> dict[str, bool]:
    findings = judge_drift(PROJECT, found, is_watched=is_watched)
    assert len({each.key for each in findings}) == len(findings)
    assert {each.kind for each in findings} <= {AlertKind.DRIFT}
    return {each.key: each.is_wrong for each in findings}


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("verdict", [Verdict.MODERATE, Verdict.LARGE])
def test_clear_change_is_wrong_in_its_own_measure_alone(measure: Measure, verdict: Verdict) -> None:
    found = states(report(drift(measure, verdict)))
    assert found.keys() == set(drift_keys())
    assert [key for key, is_wrong in found.items() if is_wrong] == [measure.replace(" ", "_")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(drift(Measure.SCORES), IN_ORDER, id="none is seen"),
        pytest.param(drift(Measure.SCORES, Verdict.SMALL), IN_ORDER, id="a little one"),
        pytest.param(
            drift(Measure.SCORES, Verdict.SMALL, value=0.09), UNSURE, id="a little one that is nearly clear"
        ),
        pytest.param(
            drift(Measure.SCORES, value=0.3, p_value=0.01), UNSURE, id="one that chance hardly explains"
        ),
        pytest.param(
            drift(Measure.SCORES, value=0.3, p_value=0.2), IN_ORDER, id="one that chance explains easily"
        ),
        pytest.param(
            drift(Measure.CLASS_MIX, Verdict.SMALL, bins=(moved(0.10, 0.13),)),
            UNSURE,
            id="a class that has nearly moved as far as raises an alert",
        ),
        pytest.param(
            drift(Measure.CLASS_MIX, Verdict.SMALL, bins=(moved(0.10, 0.12),)),
            IN_ORDER,
            id="a class that has not",
        ),
        pytest.param(
            drift(Measure.CLASS_MIX, value=0.007, p_value=0.001, bins=(moved(0.10, 0.13),)),
            IN_ORDER,
            id="a class that has moved by as good as nothing",
        ),
        pytest.param(
            drift(Measure.SCORES, Verdict.SMALL, bins=(moved(0.10, 0.14),)), IN_ORDER, id="a range of scores"
        ),
        pytest.param(unknown(Measure.SCORES, 100, 19, sides=SIDES), UNSURE, id="too few images of late"),
        pytest.param(unknown(Measure.SCORES, 19, 100, sides=SIDES), IN_ORDER, id="too few held out"),
        pytest.param(unknown(Measure.PREDICTION_BIAS, 3, 3, sides="reviewed"), UNSURE, id="too few reviews"),
    ],
)
def test_measure_without_a_clear_change(change: Drift, expected: bool | None) -> None:
    found = states(report(change))
    assert found.get(change.measure.replace(" ", "_")) is expected


def test_without_a_report_nothing_is_said() -> None:
    assert states(None) == {}


@pytest.mark.parametrize("found", [None, report(drift(Measure.SIZE, Verdict.LARGE))], ids=["none", "large"])
def test_what_is_not_watched_is_in_order_whatever_the_report_says(found: DriftReport | None) -> None:
    assert states(found, is_watched=False) == dict.fromkeys(drift_keys(), False)


def test_model_of_which_no_training_images_are_known_ends_alerts_about_images() -> None:
    measures = [unknown(measure, 0, 300, sides=SIDES) for measure in Measure if "bias" not in measure]
    found = states(report(*measures, version=None, training_images=0))
    assert set(found) == set(drift_keys()) and not any(found.values())


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        pytest.param(
            Measure.CLASS_MIX, ["class mix since the training of v3", "Review some"], id="class mix"
        ),
        pytest.param(Measure.SCORES, ["scores since", "not as sure", "Review some"], id="scores"),
        pytest.param(Measure.BRIGHTNESS, ["brightness since", "a camera"], id="brightness"),
        pytest.param(Measure.SIZE, ["image size since", "a camera"], id="size"),
        pytest.param(
            Measure.PREDICTION_BIAS,
            ["prediction bias of v3", "backend quality --project 7", "backend train --project 7"],
            id="bias",
        ),
    ],
)
def test_message_names_measure_figure_and_what_to_do(measure: Measure, words: list[str]) -> None:
    findings = judge_drift(PROJECT, report(drift(measure, Verdict.LARGE)), is_watched=True)
    (message,) = (each.message for each in findings if each.is_wrong)
    assert message.startswith(f"Project {PROJECT}: ")
    more = ["(PSI 0.40)", "python -m backend drift --project 7"]
    assert [word for word in [*words, *more] if word not in message] == []
    assert len(message) < 700


def test_rules_of_projects_look_at_drift_as_the_setting_says() -> None:
    known = facts(drift=report(drift(Measure.SIZE, Verdict.LARGE)))
    found = {
        is_watched: [
            each.key
            for each in judge(known, ProjectSettings(alert_drift=is_watched), now=NOW)
            if each.kind == AlertKind.DRIFT and each.is_wrong
        ]
        for is_watched in (True, False)
    }
    assert found == {True: ["image_size"], False: []}


def test_project_that_is_gone_ends_each_alert_about_drift() -> None:
    known = replace(facts(drift=report(drift(Measure.SIZE, Verdict.LARGE))), is_gone=True)
    found = judge(known, ProjectSettings(), now=NOW)
    assert {each.key for each in found if each.kind == AlertKind.DRIFT} == set(drift_keys())
    assert not any(each.is_wrong for each in found)
