"""What becomes of a run in the end: the verdict is on the model that serves then, and a wish to cancel holds.

Training is replaced by storing the base's weights, and the comparison by one that the challenger wins.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from backend.errors import DatabaseUnavailable, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.registry.move import move_champion
from backend.review.entities import ReviewState
from backend.services import Services
from backend.store.artifacts import sha256_of
from backend.store.runs import ask_to_cancel_run, claim_run, get_run
from backend.store.training_tables import SqlTrainingRun
from backend.store.versions import champion_of, get_trained, list_trained
from backend.training.entities import (
    Comparison,
    GateDecision,
    RunState,
    SavedCheckpoint,
    TrainedVersion,
    Verdict,
    VersionState,
)
from backend.training.names import run_folder
from retrain.aftermath import settle_run
from retrain.context import RunContext
from retrain.run import TrainingRunner, load_snapshot
from retrain.work import work_on_run
from tests.backend.image_server import ImageServer
from tests.backend.registry.makers import comparison, store_version
from tests.backend.review import events
from tests.retrain.trainable import QUICK, annotate_squares, begin_run

TASKS = range(1, 31)
PROJECT = events.PROJECT
ONE_ATTEMPT = QUICK.model_copy(update={"retrain_max_attempts": 1})


@pytest.fixture(autouse=True)
def trainable(services: Services, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with labels, whose training takes no time."""
    annotate_squares(services.database, image_server, tasks=TASKS)
    monkeypatch.setattr("retrain.run.train", store_base)
    monkeypatch.setattr("retrain.run.compare", compared)


def store_base(context: RunContext, *, base: Path, **_: object) -> None:
    digest, name = sha256_of(base), f"{run_folder(context.run.id)}/final.pt"
    context.services.artifacts.put_file(base, name)
    context.update(checkpoint=asdict(SavedCheckpoint(1, name, digest, name, digest, is_last=True)))


def compared(
    context: RunContext, *_: object, challenger: Checkpoint, champion: Checkpoint | None, **__: object
) -> Comparison:
    return comparison(challenger.version, champion=champion.version if champion else None)


def while_compared(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[str | None]:
    """Do something during the first comparison; return the champions of all, as they come to be known."""
    champions: list[str | None] = []

    def watched(*arguments: Any, champion: Checkpoint | None, **named: Any) -> Comparison:
        champions.append(champion.version if champion else None)
        if len(champions) == 1:
            act()
        return compared(*arguments, champion=champion, **named)

    monkeypatch.setattr("retrain.run.compare", watched)
    return champions


def serve(services: Services, version: TrainedVersion) -> None:
    with services.database.write() as session:
        move_champion(
            session, PROJECT, version.version, reason="a test", prelabel=False, now=datetime.now(UTC)
        )


def state(services: Services) -> ReviewState:
    return ReviewState(events.review(services.database, TASKS[0]).state)


def test_model_that_came_into_service_meanwhile_is_compared_with_too(
    services: Services, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        store_version(services.database, services.artifacts, PROJECT, tiny_weights) for _ in range(2)
    )
    serve(services, first)
    champions = while_compared(monkeypatch, lambda: serve(services, second))
    run = work_on_run(begin_run(services.database), services)
    assert (run.state, run.attempts) == (RunState.DONE, 1)
    assert champions == [first.version, second.version] and run.compared_with == second.version
    [made] = [each for each in list_trained(services.database, PROJECT) if each.run_id == run.id]
    assert made.comparison.champion is not None and made.comparison.champion.version == second.version
    assert made.state == VersionState.CHAMPION and champion_of(services.database, PROJECT) == made
    assert state(services) == ReviewState.TAKEN_IN_TRAINING


def test_version_that_is_worse_than_the_model_that_came_meanwhile_is_rejected(
    services: Services, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    better = store_version(services.database, services.artifacts, PROJECT, tiny_weights)
    while_compared(monkeypatch, lambda: serve(services, better))
    verdicts = iter([Verdict.PROMOTE, Verdict.REJECT])
    monkeypatch.setattr("retrain.run.decide", lambda *_: GateDecision(next(verdicts), ("a test",)))
    run = work_on_run(begin_run(services.database), services)
    assert run.version is not None and run.verdict == Verdict.REJECT
    assert get_trained(services.database, run.version).state == VersionState.REJECTED
    champion = champion_of(services.database, PROJECT)
    assert champion is not None and champion.version == better.version


def test_new_model_that_somebody_promoted_already_is_not_compared_with_itself(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def promoted(*arguments: Any) -> Any:
        run = get_run(services.database, run_id)
        if run.version is not None:
            serve(services, get_trained(services.database, run.version))
        return load_snapshot(*arguments)

    monkeypatch.setattr("retrain.run.load_snapshot", promoted)
    run_id = begin_run(services.database)
    champions = while_compared(monkeypatch, lambda: None)
    assert work_on_run(run_id, services).state == RunState.DONE
    assert len(champions) == 1


def test_run_cancelled_while_models_are_compared_leaves_no_version(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begin_run(services.database)
    now = datetime.now(UTC)
    while_compared(monkeypatch, lambda: ask_to_cancel_run(services.database, run_id, now=now))
    run = work_on_run(run_id, services)
    assert (run.state, run.version) == (RunState.CANCELLED, None)
    assert list_trained(services.database, PROJECT) == [] and state(services) == ReviewState.VIEWED
    settle_run(services, run)
    assert services.artifacts.names("versions") == []


def test_run_cancelled_right_before_promotion_promotes_and_marks_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(*arguments: Any) -> Any:
        if get_run(services.database, run_id).version is not None:
            ask_to_cancel_run(services.database, run_id, now=datetime.now(UTC))
        return load_snapshot(*arguments)

    monkeypatch.setattr("retrain.run.load_snapshot", cancelled)
    run_id = begin_run(services.database)
    assert work_on_run(run_id, services).state == RunState.CANCELLED
    assert champion_of(services.database, PROJECT) is None and state(services) == ReviewState.VIEWED


def test_run_whose_worker_died_after_the_wish_to_cancel_is_cancelled_by_the_next(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, past = begin_run(services.database), datetime.now(UTC) - timedelta(hours=1)
    assert claim_run(services.database, run_id, owner="dead", now=past) is not None
    ask_to_cancel_run(services.database, run_id, now=past)
    assert get_run(services.database, run_id).state == RunState.RUNNING
    monkeypatch.setattr("retrain.run.build_snapshot", lambda _: pytest.fail("worked on"))
    assert work_on_run(run_id, services).state == RunState.CANCELLED


def test_run_that_fails_after_the_wish_to_cancel_is_cancelled(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        ask_to_cancel_run(services.database, run_id, now=datetime.now(UTC))
        raise ModelError("The weights cannot be read.")

    run_id = begin_run(services.database, ONE_ATTEMPT)
    monkeypatch.setattr(TrainingRunner, "run", fail)
    run = work_on_run(run_id, services)
    assert (run.state, run.error) == (RunState.CANCELLED, None)


def test_promotion_that_fails_marks_no_task(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ModelError("The champion cannot be moved.")

    monkeypatch.setattr("retrain.run.move_champion", refuse)
    run = work_on_run(begin_run(services.database, ONE_ATTEMPT), services)
    assert (run.state, run.error) == (RunState.FAILED, "The champion cannot be moved. (after 1 attempts)")
    assert state(services) == ReviewState.VIEWED


def test_outage_of_the_database_uses_no_attempt_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_: object) -> None:
        raise DatabaseUnavailable("The database does not answer: database is locked.")

    run_id = begin_run(services.database, ONE_ATTEMPT)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRunner, "run", locked)
        for _ in range(3):
            run = work_on_run(run_id, services)
            assert (run.state, run.attempts) == (RunState.QUEUED, 0) and run.retry_at is not None
            with services.database.write() as session:
                session.execute(update(SqlTrainingRun).values(retry_at=None))
    assert work_on_run(run_id, services).state == RunState.DONE


def test_base_that_was_damaged_meanwhile_is_not_trained_from(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, update_run = begin_run(services.database, ONE_ATTEMPT), RunContext.update

    def damaged(self: RunContext, **values: Any) -> None:
        update_run(self, **values)
        if "base_weights" in values:
            whole = services.artifacts.read(values["base_weights"])
            services.artifacts.put_bytes(whole[:-1], values["base_weights"])

    monkeypatch.setattr(RunContext, "update", damaged)
    run = work_on_run(run_id, services)
    assert run.state == RunState.FAILED and run.error is not None and "is damaged" in run.error
