"""What a run keeps of held-out images: its version's own view of them, also where it is compared again.

Training is replaced by storing the base's weights, and models by an engine whose findings are known.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backend.registry.move import move_champion
from backend.services import Services
from backend.stats.change import LEAST_IMAGES, Measure, Verdict
from backend.stats.drift_queries import read_drift
from backend.store.artifacts import sha256_of
from backend.store.versions import held_out_of
from backend.training.entities import RunState, SavedCheckpoint, Side, TrainingRun
from backend.training.names import run_folder
from retrain.context import RunContext
from retrain.evaluation.compare import compare
from retrain.run import load_snapshot
from retrain.work import work_on_run
from tests.backend.drifting import predict
from tests.backend.image_server import ImageServer
from tests.backend.registry.makers import store_version
from tests.backend.review import events
from tests.retrain.trainable import SIZE, annotate_squares, begin_run

TASKS = range(1, 121)
PROJECT = events.PROJECT


@pytest.fixture(autouse=True)
def trainable(services: Services, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with labels, whose training takes no time."""
    annotate_squares(services.database, image_server, tasks=TASKS)
    monkeypatch.setattr("retrain.run.train", store_base)


def store_base(context: RunContext, *, base: Path, **_: object) -> None:
    digest, name = sha256_of(base), f"{run_folder(context.run.id)}/final.pt"
    context.services.artifacts.put_file(base, name)
    context.update(checkpoint=asdict(SavedCheckpoint(1, name, digest, name, digest, is_last=True)))


def serve(services: Services, version: str) -> None:
    with services.database.write() as session:
        move_champion(session, PROJECT, version, reason="a test", prelabel=False, now=datetime.now(UTC))


def held_out_images(services: Services, run: TrainingRun) -> int:
    assert run.snapshot is not None
    examples = load_snapshot(services.artifacts, run.snapshot).examples
    return sum(example.side != Side.TRAIN for example in examples)


def test_version_keeps_what_it_finds_in_images_held_out_of_its_training(services: Services) -> None:
    run = work_on_run(begin_run(services.database), services)
    assert run.state == RunState.DONE and run.version is not None
    facts = held_out_of(services.database, run.version)
    assert facts is not None and len(facts) == held_out_images(services, run) >= LEAST_IMAGES
    # The engine's third thing is none of the project's labels.
    assert {tuple(each.labels.items()) for each in facts} == {(("car", 1), ("person", 1))}
    assert {each.size for each in facts} == {SIZE}
    assert all(0.3 < (each.brightness or 0) < 0.6 for each in facts)


def test_version_that_is_compared_again_keeps_each_image_once(
    services: Services, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = store_version(services.database, services.artifacts, PROJECT, tiny_weights)
    times = []

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        times.append(1)
        if len(times) == 1:
            serve(services, other.version)
        return compare(*arguments, **named)

    monkeypatch.setattr("retrain.run.compare", meanwhile)
    run = work_on_run(begin_run(services.database), services)
    assert run.state == RunState.DONE and run.version is not None and len(times) == 2
    facts = held_out_of(services.database, run.version)
    assert facts is not None and len(facts) == held_out_images(services, run)


def test_images_like_those_held_out_are_no_drift(services: Services) -> None:
    version = work_on_run(begin_run(services.database), services).version
    assert version is not None
    serve(services, version)
    facts = held_out_of(services.database, version)
    assert facts is not None
    predict(services.database, version, [*facts, *facts], first_task=1001, at=datetime.now(UTC))
    report = read_drift(services.database, PROJECT, days=30, now=datetime.now(UTC))
    assert (report.training_images, report.period_images) == (len(facts), 2 * len(facts))
    verdicts = {drift.measure: drift.verdict for drift in report.measures}
    assert verdicts == dict.fromkeys(set(Measure) - {Measure.PREDICTION_BIAS}, Verdict.NONE)
