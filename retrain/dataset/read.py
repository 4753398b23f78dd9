"""Turn the labels of an example back into regions: what a model should have found. Pure."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from backend.entities import Box, Geometry, ImageSize, Point, Polygon, Region, RotatedBox
from backend.geometry import Corner
from backend.training.entities import Example, TrainingTarget

_BOX_COLUMNS = 4
_POINT_COLUMNS = 3


def ground_truth(example: Example, target: TrainingTarget) -> tuple[Region, ...]:
    """Return the regions that an example's labels stand for, in pixels of its image, with score 1.

    They are boxes for detect and pose, rotated boxes for obb, polygons for segment, and for classify a region
    without geometry. The key points that a pose shows follow its box, which is their parent. A region's
    control is the first of the target's, a key point's the last. A rotated box is the smallest rectangle
    around its corners, as in ultralytics: two that cover the same place may differ by a quarter of a turn.

    Raises:
        ValueError: a line is none of the target's.
    """
    return tuple(
        region
        for place, line in enumerate(example.labels)
        for region in _regions(line, target, ImageSize(example.width, example.height), f"truth{place}")
    )


def _regions(line: str, target: TrainingTarget, size: ImageSize, region_id: str) -> Iterator[Region]:
    number, *columns = line.split()
    if not 0 <= int(number) < len(target.labels):
        raise ValueError(f"the label line {line[:80]!r} names class {number} of {len(target.labels)}")
    shares = [float(column) for column in columns]
    yield Region(
        id=region_id,
        control=target.controls[0],
        label=target.labels[int(number)],
        score=1.0,
        geometry=_geometry(shares, target, size),
        size=size,
    )
    if target.task == "pose":
        for label, point in _points(shares[_BOX_COLUMNS:], target, size):
            yield Region(
                id=f"{region_id}point{target.keypoints.index(label)}",
                control=target.controls[-1],
                label=label,
                score=1.0,
                geometry=point,
                size=size,
                parent=region_id,
            )


def _geometry(shares: Sequence[float], target: TrainingTarget, size: ImageSize) -> Geometry | None:
    if target.task == "classify":
        return None
    if target.task in ("detect", "pose"):
        x, y, width, height = shares[:_BOX_COLUMNS]
        left, top = (x - width / 2) * size.width, (y - height / 2) * size.height
        return Box(left, top, left + width * size.width, top + height * size.height)
    points = _pixels(shares, size)
    if target.task == "segment":
        return Polygon(tuple(points))
    (x, y), (width, height), angle = cv2.minAreaRect(np.asarray(points, np.float32))
    return RotatedBox(float(x), float(y), float(width), float(height), float(angle))


def _points(shares: Sequence[float], target: TrainingTarget, size: ImageSize) -> Iterator[tuple[str, Point]]:
    if len(shares) != _POINT_COLUMNS * len(target.keypoints):
        raise ValueError(f"a label line has {len(shares)} columns for {len(target.keypoints)} key points")
    xs, ys, visible = (shares[column::_POINT_COLUMNS] for column in range(_POINT_COLUMNS))
    for label, x, y, is_visible in zip(target.keypoints, xs, ys, visible, strict=True):
        if is_visible:
            yield label, Point(x * size.width, y * size.height)


def _pixels(shares: Sequence[float], size: ImageSize) -> list[Corner]:
    return [(x * size.width, y * size.height) for x, y in zip(shares[::2], shares[1::2], strict=True)]
