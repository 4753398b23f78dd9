"""What calls for an alert, what ends one, and where neither is sure."""

from typing import Any

import pytest

from backend.alerts.entities import AlertKind, Finding
from backend.alerts.rules import LEAST_REGIONS, RecentF1, judge
from backend.report_settings import ProjectSettings
from backend.training.entities import RunState, Verdict
from retrain.snapshot.warnings import Findings, warnings_of
from tests.backend.alerts.project_facts import NOW, PROJECT, days_ago, facts, recent, run, version

WRONG, IN_ORDER, UNSURE = True, False, None
MISSING = (
    "The images of 2 tasks cannot be had, so a model learns nothing from them. task 3: 404; task 4: 404."
)


def finding(kind: AlertKind, changes: dict[str, Any], settings: dict[str, Any]) -> Finding | None:
    found = judge(facts(**changes), ProjectSettings(**settings), now=NOW)
    return next((each for each in found if each.kind == kind), None)


def state(kind: AlertKind, changes: dict[str, Any], settings: dict[str, Any]) -> bool | None:
    found = finding(kind, changes, settings)
    return found and found.is_wrong


@pytest.mark.parametrize(
    ("changes", "settings", "expected"),
    [
        pytest.param({"reviewed_at": days_ago(31)}, {}, WRONG, id="nobody reviewed for a month"),
        pytest.param({"reviewed_at": days_ago(29)}, {}, IN_ORDER, id="somebody did"),
        pytest.param({"reviewed_at": days_ago(31), "waiting": 0}, {}, IN_ORDER, id="no task waits"),
        pytest.param({"reviewed_at": None}, {}, WRONG, id="predicted long ago and never reviewed"),
        pytest.param(
            {"reviewed_at": None, "waiting_since": days_ago(2)}, {}, IN_ORDER, id="predicted just now"
        ),
        pytest.param(
            {"reviewed_at": None, "waiting_since": None}, {}, UNSURE, id="never predicted, never reviewed"
        ),
        pytest.param(
            {"reviewed_at": days_ago(90), "waiting_since": days_ago(2)},
            {},
            IN_ORDER,
            id="all was reviewed until new tasks came",
        ),
        pytest.param(
            {"reviewed_at": days_ago(31), "waiting_since": None}, {}, WRONG, id="reviewed once, not predicted"
        ),
        pytest.param({"reviewed_at": days_ago(2)}, {"alert_idle_days": 1}, WRONG, id="shorter limit"),
        pytest.param({"reviewed_at": days_ago(99)}, {"alert_idle_days": 0}, IN_ORDER, id="not watched"),
    ],
)
def test_idle_project(changes: dict[str, Any], settings: dict[str, Any], expected: bool | None) -> None:
    assert state(AlertKind.NO_REVIEWS, changes, settings) is expected


@pytest.mark.parametrize(
    ("of_late", "least", "expected"),
    [
        pytest.param(recent(0.4), 0.6, WRONG, id="whole interval below"),
        pytest.param(recent(0.56), 0.6, UNSURE, id="limit in the upper half of the interval"),
        pytest.param(recent(0.6), 0.6, IN_ORDER, id="at the limit"),
        pytest.param(recent(0.4, regions=LEAST_REGIONS - 1), 0.6, UNSURE, id="too few regions"),
        pytest.param(recent(None), 0.6, UNSURE, id="no F1"),
        pytest.param(None, 0.6, UNSURE, id="not corrected yet"),
        pytest.param(recent(0.0), 0.0, IN_ORDER, id="not watched"),
    ],
)
def test_quality_of_the_version_in_service(
    of_late: RecentF1 | None, least: float, expected: bool | None
) -> None:
    # What it was like before says nothing: new images make a good version bad.
    known = {"versions": (version("v1", 0.8, regions=9000),), "in_service": "v1", "recent": of_late}
    assert state(AlertKind.LOW_QUALITY, known, {"alert_min_f1": least}) is expected


def course(*values: float | None, serving: int | None = None, trained_from: int = 1) -> dict[str, Any]:
    """Return versions v0, v1, ... of these F1; those before `trained_from` were made by no run."""
    known = tuple(
        version(f"v{number}", f1, is_trained=number >= trained_from) for number, f1 in enumerate(values)
    )
    return {"versions": known, "in_service": f"v{len(values) - 1 if serving is None else serving}"}


@pytest.mark.parametrize(
    ("changes", "settings", "expected"),
    [
        pytest.param(course(0.8, 0.7, 0.6, 0.5), {}, WRONG, id="three versions, each worse"),
        pytest.param(course(0.8, 0.7, 0.6), {}, IN_ORDER, id="two are not enough"),
        pytest.param(course(0.8, 0.7, 0.6), {"alert_falls": 2}, WRONG, id="two are, by the setting"),
        pytest.param(course(0.8, 0.7, 0.7, 0.5), {}, IN_ORDER, id="one as good as that before it"),
        pytest.param(course(0.8, 0.7, 0.6, 0.5, 0.55), {}, IN_ORDER, id="better again"),
        pytest.param(
            course(0.8, 0.7, None, 0.6, 0.5), {}, WRONG, id="a version without figures is passed over"
        ),
        pytest.param(course(0.8, 0.7, 0.6, 0.5, serving=1), {}, IN_ORDER, id="rolled back"),
        pytest.param(
            course(0.8, 0.7, 0.6, 0.5, trained_from=2), {}, IN_ORDER, id="one of them was put there by hand"
        ),
        pytest.param(
            {**course(0.8, 0.7, 0.6, 0.5), "in_service": "v9"}, {}, WRONG, id="new one has no figures yet"
        ),
        pytest.param(course(0.8, 0.7, 0.6, 0.5), {"alert_falls": 0}, IN_ORDER, id="not watched"),
        pytest.param({}, {}, IN_ORDER, id="no figures at all"),
    ],
)
def test_quality_from_version_to_version(
    changes: dict[str, Any], settings: dict[str, Any], expected: bool
) -> None:
    assert state(AlertKind.FALLING_QUALITY, changes, settings) is expected


FAILED, CANCELLED, RUNNING = RunState.FAILED, RunState.CANCELLED, RunState.RUNNING


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([], UNSURE, id="none"),
        pytest.param([run("a")], IN_ORDER, id="done"),
        pytest.param([run("b", FAILED), run("a")], WRONG, id="failed"),
        pytest.param([run("c", RUNNING), run("b", FAILED)], WRONG, id="the next one still runs"),
        pytest.param([run("c", CANCELLED), run("b", FAILED)], WRONG, id="the next one was cancelled"),
        pytest.param([run("c"), run("b", FAILED)], IN_ORDER, id="the next one is done"),
    ],
)
def test_last_run(runs: list[Any], expected: bool | None) -> None:
    assert state(AlertKind.RUN_FAILED, {"runs": tuple(runs)}, {}) is expected


REJECTED, HELD = {"verdict": Verdict.REJECT}, {"verdict": Verdict.HOLD}


@pytest.mark.parametrize(
    ("runs", "in_service", "expected"),
    [
        pytest.param([], None, UNSURE, id="none"),
        pytest.param([run("a", **REJECTED)], None, UNSURE, id="the first is rejected"),
        pytest.param([run("b", **REJECTED), run("a", **REJECTED)], None, WRONG, id="twice"),
        pytest.param([run("b", **REJECTED), run("a")], None, UNSURE, id="once, after a good one"),
        pytest.param(
            [run("c", **HELD), run("b", **REJECTED), run("a", **REJECTED)], None, UNSURE, id="then held"
        ),
        pytest.param(
            [run("c"), run("b", **REJECTED), run("a", **REJECTED)], None, IN_ORDER, id="then a good one"
        ),
        pytest.param(
            [run("c", FAILED), run("b", **REJECTED), run("a", **REJECTED)],
            None,
            WRONG,
            id="then a failed run",
        ),
        pytest.param(
            [run("b", **REJECTED), run("a", **REJECTED)],
            "version of b+other",
            IN_ORDER,
            id="but put in service by hand",
        ),
    ],
)
def test_verdicts(runs: list[Any], in_service: str | None, expected: bool | None) -> None:
    known = {"runs": tuple(runs), "in_service": in_service}
    assert state(AlertKind.REJECTED_TWICE, known, {}) is expected


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([run("a", warnings=("There are 12 images.", MISSING))], WRONG, id="some are missing"),
        pytest.param([run("a", warnings=("There are 12 images.",))], IN_ORDER, id="none is"),
        pytest.param([run("a", RUNNING, warnings=(MISSING,))], WRONG, id="the run goes on"),
        pytest.param([run("b"), run("a", warnings=(MISSING,))], IN_ORDER, id="only formerly"),
        pytest.param(
            [run("b", RUNNING, snapshot=None), run("a", warnings=(MISSING,))],
            WRONG,
            id="not looked again yet",
        ),
        pytest.param([run("a", FAILED, snapshot=None)], UNSURE, id="no snapshot"),
    ],
)
def test_examples(runs: list[Any], expected: bool | None) -> None:
    assert state(AlertKind.EXAMPLES_MISSING, {"runs": tuple(runs)}, {}) is expected


def test_warning_of_a_snapshot_is_known_by_how_it_begins() -> None:
    from backend.training.entities import TrainingTarget

    target = TrainingTarget("detect", ("label",), ("car",), "$image")
    warnings = warnings_of(target, (), Findings(unfetched={3: "The image answers 404."}, unread={}))
    assert state(AlertKind.EXAMPLES_MISSING, {"runs": (run("a", warnings=warnings),)}, {}) is WRONG
    warnings = warnings_of(target, (), Findings(unfetched={}, unread={3: "A brush has no size."}))
    assert state(AlertKind.EXAMPLES_MISSING, {"runs": (run("a", warnings=warnings),)}, {}) is IN_ORDER


def test_project_that_is_gone_has_nothing_wrong() -> None:
    everything = {"reviewed_at": days_ago(90), "runs": (run("a", FAILED),), **course(0.8, 0.7, 0.6, 0.5)}
    assert {each.kind for each in judge(facts(**everything), ProjectSettings(), now=NOW) if each.is_wrong}
    found = judge(facts(**everything, is_gone=True), ProjectSettings(), now=NOW)
    assert {each.kind: each.is_wrong for each in found} == dict.fromkeys(AlertKind, False)


@pytest.mark.parametrize(
    ("kind", "changes", "settings", "words"),
    [
        pytest.param(
            AlertKind.NO_REVIEWS,
            {"reviewed_at": days_ago(31)},
            {},
            ["for 31 days", "120 tasks wait", "ALERT_IDLE_DAYS"],
            id="idle",
        ),
        pytest.param(
            AlertKind.NO_REVIEWS,
            {"reviewed_at": days_ago(0.5), "waiting": 1},
            {"alert_idle_days": 0.25},
            ["for 12 hours", "1 task wait"],
            id="idle for hours",
        ),
        pytest.param(
            AlertKind.LOW_QUALITY,
            {"in_service": "v1", "recent": recent(0.4)},
            {"alert_min_f1": 0.6},
            [
                "v1",
                "0.40",
                "0.35 to 0.45",
                "30 regions",
                "ALERT_MIN_F1 = 0.6",
                "--project 7 --since 2026-04-06",
            ],
            id="low quality",
        ),
        pytest.param(
            AlertKind.FALLING_QUALITY,
            course(0.8, 0.7, 0.6, 0.5),
            {},
            ["3 times", "v0 0.80, v1 0.70, v2 0.60, v3 0.50", "rollback --project 7"],
            id="falling",
        ),
        pytest.param(
            AlertKind.RUN_FAILED,
            {"runs": (run("abc", FAILED),)},
            {},
            ["run abc failed: no space left.", "train --project 7"],
            id="failed",
        ),
        pytest.param(
            AlertKind.REJECTED_TWICE,
            {"runs": (run("b", **REJECTED, verdict_reasons=("worse by 0.1",)), run("a", **REJECTED))},
            {},
            ["Run b: worse by 0.1.", "runs b"],
            id="rejected",
        ),
        pytest.param(
            AlertKind.EXAMPLES_MISSING,
            {"runs": (run("a", warnings=(MISSING,)),)},
            {},
            ["run a", "2 tasks", "task 3: 404", "doctor --project 7"],
            id="examples",
        ),
    ],
)
def test_message_names_project_figures_and_what_to_do(
    kind: AlertKind, changes: dict[str, Any], settings: dict[str, Any], words: list[str]
) -> None:
    found = finding(kind, changes, settings)
    assert found is not None and found.is_wrong and found.message.startswith(f"Project {PROJECT}: ")
    assert [word for word in words if word not in found.message] == []


def test_long_error_is_cut_to_one_short_line() -> None:
    found = finding(AlertKind.RUN_FAILED, {"runs": (run("a", FAILED, error="line\n" * 1000),)}, {})
    assert found is not None and "\n" not in found.message and len(found.message) < 700
