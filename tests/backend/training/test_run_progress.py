"""How far a run is, in numbers for programs and in words for people."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backend.training.entities import EpochMetrics, Phase, RunState, TrainingRun, Verdict
from backend.training.progress import (
    duration_words,
    eta_seconds,
    progress_of,
    run_to_json,
    run_words,
    state_words,
)
from backend.training_settings import TrainingSettings
from tests.backend.review_rows import NOON

METRICS = {
    "train/box_loss": 1.25,
    "train/cls_loss": 2.0,
    "val/box_loss": 1.5,
    "metrics/mAP50(B)": 0.6,
    "metrics/mAP50-95(B)": 0.4321,
    "lr/pg0": 0.001,
}
LAST = EpochMetrics(4, 10.0, METRICS)


def run_with(**changes: Any) -> TrainingRun:
    """Return a run that is in its fifth epoch of ten."""
    given: dict[str, Any] = {
        "id": "a1b2c3",
        "project_id": 7,
        "state": RunState.RUNNING,
        "phase": Phase.TRAIN,
        "reason": "Asked for.",
        "settings": TrainingSettings(train_epochs=10),
        "base": "yolo11n-1a2b3c4d",
        "base_weights": "runs/a1b2c3/base.pt",
        "snapshot": "f" * 64,
        "epoch": 4,
        "epochs": 10,
        "batch": 16,
        "seconds": 40.0,
        "checkpoint": None,
        "attempts": 1,
        "retry_at": None,
        "error": None,
        "warnings": ("40 images",),
        "notes": (),
        "version": None,
        "verdict": None,
        "verdict_reasons": (),
        "device": "cpu",
        "is_cancel_asked": False,
        "created_at": NOON,
        "started_at": NOON,
        "finished_at": None,
    }
    return TrainingRun(**{**given, **changes})


RUN = run_with()
DONE = run_with(
    state=RunState.DONE,
    phase=Phase.PROMOTE,
    epoch=7,
    finished_at=NOON + timedelta(seconds=90),
    version="project-7-v1-0a1b2c3d",
    verdict=Verdict.PROMOTE,
    verdict_reasons=("mAP50-95 is 0.1 higher.",),
)


def test_time_left_is_the_mean_epoch_for_each_one_left() -> None:
    assert eta_seconds(RUN) == 60.0


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(replace(RUN, epoch=0, seconds=0.0), id="no epoch finished"),
        pytest.param(replace(RUN, state=RunState.QUEUED), id="waits"),
        pytest.param(replace(RUN, phase=Phase.EVALUATE), id="training is over"),
        pytest.param(DONE, id="ended"),
    ],
)
def test_time_left_is_unknown(run: TrainingRun) -> None:
    assert eta_seconds(run) is None


def test_limit_of_hours_cuts_the_time_left() -> None:
    limited = replace(RUN, settings=TrainingSettings(train_hours=0.02))
    assert eta_seconds(limited) == pytest.approx(72 - 40)


@pytest.mark.parametrize(
    ("run", "share"),
    [
        pytest.param(replace(RUN, phase=Phase.SNAPSHOT, epoch=0), 0.0, id="snapshot"),
        pytest.param(RUN, 0.4, id="training"),
        pytest.param(replace(RUN, phase=Phase.EVALUATE, epoch=7), 1.0, id="stopped early"),
        pytest.param(DONE, 1.0, id="done"),
    ],
)
def test_progress_is_the_share_of_epochs(run: TrainingRun, share: float) -> None:
    assert progress_of(run) == share


def test_json_of_a_run_holds_what_is_known_of_it() -> None:
    shown = run_to_json(RUN, [LAST], now=NOON + timedelta(seconds=45))
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["id"], shown["project"], shown["state"], shown["phase"]) == (
        "a1b2c3",
        7,
        "running",
        "train",
    )
    assert (shown["epoch"], shown["epochs"], shown["progress"]) == (4, 10, 0.4)
    assert (shown["elapsed_seconds"], shown["eta_seconds"]) == (45.0, 60.0)
    assert shown["warnings"] == ["40 images"] and shown["created_at"] == NOON.isoformat()
    assert shown["settings"]["TRAIN_EPOCHS"] == 10
    assert shown["latest_epoch"] == shown["finished_epochs"][0]
    assert shown["latest_epoch"]["losses"] == {
        "train/box_loss": 1.25,
        "train/cls_loss": 2.0,
        "val/box_loss": 1.5,
    }
    assert shown["latest_epoch"]["metrics"] == {"mAP50": 0.6, "mAP50-95": 0.4321}


def test_json_of_an_ended_run_holds_its_verdict() -> None:
    shown = run_to_json(DONE, None, now=NOON + timedelta(days=1))
    assert (shown["verdict"], shown["version"]) == ("promote", DONE.version)
    assert shown["verdict_reasons"] == list(DONE.verdict_reasons)
    assert shown["elapsed_seconds"] == 90.0
    assert "finished_epochs" not in shown and "settings" not in shown


@pytest.mark.parametrize(
    ("run", "latest", "words"),
    [
        pytest.param(
            RUN,
            LAST,
            "box loss 1.25, cls loss 2, mAP50-95 0.432, about 1:00 left",
            id="training",
        ),
        pytest.param(replace(RUN, epoch=0), None, "", id="first epoch"),
        pytest.param(replace(RUN, state=RunState.QUEUED), None, "waits for a worker", id="queued"),
        pytest.param(
            replace(RUN, state=RunState.QUEUED, error="x"), None, "is tried again", id="after a failure"
        ),
        pytest.param(
            replace(RUN, phase=Phase.EVALUATE),
            EpochMetrics(4, 1.0, {"metrics/mAP50-95(B)": 0.5, "metrics/mAP50-95(M)": 0.25}),
            "mAP50-95(M) 0.250",
            id="masks",
        ),
    ],
)
def test_words_beside_the_bar(run: TrainingRun, latest: EpochMetrics | None, words: str) -> None:
    assert run_words(run, latest) == words


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (replace(RUN, phase=Phase.SNAPSHOT), "collecting examples"),
        (RUN, "training"),
        (replace(RUN, is_cancel_asked=True), "cancelling"),
        (replace(RUN, state=RunState.QUEUED), "queued"),
        (DONE, "done"),
    ],
)
def test_state_in_words(run: TrainingRun, words: str) -> None:
    assert state_words(run) == words


@pytest.mark.parametrize(("seconds", "words"), [(5.4, "0:05"), (65, "1:05"), (3725, "1:02:05")])
def test_durations_are_shown_as_clocks_do(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
