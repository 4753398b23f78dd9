"""Regions, targets and snapshots for the tests of data sets."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from backend.entities import Geometry, ImageSize, Region
from backend.store.artifacts import ArtifactStore
from backend.training.entities import Example, Side, Snapshot, TrainingTarget
from backend.training.names import image_artifact
from tests.backend.pictures import png

SIZE = ImageSize(200, 100)
LABELS = ("car", "person", "traffic light")
KEYPOINTS = ("nose", "left hand", "right hand")


def target(task: str = "detect", **changes: Any) -> TrainingTarget:
    """Return what a model of the task learns; a pose has its key points in a tag of their own."""
    is_pose = task == "pose"
    given = {
        "controls": ("label", "point") if is_pose else ("label",),
        "labels": LABELS,
        "image_value": "$image",
        "keypoints": KEYPOINTS if is_pose else (),
        **changes,
    }
    return TrainingTarget(task=task, **given)


def region(geometry: Geometry | None, label: str = "person", **changes: Any) -> Region:
    """Return an annotated region on an image of `SIZE`."""
    given = {"id": "r1", "control": "label", "score": 1.0, "size": SIZE, **changes}
    return Region(label=label, geometry=geometry, **given)


def example(
    artifacts: ArtifactStore,
    labels: Sequence[str],
    side: Side = Side.TRAIN,
    *,
    data: bytes = b"",
    suffix: str = ".png",
    size: ImageSize = ImageSize(64, 48),
    seed: int = 1,
) -> Example:
    """Store an image, noise unless it is given, and return the example of it."""
    data = data or png(size.width, size.height, seed=seed)
    digest = hashlib.sha256(data).hexdigest()
    artifacts.put_bytes(data, image_artifact(digest, suffix))
    return Example(
        image=digest,
        suffix=suffix,
        width=size.width,
        height=size.height,
        side=side,
        labels=tuple(labels),
        tasks=(seed,),
        marks={seed: "mark"},
    )


def snapshot(examples: Sequence[Example], wanted: TrainingTarget, *, digest: str = "d" * 64) -> Snapshot:
    """Return a snapshot of the examples."""
    return Snapshot(
        digest=digest,
        project_id=7,
        target=wanted,
        examples=tuple(examples),
        warnings=(),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
