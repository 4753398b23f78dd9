"""Trained versions with what they were trained on and how they did on the test split."""

from datetime import UTC, datetime, timedelta
from typing import Any

from backend.stats.outlook import MeasuredVersion, SnapshotCounts
from backend.training.entities import (
    ClassScore,
    Comparison,
    Difference,
    ModelScore,
    TrainedVersion,
    VersionState,
)
from backend.training.names import MOST_HELD_OUT

PROJECT = 7
NOON = datetime(2024, 11, 4, 12, tzinfo=UTC)
CONTROLS = ("label",)


def counts(train: int, **changes: Any) -> SnapshotCounts:
    """Return what a snapshot holds with so many images to train on; one of ten is in val, one in test."""
    held = min(train // 8, MOST_HELD_OUT)
    given: dict[str, Any] = {
        "images": train + 2 * held,
        "train": train,
        "val": held,
        "test": held,
        "objects": {"cat": 4 * train, "dog": train},
        "images_with": {},
    }
    return SnapshotCounts(**{**given, **changes})


def score(version: str, f1: float) -> ModelScore:
    """Return what a version reached; dogs are not in the test split."""
    classes = (ClassScore("cat", 40, f1, f1, f1, f1, f1), ClassScore("dog", 0, None, None, None, None, None))
    return ModelScore(version, f1, f1, f1, f1, f1, threshold=0.25, latency_ms=10.0, classes=classes)


def trained(
    number: int,
    f1: float,
    *,
    objects: int = 1000,
    test_images: int = 100,
    controls: tuple[str, ...] = CONTROLS,
    champion: str | None = None,
    difference: Difference | None = None,
) -> TrainedVersion:
    """Return the version v1, v2 and so on."""
    version = f"v{number}"
    return TrainedVersion(
        version=version,
        project_id=PROJECT,
        number=number,
        parent=champion,
        run_id=f"run-{number}",
        snapshot=f"snapshot-{number}",
        controls=controls,
        artifact=None,
        state=VersionState.CANDIDATE,
        comparison=Comparison(
            images=test_images,
            objects=objects,
            challenger=score(version, f1),
            champion=score(champion, f1) if champion else None,
            difference=difference,
        ),
        created_at=NOON + timedelta(days=number),
    )


def measured(number: int, train: int, f1: float, **changes: Any) -> MeasuredVersion:
    """Return a version that was trained on so many images."""
    return MeasuredVersion(trained(number, f1, **changes), counts(train))
