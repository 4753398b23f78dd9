"""The numbers of one line of a data set, as ultralytics' loader takes them. Pure.

The format is that of ultralytics 8.4 (`data/utils.py`, `verify_image_label`), which drops a whole image for
one line that it does not take. Coordinates are shares of the image's width and height, with six decimals:
they are counted in millionths here, so that equal shapes give equal text and "no area" is exact.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Geometry, ImageSize, Mask, Point, Polygon, RotatedBox
from backend.geometry import Corner, rotated_box_corners
from retrain.dataset.outlines import box_around, least_rectangle, outline_of

_WHOLE = 1_000_000
MISSING_POINT = ("0", "0", "0")
# ultralytics' mark of a key point that can be seen.
_VISIBLE = "2"


def box_columns(geometry: Geometry | None, size: ImageSize) -> list[str] | None:
    """Return centre, width and height of the upright box around a shape; None where it has no area."""
    box = box_around(geometry, size)
    if box is None:
        return None
    middle = ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
    numbers = _millionths([middle, (box.width, box.height)], size)
    return _texts(numbers) if (numbers[1] > 0).all() else None


def outline_columns(geometry: Geometry | None, size: ImageSize) -> list[str] | None:
    """Return the points of the outline of what lies inside the image; None where that has no area."""
    return _outline_columns(outline_of(geometry, size), size)


def turned_columns(geometry: Geometry | None, size: ImageSize) -> list[str] | None:
    """Return the corners of a turned box; None where nothing of it lies inside the image.

    Corners outside the image stay where they are: to move them would turn the box. ultralytics takes them,
    and in training cuts the box to what is visible, along its own sides. It takes none, though, that is
    wider or higher than the image or whose middle lies outside; of those it gets the outline of the visible
    part, and fits a box to that itself. Other shapes give the smallest rectangle around them.
    """
    visible = outline_of(geometry, size)
    if not _has_area(_millionths(visible, size)):
        return None
    if isinstance(geometry, Polygon | Mask):
        corners = least_rectangle(visible)
    else:
        corners = rotated_box_corners(geometry) if isinstance(geometry, RotatedBox) else visible
    numbers = _millionths(corners, size)
    low, high = numbers.min(axis=0), numbers.max(axis=0)
    is_taken = (high - low <= _WHOLE).all() and (low + high >= 0).all() and (low + high <= 2 * _WHOLE).all()
    return _texts(numbers) if is_taken and _has_area(numbers) else _outline_columns(visible, size)


def point_columns(point: Point, size: ImageSize) -> list[str]:
    """Return place and visibility of a key point, moved to the image's edge where it lies outside."""
    return [*_texts(_millionths([(point.x, point.y)], size).clip(0, _WHOLE)), _VISIBLE]


def _outline_columns(outline: list[Corner], size: ImageSize) -> list[str] | None:
    numbers = _millionths(outline, size)
    return _texts(numbers.clip(0, _WHOLE)) if _has_area(numbers) else None


def _millionths(points: Sequence[Corner], size: ImageSize) -> NDArray[np.int64]:
    """Return points (n, 2) in millionths of the image's width and height."""
    shares = np.asarray(points, np.float64).reshape(-1, 2) / (size.width, size.height)
    return np.rint(shares * _WHOLE).astype(np.int64)


def _has_area(numbers: NDArray[np.int64]) -> bool:
    # OpenCV takes whole numbers of this size as they are, so points on one line have none.
    return len(numbers) > 0 and cv2.contourArea(cv2.convexHull(numbers.astype(np.int32))) > 0


def _texts(numbers: NDArray[np.int64]) -> list[str]:
    return [_text(number) for number in numbers.ravel().tolist()]


def _text(number: int) -> str:
    return f"{number / _WHOLE:.6f}".rstrip("0").rstrip(".")
