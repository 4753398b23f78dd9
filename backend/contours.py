"""Draw one polygon around a mask, islands and holes included. Pure.

Outlines run along the edges of pixels, so that a mask and its polygon can agree exactly; OpenCV's contours
run through the centres of the outermost pixels instead. A ring is an (n, 2) array of corners (x, y) in the
cut-out's frame: (0, 0) is the top left corner of its first pixel.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Mask, Polygon

Ring = NDArray[np.int32]

# An island or a hole is joined where that brings the polygon nearer to the mask by this much IoU.
LEAST_GAIN = 0.01
_FEWEST_POINTS = 3
# The way to a joined ring and back repeats one point of either side.
_BRIDGE_POINTS = 2
# Tolerance of the simplification in pixels, and how often it is halved (on a logarithmic scale) to fit.
_LEAST_TOLERANCE = 0.25
_TOLERANCE_STEPS = 8
# Steps on the pixel grid, counter-clockwise as seen from east; y points down.
_STEPS = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
# Where that walk around a pixel begins on its edge to the west, south, east and north.
_EDGE_STARTS = {4: (0, 0), 6: (0, 1), 0: (1, 1), 2: (1, 0)}


def mask_to_polygon(mask: Mask, *, max_points: int) -> Polygon | None:
    """Return one polygon around the mask, in pixels of the image; None for an empty mask.

    It follows the biggest island. Other islands are joined by a bridge without width, and holes are cut out
    through such a slit, biggest first, where that raises the IoU by `LEAST_GAIN`; the rest is left out.
    `mask_iou` compares pixels whose centre lies in the polygon, even-odd, with those of the mask.

    Args:
        mask: The mask.
        max_points: Most points of the polygon, at least 3.
    """
    pixels = np.ascontiguousarray(mask.pixels).view(np.uint8)
    # No polygon has more rings than points: what is left out of a noisy mask need not be traced.
    rings = _outlines(pixels, most=max_points)
    if not rings:
        return None
    raster = _Raster(pixels)
    chosen = rings[:1]
    outline = _draw(chosen, max_points)
    iou = raster.iou(outline)
    for ring in rings[1:]:
        more = [*chosen, ring]
        is_small = cv2.contourArea(ring) < LEAST_GAIN * raster.area
        if is_small or _room(len(more), max_points) < len(more) * _FEWEST_POINTS:
            break
        wider = _draw(more, max_points)
        if (gained := raster.iou(wider)) >= iou + LEAST_GAIN:
            chosen, outline, iou = more, wider, gained
    points = outline + np.array([mask.x, mask.y])
    return Polygon(tuple((float(x), float(y)) for x, y in points.tolist()), mask_iou=iou)


def _corner_table() -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the corners of a border pixel that its outline visits, and which of the four places hold one.

    Both are looked up by the step from the pixel back to the one before and the step on to the next: the
    outline takes all edges that a counter-clockwise turn from the first to the second sweeps over.
    """
    corners, is_corner = np.zeros((8, 8, 4, 2), np.int32), np.zeros((8, 8, 4), bool)
    for back, onward in np.ndindex(8, 8):
        swept = [(back + turn) % 8 for turn in range(1, 1 + (onward - back - 1) % 8)]
        for place, edge in enumerate(edge for edge in swept if edge in _EDGE_STARTS):
            corners[back, onward, place] = _EDGE_STARTS[edge]
            is_corner[back, onward, place] = True
    return corners, is_corner


_CORNERS, _IS_CORNER = _corner_table()
_STEP_CODES = np.array([[_STEPS.index((x, y)) if x or y else 0 for x in (-1, 0, 1)] for y in (-1, 0, 1)])


def _outlines(pixels: NDArray[np.uint8], *, most: int) -> list[Ring]:
    """Return the outlines of the biggest islands and holes, biggest first; the mask lies to their left."""
    if not pixels.size:
        return []
    found, _ = cv2.findContours(pixels, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    borders = [np.asarray(border[:, 0], np.int32) for border in found]
    borders.sort(key=lambda border: (cv2.contourArea(border), len(border)), reverse=True)
    outlines = [_simplify(_outline(border), 0) for border in borders[:most]]
    return sorted(outlines, key=cv2.contourArea, reverse=True)


def _outline(border: Ring) -> Ring:
    """Return the outline of which OpenCV's contour names the pixels."""
    if len(border) == 1:
        return border + np.array(list(_EDGE_STARTS.values()), np.int32)
    step = np.roll(border, -1, axis=0) - border
    onward = _STEP_CODES[step[:, 1] + 1, step[:, 0] + 1]
    back = (np.roll(onward, 1) + 4) % 8
    return np.asarray((border[:, None] + _CORNERS[back, onward])[_IS_CORNER[back, onward]])


def _room(rings: int, max_points: int) -> int:
    """Return how many points so many joined rings may have together."""
    return max_points - _BRIDGE_POINTS * (rings - 1)


def _draw(rings: Sequence[Ring], max_points: int) -> Ring:
    """Return one outline of at most so many points around the rings."""
    room = _room(len(rings), max_points)
    return _join(_drop_points(_fit(rings, room), room))


def _fit(rings: Sequence[Ring], room: int) -> list[Ring]:
    """Simplify rings, all to one tolerance, to the fewest points that are not below `room`.

    Douglas and Peucker's rule, with the tolerance found by bisection.
    """
    low, high = _LEAST_TOLERANCE, float(max(np.ptp(ring, axis=0).max() for ring in rings))
    fitted = list(rings)
    if _count(fitted) <= room:
        return fitted
    for _ in range(_TOLERANCE_STEPS):
        middle = (low * high) ** 0.5
        simpler = [_simplify(ring, middle) for ring in rings]
        if _count(simpler) >= room and min(map(len, simpler)) >= _FEWEST_POINTS:
            low, fitted = middle, simpler
        else:
            high = middle
    return fitted


def _drop_points(rings: list[Ring], room: int) -> list[Ring]:
    """Leave out points down to `room`, by the smallest triangle with their neighbours (Visvalingam)."""
    rings = list(rings)
    while _count(rings) > room:
        triangles = [_triangles(ring) for ring in rings]
        which = min(range(len(rings)), key=lambda index: triangles[index].min())
        rings[which] = np.delete(rings[which], triangles[which].argmin(), axis=0)
    return rings


def _triangles(ring: Ring) -> NDArray[np.float64]:
    """Return twice the area that each point's going costs; infinite where the ring needs it."""
    if len(ring) <= _FEWEST_POINTS:
        return np.full(len(ring), np.inf)
    before, after = np.roll(ring, 1, axis=0) - ring, np.roll(ring, -1, axis=0) - ring
    return np.asarray(np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]), np.float64)


def _simplify(ring: Ring, tolerance: float) -> Ring:
    return np.asarray(cv2.approxPolyDP(ring[:, None], tolerance, True)[:, 0], np.int32)


def _count(rings: Sequence[Ring]) -> int:
    return sum(map(len, rings))


def _join(rings: Sequence[Ring]) -> Ring:
    """Return one outline through all rings, each entered and left between the two nearest points."""
    outline = rings[0]
    for ring in rings[1:]:
        distance = np.square(outline[:, None] - ring).sum(axis=-1)
        near, far = np.unravel_index(distance.argmin(), distance.shape)
        outline = np.concatenate((outline[: near + 1], ring[far:], ring[: far + 1], outline[near:]))
    return outline


class _Raster:
    """Compares outlines with a mask: row by row, between the places where a row enters and leaves them.

    `area` is that of the mask in pixels.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._width = pixels.shape[1]
        # Place (y, x) holds the number of true pixels above y and left of x.
        self._sums = cv2.integral(pixels).ravel()
        self.area = int(self._sums[-1])

    def iou(self, outline: Ring) -> float:
        """Return the overlap of the outline's pixels with the mask's, in [0, 1]."""
        crossings = self._crossings(outline)
        inside = self._sums[crossings + self._width + 1] - self._sums[crossings]
        intersection = int((inside[1::2] - inside[::2]).sum())
        area = int((crossings[1::2] - crossings[::2]).sum())
        return intersection / (self.area + area - intersection)

    def _crossings(self, outline: Ring) -> NDArray[np.intp]:
        """Return, in order, each first pixel of a row whose centre lies beyond one more edge, as a place."""
        start, end = outline, np.roll(outline, -1, axis=0)
        is_down = (start[:, 1] < end[:, 1])[:, None]
        top, bottom = np.where(is_down, start, end), np.where(is_down, end, start)
        height = bottom[:, 1] - top[:, 1]
        edge = np.repeat(np.arange(len(outline)), height)
        row = np.arange(edge.size) - (np.cumsum(height) - height)[edge]  # from the edge's top
        # The crossing less one half, rounded up; in floats, a centre on the edge would fall to either side.
        across, along = bottom[edge, 0] - top[edge, 0], height[edge]
        column = top[edge, 0] - (along - (2 * row + 1) * across) // (2 * along)
        return np.sort((row + top[edge, 1]) * (self._width + 1) + column)
