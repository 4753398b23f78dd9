"""Annotations that are probably wrong: models that never saw them say otherwise."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backend.entities import Box, ImageSize


class ErrorKind(StrEnum):
    """What is probably wrong with a label."""

    MISSING = "missing label"
    EXTRA = "extra label"
    WRONG_CLASS = "wrong class"
    LOOSE = "loose box"


@dataclass(frozen=True, slots=True)
class LabelError:
    """One suspected error in one annotation.

    `score` is how good the label seems, in [0, 1]: the lowest is the most suspect. `label` and `box` are
    what was annotated, None for a missing label; `predicted_label`, `predicted_box` and `predicted_score`
    what the model says, None for an extra one. Boxes enclose what was marked, whatever its shape. `version`
    made the prediction. `image` is the image's address in the task's data, `reason` says it in words.
    """

    task_id: int
    annotation_id: int
    annotator: int | None
    kind: ErrorKind
    score: float
    label: str | None
    box: Box | None
    predicted_label: str | None
    predicted_box: Box | None
    predicted_score: float | None
    size: ImageSize | None
    version: str
    image: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class LabelErrorReport:
    """The most suspect labels first. `tasks` and `objects` count what was looked at.

    `unseen` counts reviewed tasks that no model made a prediction of before it could have learnt their
    labels, which so cannot be judged. `counts` are those of all suspected errors, of which `errors` may hold
    the first alone. `looked_at` is when.
    """

    tasks: int
    objects: int
    unseen: int
    counts: dict[ErrorKind, int]
    errors: tuple[LabelError, ...]
    looked_at: datetime
