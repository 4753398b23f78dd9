"""How much a snapshot holds. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from backend.training.entities import Example, Side, TrainingTarget


def object_counts(target: TrainingTarget, examples: Sequence[Example]) -> dict[str, int]:
    """Return how many objects (images, for a classifier) each label has, in the target's order."""
    counts = Counter(_class(line) for example in examples for line in example.labels)
    return {label: counts[number] for number, label in enumerate(target.labels)}


def image_counts(target: TrainingTarget, examples: Sequence[Example]) -> dict[str, int]:
    """Return on how many images each label occurs, in the target's order."""
    counts = Counter(number for example in examples for number in {_class(line) for line in example.labels})
    return {label: counts[number] for number, label in enumerate(target.labels)}


def snapshot_counts(target: TrainingTarget, examples: Sequence[Example]) -> dict[str, Any]:
    """Return how much a snapshot holds.

    `images` in all, those on each side, `empty` ones that hold nothing; by label `objects`, and `images_with`
    at least one of them.
    """
    sides = Counter(example.side for example in examples)
    return {
        "images": len(examples),
        **{str(side): sides[side] for side in Side},
        "empty": sum(not example.labels for example in examples),
        "objects": object_counts(target, examples),
        "images_with": image_counts(target, examples),
    }


def _class(line: str) -> int:
    return int(line.split(maxsplit=1)[0])
