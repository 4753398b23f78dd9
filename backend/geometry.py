"""Geometry of boxes, masks and network inputs. Pure; float pixels, boxes xyxy, sizes named."""

from math import cos, radians, sin

import numpy as np

from backend.entities import Box, ImageSize, Mask, RotatedBox

Corner = tuple[float, float]


def clip_box(box: Box, size: ImageSize) -> Box:
    """Return the part of `box` inside the image; of zero width or height where none is."""
    return Box(
        min(max(box.x1, 0.0), size.width),
        min(max(box.y1, 0.0), size.height),
        min(max(box.x2, 0.0), size.width),
        min(max(box.y2, 0.0), size.height),
    )


def clip_mask(mask: Mask, size: ImageSize) -> Mask:
    """Return the part of a mask's cut-out inside the image; without pixels where none is."""
    height, width = mask.pixels.shape
    left, top = max(-mask.x, 0), max(-mask.y, 0)
    right, bottom = min(width, size.width - mask.x), min(height, size.height - mask.y)
    pixels = mask.pixels[top : max(bottom, top), left : max(right, left)]
    return Mask(mask.x + left, mask.y + top, pixels)


def rotated_box_corners(box: RotatedBox) -> list[Corner]:
    """Return the four corners (x, y) in pixels, clockwise as seen, from the one that is top left unturned."""
    turn = radians(box.angle)
    x, y = cos(turn) / 2, sin(turn) / 2
    along, across = (box.width * x, box.width * y), (-box.height * y, box.height * x)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return [(box.x + s * along[0] + t * across[0], box.y + s * along[1] + t * across[1]) for s, t in signs]


def overlap_area(one: RotatedBox, other: RotatedBox) -> float:
    """Return the area that two rotated boxes share, in square pixels.

    OpenCV's `rotatedRectangleIntersection` finds none, or half of it, for some pairs of nearly equal boxes.
    """
    turn = radians(one.angle)
    dx, dy = other.x - one.x, other.y - one.y
    # `other` as `one` sees it, which is then an upright box around (0, 0).
    x, y = dx * cos(turn) + dy * sin(turn), dy * cos(turn) - dx * sin(turn)
    corners = rotated_box_corners(RotatedBox(x, y, other.width, other.height, other.angle - one.angle))
    for axis, half in enumerate((one.width / 2, one.height / 2)):
        for sign in (1, -1):
            corners = _cut(corners, axis, sign, half)
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def _cut(corners: list[Corner], axis: int, sign: int, limit: float) -> list[Corner]:
    """Return the part of a convex polygon in which the coordinate times `sign` is at most `limit`."""
    kept: list[Corner] = []
    for here, there in zip(corners, corners[1:] + corners[:1], strict=True):
        over, then = sign * here[axis] - limit, sign * there[axis] - limit
        if over <= 0:
            kept.append(here)
        if over * then < 0:
            share = over / (over - then)
            kept.append((here[0] + share * (there[0] - here[0]), here[1] + share * (there[1] - here[1])))
    return kept


def overlap_pixels(one: Mask, other: Mask) -> int:
    """Return how many pixels two masks share."""
    left, top = max(one.x, other.x), max(one.y, other.y)
    right = min(one.x + one.pixels.shape[1], other.x + other.pixels.shape[1])
    bottom = min(one.y + one.pixels.shape[0], other.y + other.pixels.shape[0])
    if right <= left or bottom <= top:
        return 0
    shared = [
        mask.pixels[top - mask.y : bottom - mask.y, left - mask.x : right - mask.x] for mask in (one, other)
    ]
    return int(np.count_nonzero(shared[0] & shared[1]))


def letterbox_shape(size: ImageSize, *, target: int, stride: int) -> tuple[int, int]:
    """Return (height, width) of the smallest network input that holds the image, as ultralytics pads it.

    The longer side becomes `target` pixels and each side is padded up to a multiple of `stride`
    (ultralytics `LetterBox(auto=True)`). Images of one shape can share a batch without changing a result.
    """
    scale = min(target / size.height, target / size.width)
    return tuple(-(-max(round(side * scale), 1) // stride) * stride for side in (size.height, size.width))  # type: ignore[return-value]
