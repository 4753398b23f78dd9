"""Bring a request's prompts from the image as the browser knows it to the image that was encoded. Pure.

What the browser sends is percent of the image, and its pixels are those of the picture that it shows, which
may be a smaller copy of the file, or of a file that has been replaced.
"""

from dataclasses import replace

import cv2
import numpy as np

from backend.entities import Box, ImageSize, Mask, RotatedBox
from backend.errors import BadRequest
from backend.labelstudio.smart_request import SmartRequest

# A smaller copy's sides are whole pixels too.
_SLACK = 2


def on_image(request: SmartRequest, size: ImageSize) -> SmartRequest:
    """Return the request with its prompts in pixels of an image of `size`.

    Raises:
        BadRequest: the request is about an image of other proportions.
    """
    shown = request.size
    if shown is None or shown == size:
        return request
    _refuse_other_shape(shown, size)
    x, y = size.width / shown.width, size.height / shown.height
    return replace(
        request,
        size=size,
        points=tuple(replace(point, x=point.x * x, y=point.y * y) for point in request.points),
        box=_box(request.box, x, y),
        strokes=tuple(_stroke(stroke, x, y, size) for stroke in request.strokes),
    )


def _refuse_other_shape(shown: ImageSize, size: ImageSize) -> None:
    smaller, larger = sorted((shown, size), key=lambda one: one.width * one.height)
    scale = larger.width / smaller.width
    if abs(larger.height / scale - smaller.height) > _SLACK:
        raise BadRequest(
            f"The page shows an image of {shown.width} x {shown.height} pixels, and the task's image has "
            f"{size.width} x {size.height}; expected the same proportions. Open the task again: its file was "
            "replaced meanwhile, or the page turns it otherwise."
        )


def _box(box: Box | RotatedBox | None, x: float, y: float) -> Box | RotatedBox | None:
    match box:
        case Box():
            return Box(box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y)
        case RotatedBox():  # x and y are as good as equal
            return RotatedBox(box.x * x, box.y * y, box.width * x, box.height * y, box.angle)
        case None:
            return None


def _stroke(stroke: Mask, x: float, y: float, size: ImageSize) -> Mask:
    """Return the stroke with every pixel painted that has any paint, so that no thin one is lost."""
    height, width = stroke.pixels.shape
    left = min(int(stroke.x * x), size.width - 1)
    top = min(int(stroke.y * y), size.height - 1)
    across = min(max(round(width * x), 1), size.width - left)
    down = min(max(round(height * y), 1), size.height - top)
    way = cv2.INTER_AREA if x < 1 else cv2.INTER_NEAREST
    painted = cv2.resize(stroke.pixels.astype(np.float32), (across, down), interpolation=way)
    return Mask(left, top, painted > 0)
