"""How alike two poses are: COCO's object keypoint similarity (OKS). Pure.

OKS = mean over the annotated key points of exp(-d^2 / (2 s^2 (2 sigma)^2)), with d the distance in pixels
and s^2 the object's area (https://cocodataset.org/#keypoints-eval). The area is 0.53 of that of its box,
and sigma of sets that are not COCO's is 1 / number of points, both as in ultralytics
(`models/yolo/pose/val.py`), so that figures can be compared with those of a training.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.entities import Box, Point, Region

# How far annotators are apart at nose, eyes, ears, shoulders, elbows, wrists, hips, knees and ankles, as
# a share of the object's size; COCO measured it.
COCO_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
_AREA_OF_BOX = 0.53


def similarities(
    objects: Sequence[Region],
    truth: Sequence[Region],
    things: Sequence[Region],
    found: Sequence[Region],
    *,
    keypoints: Sequence[str],
) -> NDArray[np.float64]:
    """Return the OKS of each object (row) with each thing; NaN for objects without an annotated key point.

    A key point that is annotated and was not found adds nothing.

    Args:
        objects: Annotated boxes.
        truth: Holds their points, by parent.
        things: Boxes that were found.
        found: Holds the points of these, by parent.
        keypoints: Labels of the key points.
    """
    true_points, points = _points(objects, truth, keypoints), _points(things, found, keypoints)
    is_annotated = ~np.isnan(true_points[..., 0])
    squared = ((true_points[:, None] - points) ** 2).sum(axis=-1)
    areas = _AREA_OF_BOX * np.array([_area(region) for region in objects], np.float64).reshape(-1, 1, 1)
    sigmas = _sigmas(len(keypoints))
    with np.errstate(divide="ignore", invalid="ignore"):  # a box without area, a point that is missing
        alike = np.exp(-squared / (2 * areas * (2 * sigmas) ** 2))
        alike = np.where(is_annotated[:, None] & ~np.isnan(alike), alike, 0.0)
        return np.asarray(alike.sum(axis=-1) / is_annotated.sum(axis=-1)[:, None])


def _points(
    things: Sequence[Region], regions: Sequence[Region], keypoints: Sequence[str]
) -> NDArray[np.float64]:
    """Return (things, key points, 2) pixels, NaN where there is none."""
    places = {thing.id: place for place, thing in enumerate(things)}
    columns = {label: column for column, label in enumerate(keypoints)}
    points = np.full((len(things), len(keypoints), 2), np.nan)
    for region in regions:
        if isinstance(region.geometry, Point) and region.parent in places and region.label in columns:
            points[places[region.parent], columns[region.label]] = region.geometry.x, region.geometry.y
    return points


def _sigmas(count: int) -> NDArray[np.float64]:
    return np.array(COCO_SIGMAS) if count == len(COCO_SIGMAS) else np.full(count, 1 / max(count, 1))


def _area(region: Region) -> float:
    box = region.geometry
    return box.width * box.height if isinstance(box, Box) else 0.0
