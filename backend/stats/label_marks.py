"""What of a region label errors are found by: its label, and the upright box around it. Pure."""

from collections.abc import Iterable

import numpy as np

from backend.entities import Box, Geometry, Mask, Point, Polygon, Region, RotatedBox
from backend.geometry import rotated_box_corners
from backend.stats.label_errors import Mark


def marks_of(regions: Iterable[Region]) -> tuple[Mark, ...]:
    """Return the regions as marks; key points and what covers nothing are left out."""
    found = []
    for region in regions:
        box = None if region.geometry is None else enclosing_box(region.geometry)
        if box is not None or region.geometry is None:
            found.append(Mark(region.label, region.control, box, float(region.score)))
    return tuple(found)


def enclosing_box(geometry: Geometry) -> Box | None:
    """Return the upright box around a shape; None of a key point, or where it has no area."""
    match geometry:
        case Box():
            box = geometry
        case RotatedBox():
            box = _around(rotated_box_corners(geometry))
        case Polygon(points=points) if points:
            box = _around(points)
        case Mask() if geometry.pixels.any():
            rows, columns = (np.flatnonzero(geometry.pixels.any(axis=axis)) for axis in (1, 0))
            box = Box(
                geometry.x + float(columns[0]),
                geometry.y + float(rows[0]),
                geometry.x + float(columns[-1]) + 1,
                geometry.y + float(rows[-1]) + 1,
            )
        case Point() | Polygon() | Mask():
            return None
    return box if box.width > 0 and box.height > 0 else None


def _around(corners: Iterable[tuple[float, float]]) -> Box:
    xs, ys = zip(*corners, strict=True)
    return Box(float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys)))
