"""The words of this project as values: frozen, validated once, free of JSON and of tables.

Geometry is float pixels on the upright (EXIF-applied) original image, boxes (x1, y1, x2, y2) with the
origin at the top left. Label Studio's percent values exist in `labelstudio/results.py` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

# (H, W, 3) uint8, blue-green-red as OpenCV and ultralytics have it, upright.
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Size of the upright original image in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box, float pixels, (x1, y1) top left and (x2, y2) bottom right."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width in pixels; negative if the corners are swapped."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels; negative if the corners are swapped."""
        return self.y2 - self.y1


@dataclass(frozen=True, slots=True)
class RotatedBox:
    """Box turned about its centre (x, y), float pixels; `angle` is in degrees, clockwise as seen."""

    x: float
    y: float
    width: float
    height: float
    angle: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """Outline of one thing, (x, y) float pixels, the last point joined to the first.

    `mask_iou` is its overlap with the mask that it was drawn around, in [0, 1]; None where there was none.
    """

    points: tuple[tuple[float, float], ...]
    mask_iou: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Pixels of one thing: (h, w) bool, cut out of the image at column `x` and row `y`; false outside."""

    x: int
    y: int
    pixels: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Point:
    """One key point, float pixels."""

    x: float
    y: float


Geometry = Box | RotatedBox | Polygon | Mask | Point


@dataclass(frozen=True, slots=True)
class Region:
    """One labelled thing in one image.

    `id` holds letters and digits only, since Label Studio's browser splits ids at `#` and `@`.
    `control` is the name of the control tag it belongs to; `score` is the model's confidence in [0, 1];
    `size` is the image that the geometry lies on. `geometry` is None for a class of the whole image.
    `parent` is the id of the region that this one is a part of: a key point's box.
    """

    id: str
    control: str
    label: str
    score: float
    geometry: Geometry | None
    size: ImageSize
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A Label Studio task, reduced to what predicting needs. `data` is its `data` object as sent."""

    id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ControlTag:
    """One control tag of a labeling config that is bound to an image.

    `image_value` is the image's address as written there: "$image", or text around a field's name.
    `predicted_values` maps a label to the model classes which its XML names for it, `model_indices` to the
    number of the key point which it names. `attributes` are the tag's XML attributes as written.
    """

    type: str
    name: str
    to_name: str
    image_value: str
    labels: tuple[str, ...]
    predicted_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    model_indices: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keypoint:
    """One key point as a model finds it, float pixels; `score` in [0, 1] is how surely it is visible."""

    x: float
    y: float
    score: float


@dataclass(frozen=True, slots=True)
class Detection:
    """One raw finding of a model.

    `class_name` is spelled as the model does, `score` in [0, 1]. `box` encloses the thing; None for a class
    of the whole image. `shape` is what the model's head knows beyond the box: a rotated box, a mask, or all
    key points in the model's order.
    """

    class_name: str
    score: float
    box: Box | None
    shape: RotatedBox | Mask | tuple[Keypoint, ...] | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model version says about one task.

    `size` is that of the (first) image, None where there was none to be had. `score` is a certainty in
    [0, 1]: low means that a person should look at this task first. `brightness` is the (first) image's mean
    luma in [0, 1], `embedding` what the version's backbone makes of it: a unit vector as little-endian
    float16, to be compared within one version alone; each None where it is not known.
    `seconds` is the time from request to answer that this task's image cost. `failure` is None, or the
    reason why there are no regions. `filtered` counts what hygiene took out, by filter. A `blind` prediction
    is logged and not shown.
    """

    task_id: int | None
    version: str
    size: ImageSize | None
    regions: tuple[Region, ...]
    score: float
    seconds: float
    failure: str | None = None
    filtered: Mapping[str, int] = field(default_factory=dict)
    blind: bool = False
    brightness: float | None = None
    embedding: bytes | None = None


class JobState(StrEnum):
    """State of a job: the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Whether nothing follows by itself."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class TaskState(StrEnum):
    """State of one task in a pre-labelling job; `predicted`: stored here, not yet in Label Studio."""

    QUEUED = "queued"
    PREDICTED = "predicted"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Which tasks a pre-labelling job takes.

    `filters` are conditions such as "id>100", all of which must hold. With `scans` false it takes only the
    tasks that it was given by id.
    """

    only_unlabelled: bool = False
    filters: tuple[str, ...] = ()
    scans: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """One pre-labelling job.

    `version` is None until its first run; `total` counts the tasks that the scan will see, None before it
    begins. `cursor` is the highest task id that the scan has read, `is_scanned` true at its end. `skipped`
    tasks hold a prediction of the version already. `run_started_at` and `run_started_done` (tasks that were
    through with by then) belong to the run in progress; `stalls` counts runs in a row that were killed
    before they finished one. `notes` say what did not work and harms no task.
    """

    id: str
    project_id: int
    options: JobOptions
    state: JobState
    version: str | None
    total: int | None
    cursor: int
    is_scanned: bool
    skipped: int
    filtered: Mapping[str, int]
    error: str | None
    notes: tuple[str, ...]
    is_cancel_asked: bool
    created_at: datetime
    run_started_at: datetime | None
    run_started_done: int
    stalls: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One event that Label Studio told us of. `key` is equal for two deliveries of the same fact.

    `text` is the payload as JSON where it came as that, so that nobody need write it again.
    """

    key: str
    action: str
    project_id: int | None
    payload: Mapping[str, Any]
    text: str | None = None
