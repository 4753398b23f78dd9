"""Regions of every kind on a small image, on a coarse grid so that equal overlaps are common."""

import numpy as np
from hypothesis import strategies as st

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox

SIZE = ImageSize(64, 64)
CONTROLS = ("boxes", "shapes", "other")

_PLACE = st.integers(0, 6).map(lambda number: 8 * number)
_LENGTH = st.sampled_from([0, 8, 8, 16, 16, 24])


def _mask(x: int, y: int, width: int, height: int, has_hole: bool) -> Mask:
    pixels = np.ones((height, width), bool)
    if has_hole:
        pixels[height // 4 : height // 2, width // 4 : width // 2] = False
    return Mask(x, y, pixels)


def _rectangle(x: int, y: int, width: int, height: int, dent: int) -> Polygon:
    corners = ((x, y), (x + width, y), (x + width, y + height), (x + width // 2, y + height - dent))
    return Polygon(tuple((float(px), float(py)) for px, py in (*corners, (x, y + height))))


boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), _PLACE, _PLACE, _LENGTH, _LENGTH)
rotated_boxes = st.builds(RotatedBox, _PLACE, _PLACE, _LENGTH, _LENGTH, st.sampled_from([0, 30, 45, 90, 180]))
masks = st.builds(_mask, _PLACE, _PLACE, _LENGTH, _LENGTH, st.booleans())
polygons = st.builds(_rectangle, _PLACE, _PLACE, _LENGTH, _LENGTH, st.sampled_from([0, 0, 4, 8]))
points = st.builds(Point, st.integers(0, 3), st.integers(0, 3))
geometries: st.SearchStrategy[Geometry | None] = st.one_of(
    boxes, rotated_boxes, masks, polygons, points, st.none()
)


def regions(geometry: st.SearchStrategy[Geometry | None] = geometries) -> st.SearchStrategy[Region]:
    """Return regions with few ids, labels and control tags, so that each often occurs twice."""
    return st.builds(
        Region,
        id=st.sampled_from("pqrst"),
        control=st.sampled_from(CONTROLS[:2]),
        label=st.sampled_from(["car", "dog", ""]),
        score=st.just(1.0),
        geometry=geometry,
        size=st.just(SIZE),
    )


images = st.dictionaries(st.sampled_from(CONTROLS), st.sampled_from(["left", "right"]))


def identity(region: Region) -> tuple[object, ...]:
    """Return all that a region says, to compare by: a mask holds an array."""
    geometry = region.geometry
    if isinstance(geometry, Mask):
        geometry = (geometry.x, geometry.y, geometry.pixels.shape, geometry.pixels.tobytes())
    return region.id, region.control, region.label, region.score, geometry, region.parent
