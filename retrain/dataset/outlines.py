"""What of a region's geometry lies inside its image, as outline or upright box. Pure, float pixels."""

import cv2
import numpy as np

from backend.contours import mask_to_polygon
from backend.entities import Box, Geometry, ImageSize, Mask, Polygon, RotatedBox
from backend.geometry import Corner, clip_mask, rotated_box_corners

# Enough for the outline of anything drawn by hand; a line of text for each region stays short.
_MASK_POINTS = 200
_FEWEST_POINTS = 3


def outline_of(geometry: Geometry | None, size: ImageSize) -> list[Corner]:
    """Return the outline of the part inside the image; empty where there is none, or no shape.

    A mask's outline is one polygon that joins its islands, see `backend.contours`.
    """
    if isinstance(geometry, Box):
        x1, y1, x2, y2 = geometry.x1, geometry.y1, geometry.x2, geometry.y2
        return visible_part([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], size)
    if isinstance(geometry, RotatedBox):
        return visible_part(rotated_box_corners(geometry), size)
    if isinstance(geometry, Polygon):
        return visible_part(list(geometry.points), size)
    if isinstance(geometry, Mask):
        polygon = mask_outline(geometry, size)
        return list(polygon.points) if polygon else []
    return []


def mask_outline(mask: Mask, size: ImageSize) -> Polygon | None:
    """Return one polygon around the part of a mask inside the image; None where there is none."""
    return mask_to_polygon(clip_mask(mask, size), max_points=_MASK_POINTS)


def box_around(geometry: Geometry | None, size: ImageSize) -> Box | None:
    """Return the upright box around the part inside the image; None where there is none, or no shape."""
    if isinstance(geometry, Mask):
        mask = clip_mask(geometry, size)
        rows, columns = (np.flatnonzero(mask.pixels.any(axis=axis)).tolist() for axis in (1, 0))
        if not rows:
            return None
        return Box(mask.x + columns[0], mask.y + rows[0], mask.x + columns[-1] + 1, mask.y + rows[-1] + 1)
    outline = outline_of(geometry, size)
    if not outline:
        return None
    xs, ys = zip(*outline, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def least_rectangle(outline: list[Corner]) -> list[Corner]:
    """Return the corners of the smallest rectangle, turned as it must be, around an outline."""
    corners = cv2.boxPoints(cv2.minAreaRect(np.asarray(outline, np.float32)))
    return [(x, y) for x, y in np.asarray(corners).tolist()]


def visible_part(outline: list[Corner], size: ImageSize) -> list[Corner]:
    """Return the part of an outline inside the image (Sutherland and Hodgman's clipping).

    Where the image's edge cuts a shape that is not convex in two, edges without width join the parts.
    """
    for axis, limit in ((0, size.width), (1, size.height)):
        outline = _cut(outline, axis, -1, 0.0)
        outline = _cut(outline, axis, 1, limit)
    return outline if len(outline) >= _FEWEST_POINTS else []


def _cut(outline: list[Corner], axis: int, sign: int, limit: float) -> list[Corner]:
    """Return the part of an outline in which the coordinate times `sign` is at most `limit`."""
    kept: list[Corner] = []
    for here, there in zip(outline, outline[1:] + outline[:1], strict=True):
        over, then = sign * here[axis] - limit, sign * there[axis] - limit
        if over <= 0:
            kept.append(here)
        if over * then < 0:
            share = over / (over - then)
            kept.append((here[0] + share * (there[0] - here[0]), here[1] + share * (there[1] - here[1])))
    return kept
