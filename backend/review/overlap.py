"""How far two regions cover the same place: their IoU, and what of them was compared.

Two shapes of one kind are compared as they are, a polygon and a mask by pixels. A mask or a polygon against a
box can only be compared by the axis-aligned boxes around them; `compared_as` says so. Pure.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from types import NoneType

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Box, Geometry, Mask, Point, Polygon, Region, RotatedBox
from backend.geometry import overlap_area, overlap_pixels, rotated_box_corners
from backend.review.scanlines import fill, polygon_iou

# (k, 2): the place of one region among `ones`, and of another among `others`.
Pairs = NDArray[np.intp]

# A point is compared as a square around it; its side is this share of the image's longer side.
POINT_SIDE = 0.02
# Coordinates went through percent and back, which moves an IoU by less than this many decimals show.
_DECIMALS = 9

_KINDS = (Box, RotatedBox, Polygon, Mask, Point, NoneType)
_COMPARED_AS: dict[frozenset[type], str] = {
    frozenset({Box}): "box",
    frozenset({RotatedBox}): "rotated box",
    frozenset({RotatedBox, Box}): "rotated box",
    frozenset({Polygon}): "polygon",
    frozenset({Polygon, Mask}): "mask",
    frozenset({Mask}): "mask",
    frozenset({Mask, Box}): "box of mask",
    frozenset({Mask, RotatedBox}): "box of mask",
    frozenset({Polygon, Box}): "box of polygon",
    frozenset({Polygon, RotatedBox}): "box of polygon",
    frozenset({Point}): "point",
    frozenset({NoneType}): "image",
}
_BY_SHAPE = ("rotated box", "polygon", "mask")
# Rows of the table of all pairs that are looked at together: bounds the memory that a crowded image takes.
_ROWS_AT_ONCE = 256


def compared_as(one: Geometry | None, other: Geometry | None) -> str | None:
    """Return what of the two is compared, such as "box of mask"; None where they cannot be."""
    return _COMPARED_AS.get(frozenset({type(one), type(other)}))


def region_iou(one: Region, other: Region) -> float:
    """Return the IoU in [0, 1], equal for both orders; 0 where there is nothing to compare."""
    return float(Overlaps([one], [other]).ious(np.zeros((1, 2), np.intp))[0])


class Overlaps:
    """The overlaps of some regions with others. What a region takes to be compared is worked out once."""

    def __init__(self, ones: Sequence[Region], others: Sequence[Region]) -> None:
        self._ones, self._others = _shapes(ones), _shapes(others)

    def touching(self) -> Pairs:
        """Return, in order, all pairs that can be compared and may have an IoU above 0."""
        ones, others = self._ones, self._others
        found: list[Pairs] = [np.zeros((0, 2), np.intp)]
        for start in range(0, len(ones.kinds), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            begin, end = ones.extents[rows, None, :2], ones.extents[rows, None, 2:]
            is_shared = ((begin < others.extents[:, 2:]) & (end > others.extents[:, :2])).all(axis=-1)
            is_shared &= _IS_COMPARED[ones.kinds[rows, None], others.kinds]
            found.append(np.argwhere(is_shared) + np.array([start, 0]))
        return np.concatenate(found)

    def ious(self, pairs: Pairs, *, least: float = 0.0) -> NDArray[np.float64]:
        """Return the IoU of each pair, in [0, 1].

        Args:
            pairs: The pairs.
            least: What is surely below it may be given as 0, which saves the work of measuring it.
        """
        ones, others = self._ones, self._others
        rows, columns = pairs[:, 0], pairs[:, 1]
        start = np.maximum(ones.extents[rows, :2], others.extents[columns, :2])
        size = np.maximum(np.minimum(ones.extents[rows, 2:], others.extents[columns, 2:]) - start, 0.0)
        ious = _ratio(size.prod(axis=1), ones.extent_areas[rows] + others.extent_areas[columns])
        ious[~_IS_COMPARED[ones.kinds[rows], others.kinds[columns]]] = 0.0
        is_by_shape = _IS_BY_SHAPE[ones.kinds[rows], others.kinds[columns]]
        # The pixels of an outline can reach half a pixel beyond it on either side.
        most = np.minimum(
            (size + 1).prod(axis=1), np.minimum(ones.most_areas[rows], others.most_areas[columns])
        )
        total = np.maximum(ones.least_areas[rows] + others.least_areas[columns], 2 * most)
        ious[is_by_shape & (np.round(_ratio(most, total), _DECIMALS) < least)] = 0.0
        for place in np.flatnonzero(is_by_shape & (ious > 0)).tolist():
            ious[place] = _shape_iou(ones, int(rows[place]), others, int(columns[place]))
        return np.asarray(np.round(np.clip(ious, 0.0, 1.0), _DECIMALS))


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Regions as arrays; masks are cut to what they hold.

    `extents` (n, 4) are xyxy, what encloses each: a unit square for a class of the whole image. A shape
    covers between `least_areas` and `most_areas` square pixels. `drawn` are the masks compared so far,
    and the outlines that were drawn as one to be compared with a mask, each with its area.
    """

    regions: Sequence[Region]
    geometries: list[Geometry | None]
    kinds: NDArray[np.intp]
    extents: NDArray[np.float64]
    extent_areas: NDArray[np.float64]
    least_areas: NDArray[np.float64]
    most_areas: NDArray[np.float64]
    drawn: dict[int, tuple[Mask, int]] = field(default_factory=dict)

    def pixels(self, place: int) -> tuple[Mask, int]:
        """Return a mask, or an outline drawn as one, and its area."""
        if place not in self.drawn:
            geometry = self.geometries[place]
            assert isinstance(geometry, Mask | Polygon), "a box has no pixels of its own"
            mask = fill(geometry, self.regions[place].size) if isinstance(geometry, Polygon) else geometry
            self.drawn[place] = mask, int(np.count_nonzero(mask.pixels))
        return self.drawn[place]


def _shapes(regions: Sequence[Region]) -> _Shapes:
    geometries = [_cut(r.geometry) if isinstance(r.geometry, Mask) else r.geometry for r in regions]
    kinds = np.array([_KINDS.index(type(geometry)) for geometry in geometries], np.intp)
    sides = [POINT_SIDE * max(r.size.width, r.size.height) for r in regions]
    extents = np.array([_extent(*pair) for pair in zip(geometries, sides, strict=True)], np.float64)
    extents = extents.reshape(-1, 4)
    known = np.array([_area(geometry) for geometry in geometries], np.float64)
    is_known = ~np.isnan(known)
    return _Shapes(
        regions=regions,
        geometries=geometries,
        kinds=kinds,
        extents=extents,
        extent_areas=np.maximum(extents[:, 2:] - extents[:, :2], 0.0).prod(axis=1),
        least_areas=np.where(is_known, known, 0.0),
        most_areas=np.where(is_known, known, np.inf),
    )


def _pairs_compared(ways: Collection[str]) -> NDArray[np.bool_]:
    """Return which pairs of kinds, by their places in `_KINDS`, are compared in one of these ways."""
    return np.array([[_COMPARED_AS.get(frozenset({a, b})) in ways for a in _KINDS] for b in _KINDS])


_IS_COMPARED = _pairs_compared(_COMPARED_AS.values())
_IS_BY_SHAPE = _pairs_compared(_BY_SHAPE)


def _cut(mask: Mask) -> Mask:
    """Return the mask cut to the box around its true pixels; without pixels where none is."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask.pixels).view(np.uint8))
    return Mask(mask.x + x, mask.y + y, mask.pixels[y : y + height, x : x + width])


def _extent(geometry: Geometry | None, point_side: float) -> tuple[float, float, float, float]:
    """Return the box, xyxy, around a shape; around nothing if it cannot have an area."""
    match geometry:
        case Box():
            return geometry.x1, geometry.y1, geometry.x2, geometry.y2
        case Mask(x=x, y=y, pixels=pixels):
            return x, y, x + pixels.shape[1], y + pixels.shape[0]
        case Point(x=x, y=y):
            half = point_side / 2
            return x - half, y - half, x + half, y + half
        case Polygon(points=corners) if len(corners) > 2:
            xs, ys = zip(*corners, strict=True)
        case RotatedBox(width=width, height=height) if width > 0 and height > 0:
            xs, ys = zip(*rotated_box_corners(geometry), strict=True)
        case None:
            return 0.0, 0.0, 1.0, 1.0
        case _:
            return 0.0, 0.0, 0.0, 0.0
    return min(xs), min(ys), max(xs), max(ys)


def _area(geometry: Geometry | None) -> float | None:
    """Return the shape's own area in square pixels; None for an outline, whose area is not cheaply known."""
    match geometry:
        case Box() | RotatedBox():
            width, height = geometry.width, geometry.height
            return max(width, 0.0) * max(height, 0.0)
        case Mask(pixels=pixels):
            return int(np.count_nonzero(pixels))
        case _:
            return None


def _ratio(shared: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the IoU of areas of which two regions together have `total`; 0 where they have none."""
    union = total - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _shape_iou(ones: _Shapes, one: int, others: _Shapes, other: int) -> float:
    """Return the IoU of two shapes that are compared as they are."""
    match ones.geometries[one], others.geometries[other]:
        case Polygon() as outline, Polygon() as other_outline:
            return polygon_iou(outline, other_outline)
        case (Box() | RotatedBox()) as box, (Box() | RotatedBox()) as other_box:
            # In a fixed order, since rounding differs between the two.
            return _rotated_iou(*sorted((_rotated(box), _rotated(other_box)), key=_numbers))
    (mask, area), (other_mask, other_area) = ones.pixels(one), others.pixels(other)
    shared = overlap_pixels(mask, other_mask)
    union = area + other_area - shared
    return shared / union if union else 0.0


def _rotated(box: Box | RotatedBox) -> RotatedBox:
    if isinstance(box, RotatedBox):
        return box
    return RotatedBox((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, box.width, box.height, 0.0)


def _numbers(box: RotatedBox) -> tuple[float, ...]:
    return box.x, box.y, box.width, box.height, box.angle


def _rotated_iou(one: RotatedBox, other: RotatedBox) -> float:
    shared = overlap_area(one, other)
    return shared / (one.width * one.height + other.width * other.height - shared)
