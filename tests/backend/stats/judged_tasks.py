"""Reviewed tasks with what a model found, in images of 640 x 480 pixels."""

from collections.abc import Sequence
from typing import Any

from backend.entities import Box, ImageSize
from backend.stats.label_errors import Found, JudgedTask, Mark

BOX = Box(100, 100, 200, 200)
FAR = Box(400, 300, 500, 400)
SIZE = ImageSize(640, 480)


def mark(label: str = "car", box: Box | None = BOX, score: float = 1.0, *, control: str = "label") -> Mark:
    """Return a mark; a label unless it has a score."""
    return Mark(label, control, box, score)


def judged(
    labelled: Sequence[Mark], found: Sequence[Mark], *, task_id: int = 1, **changes: Any
) -> JudgedTask:
    """Return a task that nobody saw a prediction of."""
    given: dict[str, Any] = {
        "annotation_id": 10 * task_id,
        "annotator": 3,
        "images": {},
        "is_shown": False,
        "image": f"/data/{task_id}.jpg",
        **changes,
    }
    return JudgedTask(task_id, labelled=tuple(labelled), found=Found("v1", SIZE, tuple(found)), **given)


def agreeing(count: int, *, first: int = 1000, **changes: Any) -> list[JudgedTask]:
    """Return tasks in which one car and one person lie where a sure model finds them."""
    labels = (mark("car"), mark("person", FAR))
    found = (mark("car", score=0.9), mark("person", FAR, 0.9))
    return [judged(labels, found, task_id=first + number, **changes) for number in range(count)]
