"""A project with a trained version in service, what it found in held-out images, and what it predicts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from backend.entities import Box, ImageSize, Prediction, Region
from backend.registry.move import move_champion
from backend.stats.drift import ImageFacts
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.prediction_log import store_predictions
from backend.store.versions import judge_again
from backend.training.entities import TrainedVersion
from tests.backend.registry.makers import PROJECT, store_version
from tests.backend.tallies import know_project

# When the snapshot was taken, and when people look.
TAKEN = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = TAKEN + timedelta(days=40)
LATELY = NOW - timedelta(days=5)
SIZE = ImageSize(640, 480)
MIX = {"person": 0.6, "car": 0.25, "dog": 0.15}
DOUBLED_DOG = {"person": 0.49, "car": 0.21, "dog": 0.30}


def draw(count: int, *, seed: int, mix: dict[str, float] = MIX, light: float = 0.45) -> list[ImageFacts]:
    """Draw what a model finds in so many images, of three objects each on average."""
    random = np.random.default_rng(seed)
    counts = random.multinomial(random.poisson(3, count), list(mix.values()))
    return [
        ImageFacts(
            labels={label: number for label, number in zip(mix, row.tolist(), strict=True) if number},
            scores=random.uniform(0.3, 0.95, sum(row)).tolist(),
            brightness=float(np.clip(random.normal(light, 0.1), 0, 1)),
            size=SIZE,
        )
        for row in counts
    ]


def serve(
    database: Database, artifacts: ArtifactStore, weights: Path, held_out: Sequence[ImageFacts] | None
) -> TrainedVersion:
    """Put a version in service that found this in the images held out of its training."""
    know_project(database, PROJECT)
    version = store_version(database, artifacts, PROJECT, weights, now=TAKEN)
    with database.write() as session:
        judge_again(session, version, held_out=held_out)
        move_champion(session, PROJECT, version.version, reason="a test", prelabel=False, now=TAKEN)
    return version


def predict(
    database: Database,
    version: str,
    images: Sequence[ImageFacts],
    *,
    first_task: int = 1,
    at: datetime = LATELY,
    **changes: Any,
) -> None:
    """Log predictions that say the same of the images of tasks, numbered from the first one on."""
    made = [_prediction(version, task, facts) for task, facts in enumerate(images, start=first_task)]
    predictions = [replace(each, **changes) for each in made]
    store_predictions(database, predictions, project_id=PROJECT, now=at)


def _prediction(version: str, task_id: int, facts: ImageFacts) -> Prediction:
    labels = [label for label, number in facts.labels.items() for _ in range(number)]
    regions = tuple(
        Region(f"t{task_id}r{place}", "label", label, score, Box(1, 2, 30, 40), SIZE)
        for place, (label, score) in enumerate(zip(labels, facts.scores, strict=True))
    )
    return Prediction(task_id, version, facts.size, regions, 0.5, 0.01, brightness=facts.brightness)
