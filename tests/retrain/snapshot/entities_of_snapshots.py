"""Examples and snapshots for tests."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from backend.training.entities import Example, Side, Snapshot, TrainingTarget

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TARGET = TrainingTarget("detect", ("label",), ("car", "person"), "$image")


def example(number: int, *labels: str, side: Side = Side.TRAIN, **changes: Any) -> Example:
    """Return an example of one task, with its number as id."""
    given = {
        "image": hashlib.sha256(str(number).encode()).hexdigest(),
        "suffix": ".png",
        "width": 64,
        "height": 48,
        "side": side,
        "labels": labels,
        "tasks": (number,),
        "marks": {number: f"{number}:abc"},
    }
    return Example(**{**given, **changes})


def snapshot(*examples: Example, **changes: Any) -> Snapshot:
    """Return a snapshot that is not sealed."""
    given = {
        "digest": "",
        "project_id": 7,
        "target": TARGET,
        "examples": examples,
        "warnings": ("There are few.",),
        "created_at": NOON,
    }
    return Snapshot(**{**given, **changes})
