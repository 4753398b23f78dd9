"""`train`, `runs`, `configure` and `status` on the command line: what people see, and exit codes."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.errors import BadRequest, NotFound, QueueUnavailable
from backend.services import Services
from backend.store.project_settings import own_settings, set_project_settings
from backend.store.runs import active_run, claim_run, end_run, get_run, list_runs, store_epoch, update_run
from backend.store.training_requests import is_training_asked
from backend.store.training_tables import SqlSnapshot, SqlTrainedVersion
from backend.training.consider import consider
from backend.training.entities import (
    Comparison,
    Difference,
    EpochMetrics,
    ModelScore,
    RunState,
    SavedCheckpoint,
    TrainingRun,
)
from tests.backend.makers import RunCommand
from tests.backend.review_rows import PROJECT, store_rows
from tests.backend.training.projects import begin, plan_for, review

METRICS = {"train/box_loss": 1.25, "val/box_loss": 1.5, "metrics/mAP50(B)": 0.6, "metrics/mAP50-95(B)": 0.432}
CHECKPOINT = SavedCheckpoint(1, "last.pt", "a" * 64, "best.pt", "b" * 64, is_last=False)
HERE = ("--project", str(PROJECT))


@pytest.fixture
def run(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Run a command; no worker listens."""
    monkeypatch.setattr("backend.queue.JobQueue.worker_count", lambda *_: 0)
    return run_command


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let something happen each time that a command waits, one after the other; then Ctrl-C is pressed."""

    def plan(*steps: Callable[[], object]) -> None:
        left = list(steps)

        def sleep(_: float) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        for module in ("train", "watch_run"):
            monkeypatch.setattr(f"backend.cli.{module}.time.sleep", sleep)

    return plan


def decide(services: Services) -> str | None:
    return consider(services.database, services.queue, services.settings, PROJECT, now=datetime.now(UTC))


def work(services: Services, run_id: str) -> None:
    """Take the run, and finish its first epoch."""
    now = datetime.now(UTC)
    assert claim_run(services.database, run_id, owner="me", now=now) is not None
    update_run(services.database, run_id, owner="me", now=now, phase="train")
    epoch = EpochMetrics(1, 65.0, METRICS)
    store_epoch(services.database, run_id, epoch, checkpoint=CHECKPOINT, owner="me", now=now)


def end(services: Services, run_id: str, state: RunState, **fields: Any) -> None:
    with services.database.write() as session:
        end_run(session, run_id, state, owner="me", now=datetime.now(UTC), **fields)


def score(version: str, map50_95: float) -> ModelScore:
    return ModelScore(version, map50_95, 0.6, 0.7, 0.5, 0.58, threshold=0.3, latency_ms=25.0, classes=())


def keep_version(services: Services, run_id: str) -> None:
    """Store a version that the run made, better than the one before it."""
    champion = score("yolo11n-1a2b3c4d", 0.3)
    challenger = replace(score("project-7-v1-0a1b2c3d", 0.4), shown_f1=0.52)
    difference = Difference(0.1, 0.02, 0.18)
    comparison = asdict(Comparison(12, 40, challenger, champion, difference))
    digest = "f" * 64
    of_project: dict[str, Any] = {"project_id": PROJECT, "created_at": datetime.now(UTC)}
    snapshot = SqlSnapshot(**of_project, digest=digest, task="detect", labels=["car"], counts={}, warnings=[])
    version = SqlTrainedVersion(
        **of_project,
        version=challenger.version,
        number=1,
        parent=champion.version,
        run_id=run_id,
        snapshot=digest,
        controls=["label"],
        state="champion",
        comparison=comparison,
    )
    store_rows(services.database, snapshot)
    store_rows(services.database, version)


def newest(services: Services) -> str:
    return list_runs(services.database)[0].id


def test_train_asks_and_says_that_no_worker_runs(run: RunCommand, services: Services) -> None:
    review(services.database, [1])
    result = run("train", *HERE, "--no-wait")
    assert result.exit_code == 0, result.output
    assert "Asked for a run of project 7." in result.output and "make run" in result.output
    with services.database.read() as session:
        assert is_training_asked(session, PROJECT)


def test_train_says_that_redis_is_down_and_asks_all_the_same(
    run: RunCommand, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise QueueUnavailable("Redis does not answer: gone.")

    monkeypatch.setattr("backend.queue.JobQueue.worker_count", fail)
    review(services.database, [1])
    result = run("train", *HERE, "--no-wait")
    assert result.exit_code == 0 and "Redis does not answer" in result.output


def test_train_of_an_unknown_project_is_an_error(run: RunCommand) -> None:
    assert isinstance(run("train", *HERE).exception, NotFound)


def test_train_tells_why_no_run_begins(
    run: RunCommand, services: Services, meanwhile: Callable[..., None]
) -> None:
    review(services.database, range(3))
    meanwhile(lambda: decide(services))
    result = run("train", *HERE)
    assert isinstance(result.exception, BadRequest)
    assert "No run begins: 3 of the 10 reviewed tasks" in result.exception.message


def test_train_of_a_project_without_a_tag_to_train_for_says_so(
    run: RunCommand, services: Services, meanwhile: Callable[..., None]
) -> None:
    review(services.database, range(12))
    plan_for(services.database, is_for_training=False)
    meanwhile(lambda: decide(services))
    result = run("train", *HERE)
    assert isinstance(result.exception, BadRequest)
    assert "No run begins: No tag of the project is for training" in result.exception.message
    assert list_runs(services.database) == []


def test_train_shows_the_run_to_its_end(
    run: RunCommand, services: Services, meanwhile: Callable[..., None]
) -> None:
    review(services.database, range(12))
    meanwhile(
        lambda: decide(services),
        lambda: work(services, newest(services)),
        lambda: end(services, newest(services), RunState.DONE),
    )
    result = run("train", *HERE)
    assert result.exit_code == 0, result.output
    assert "done" in result.output and "Why: Asked for: 12 reviewed tasks new" in result.output
    assert "Trained 1 of 30 epochs, 1:05 each" in result.output


def test_train_during_a_run_shows_that_one_and_then_its_own(
    run: RunCommand, services: Services, meanwhile: Callable[..., None]
) -> None:
    review(services.database, range(12))
    first = begin(services.database, now=datetime.now(UTC))
    meanwhile(
        lambda: work(services, first),
        lambda: end(services, first, RunState.DONE),
        lambda: decide(services),
        lambda: work(services, newest(services)),
        lambda: end(services, newest(services), RunState.FAILED, error="The disk is full."),
    )
    result = run("train", *HERE)
    assert f"Run {first} of project 7 is active; another one follows it." in result.output
    assert result.exit_code == 1 and "Reason: The disk is full." in result.output
    assert {run.state for run in list_runs(services.database)} == {RunState.DONE, RunState.FAILED}


def test_run_that_begins_between_two_looks_is_shown_to_its_end(
    run: RunCommand,
    services: Services,
    meanwhile: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    review(services.database, range(12))
    looks = []

    def look(*of: Any) -> TrainingRun | None:
        looks.append(of)
        if len(looks) == 2:  # after the first question whether the request still waits
            decide(services)
        return active_run(*of)

    monkeypatch.setattr("backend.cli.train.active_run", look)
    meanwhile(
        lambda: work(services, newest(services)), lambda: end(services, newest(services), RunState.DONE)
    )
    result = run("train", *HERE)
    assert result.exit_code == 0, result.exception
    assert f"Run {newest(services)} of project 7: done" in result.output


def test_stopping_the_watching_leaves_the_run(
    run: RunCommand, services: Services, meanwhile: Callable[..., None]
) -> None:
    review(services.database, range(12))
    meanwhile(lambda: decide(services))
    result = run("train", *HERE)
    active = active_run(services.database, PROJECT)
    assert active is not None and result.exit_code == 130
    assert f"runs {active.id} --watch" in result.output and f"runs {active.id} --cancel" in result.output


def test_runs_are_listed_with_the_last_decision(run: RunCommand, services: Services) -> None:
    assert "train --project ID" in run("runs").output
    run_id = begin(services.database, now=datetime.now(UTC))
    decide(services)
    assert run_id in run("runs").output
    assert "None due: A run is active." in run("runs", *HERE).output
    assert run_id not in run("runs", "--project", "8").output


def test_run_is_shown_with_its_epochs(run: RunCommand, services: Services) -> None:
    run_id = begin(services.database, now=datetime.now(UTC))
    work(services, run_id)
    output = run("runs", run_id).output
    assert "mAP50-95" in output and "0.432" in output and "1.250" in output
    assert f"Run {run_id} of project 7: training." in output


def test_run_that_waits_after_a_failure_says_why(
    run: RunCommand, services: Services, meanwhile: Callable[..., None]
) -> None:
    run_id = begin(services.database, now=datetime.now(UTC))
    work(services, run_id)
    update_run(services.database, run_id, owner="me", now=datetime.now(UTC), error="Memory was short.")
    meanwhile(lambda: None, lambda: end(services, run_id, RunState.CANCELLED))
    result = run("runs", run_id, "--watch")
    assert result.output.count("Waits: Memory was short.") == 1
    assert result.exit_code == 1 and "cancelled" in result.output


def test_run_is_cancelled(run: RunCommand, services: Services) -> None:
    run_id = begin(services.database, now=datetime.now(UTC))
    result = run("runs", run_id, "--cancel")
    assert result.exit_code == 0 and "cancelled" in result.output
    assert get_run(services.database, run_id).state == RunState.CANCELLED


def test_unknown_run_is_an_error(run: RunCommand) -> None:
    assert isinstance(run("runs", "nothing").exception, NotFound)


def test_configure_shows_sets_and_removes(run: RunCommand, services: Services) -> None:
    review(services.database, [1])
    assert "All of them hold for all projects." in run("configure", *HERE).output
    result = run("configure", *HERE, "TRAIN_EPOCHS=3", "train_options=lr0=0.001,mosaic=0")
    assert result.exit_code == 0, result.output
    assert own_settings(services.database, PROJECT) == {
        "train_epochs": 3,
        "train_options": "lr0=0.001,mosaic=0",
    }
    [line] = [line for line in result.output.splitlines() if line.strip().startswith("TRAIN_EPOCHS")]
    assert line.split() == ["TRAIN_EPOCHS", "3", "this", "project"]
    assert run("configure", *HERE, "--unset", "TRAIN_OPTIONS").exit_code == 0
    assert own_settings(services.database, PROJECT) == {"train_epochs": 3}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["TRAIN_EPOCHS"], "no NAME=VALUE"),
        (["TRAIN_EPOCHS=0"], "greater than or equal to 1"),
        (["TRAIN_EPOCHS=2", "--unset", "train_epochs"], "both set and unset"),
        (["COLOUR=red"], "no setting"),
    ],
)
def test_configure_refuses_what_cannot_be_used(
    run: RunCommand, services: Services, arguments: list[str], words: str
) -> None:
    review(services.database, [1])
    result = run("configure", *HERE, *arguments)
    assert isinstance(result.exception, BadRequest) and words in result.exception.message
    assert own_settings(services.database, PROJECT) == {}


def test_configure_of_an_unknown_project_is_an_error(run: RunCommand, services: Services) -> None:
    assert isinstance(run("configure", *HERE, "TRAIN_EPOCHS=3").exception, NotFound)


def test_status_tells_when_the_next_run_is_due(
    run: RunCommand, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.status._connected", lambda *_: "yes")
    monkeypatch.setattr("backend.status._version", lambda *_: "1.23")
    review(services.database, range(38))
    changes = {"RETRAIN_MIN_CORRECTIONS": 500}
    set_project_settings(services.database, PROJECT, changes, services.settings)
    decide(services)
    assert "38 of 50 reviewed tasks" in run("status").output
    run_id = begin(services.database, now=datetime.now(UTC) + timedelta(seconds=1))
    assert f"{run_id}: queued, epoch 0/30" in run("status").output


def test_done_run_shows_verdict_reasons_and_figures_before_and_after(
    run: RunCommand, services: Services
) -> None:
    run_id = begin(services.database, now=datetime.now(UTC))
    work(services, run_id)
    keep_version(services, run_id)
    reasons = ["mAP50-95 is 0.100 higher."]
    fields = {"version": "project-7-v1-0a1b2c3d", "verdict": "promote", "verdict_reasons": reasons}
    update_run(services.database, run_id, owner="me", now=datetime.now(UTC), **fields)
    end(services, run_id, RunState.DONE)
    result = run("runs", run_id, "--watch")
    assert result.exit_code == 0, result.output
    assert "project-7-v1-0a1b2c3d passed the gate." in result.output and reasons[0] in result.output
    assert "On 12 test images with 40 objects:" in result.output
    rows = [line.split() for line in result.output.splitlines()]
    assert ["mAP50-95", "0.300", "0.400", "+0.100"] in rows
    assert ["F1", "as", "shown", "-", "0.520"] in rows, "of the model before it was not looked at"
