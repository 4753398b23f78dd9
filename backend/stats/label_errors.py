"""Annotations that are probably wrong: models that never saw them say otherwise."""

from collections.abc import Mapping
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
class Mark:
    """One thing as a person or a model marked it.

    `control` is the control tag's name, `box` what encloses the thing, None for a class of the whole image;
    `score` is the model's in [0, 1], 1 of a person's.
    """

    label: str
    control: str
    box: Box | None
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a model version found in a task's image; `size` is None where it is not known."""

    version: str
    size: ImageSize | None
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class JudgedTask:
    """A reviewed task, with what a model found there that its labels had no part in.

    `images` names the image of each control tag. `is_shown`: the annotator saw what the model found.
    `image` is the image's address in the task's data.
    """

    task_id: int
    annotation_id: int
    annotator: int | None
    labelled: tuple[Mark, ...]
    images: Mapping[str, str]
    found: Found
    is_shown: bool
    image: str | None


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
