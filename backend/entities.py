"""The words of this project as values: frozen, validated once, free of JSON and of tables.

Geometry is float pixels on the upright (EXIF-applied) original image, boxes (x1, y1, x2, y2) with the
origin at the top left. Label Studio's percent values exist in `labelstudio/results.py` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class Region:
    """One labelled thing in one image.

    `id` holds letters and digits only, since Label Studio's browser splits ids at `#` and `@`.
    `control` is the name of the control tag it belongs to; `score` is the model's confidence in [0, 1];
    `size` is the image that the geometry lies on.
    """

    id: str
    control: str
    label: str
    score: float
    geometry: Box
    size: ImageSize


@dataclass(frozen=True, slots=True)
class Task:
    """A Label Studio task, reduced to what predicting needs. `data` is its `data` object as sent."""

    id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ControlTag:
    """One control tag of a labeling config that is bound to an image.

    `image_key` is the field of the task's data that holds the image. `predicted_values` maps a label
    to the model classes which its XML names for it. `attributes` are the tag's XML attributes as written.
    """

    type: str
    name: str
    to_name: str
    image_key: str
    labels: tuple[str, ...]
    predicted_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Detection:
    """One raw detection of a model: class name as the model spells it, score in [0, 1], pixel box."""

    class_name: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model version says about one task.

    `size` is that of the (first) image, None where there was none to be had. `score` is a certainty in
    [0, 1]: low means that a person should look at this task first.
    `seconds` is the time from request to answer that this task's image cost. `failure` is None, or the
    reason why there are no regions.
    """

    task_id: int | None
    version: str
    size: ImageSize | None
    regions: tuple[Region, ...]
    score: float
    seconds: float
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One event that Label Studio told us of. `key` is equal for two deliveries of the same fact."""

    key: str
    action: str
    project_id: int | None
    payload: Mapping[str, Any]
