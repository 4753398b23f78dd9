"""Outlines row by row, between the places where a row crosses an edge: what they share, and their pixels.

What lies inside is counted even-odd, as `backend.contours` does: an outline that runs around a hole leaves it
out. Rows are looked at along their middle, and fewer of them where an outline runs up and down so much that
all its crossings would not fit into memory. Pure; float pixels.
"""

import math

import numpy as np
from numpy.typing import NDArray

from backend.entities import ImageSize, Mask, Polygon

# Two outlines are compared on at least so many rows, and on one per pixel up to the most.
_LEAST_ROWS, _MOST_ROWS = 256, 2048
# An outline that is crossed more often, which takes some 100 bytes each, is looked at on fewer rows, ...
_MOST_CROSSINGS = 1_000_000
# ... but on as many as tell something of a shape; each point of an outline adds no more than these.
_FEWEST_ROWS = 8
# As many as a brush mask may have: a larger outline has no mask to be compared with.
_MOST_PIXELS = 500_000_000


def polygon_iou(one: Polygon, other: Polygon) -> float:
    """Return the IoU of two outlines in [0, 1], exact along x, on rows that divide a pixel evenly along y.

    Outlines that are crossed too often are compared on fewer rows, equal ones still as equal.
    """
    ys = [y for polygon in (one, other) for _, y in polygon.points]
    height = max(ys, default=0.0) - min(ys, default=0.0)
    if height <= 0:
        return 0.0
    rows_per_pixel = max(-(-_LEAST_ROWS // height), 1.0) if height <= _MOST_ROWS else _MOST_ROWS / height
    rise = max(_rise(polygon) for polygon in (one, other))
    if rise * rows_per_pixel > _MOST_CROSSINGS:
        rows_per_pixel = max(_MOST_CROSSINGS / rise, _FEWEST_ROWS / height)
    crossed = [_crossings(polygon, rows_per_pixel) for polygon in (one, other)]
    rows, xs = (np.concatenate(parts) for parts in zip(*crossed, strict=True))
    is_others = np.arange(rows.size) >= crossed[0][0].size
    order = np.lexsort((xs, rows))
    # Each row crosses each outline an even number of times, so that none is inside at the start of the next.
    is_in_other = np.cumsum(is_others[order]) % 2 == 1
    is_in_one = np.cumsum(~is_others[order]) % 2 == 1
    widths = np.diff(xs[order], append=0.0)
    union = float(widths[is_in_one | is_in_other].sum())
    return float(widths[is_in_one & is_in_other].sum()) / union if union > 0 else 0.0


def fill(polygon: Polygon, size: ImageSize) -> Mask:
    """Return the pixels of the image whose centre lies in the outline.

    Of one that is crossed too often, bands of rows are told by their middle. Of one with more pixels around
    it than any mask has, none are returned.
    """
    pixels_per_row = max(1, math.ceil(_rise(polygon, between=(0.0, size.height)) / _MOST_CROSSINGS))
    last = math.ceil(size.height / pixels_per_row)
    rows, xs = _crossings(polygon, 1 / pixels_per_row, between=(0.0, float(last)))
    if not rows.size:
        return _nothing()
    # The first pixel whose centre is not to the left of the crossing.
    columns = np.clip(np.ceil(xs - 0.5), 0, size.width).astype(np.intp)
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) + 1 - top, int(columns.max()) - left
    if height * pixels_per_row * width > _MOST_PIXELS:
        return _nothing()
    is_crossed = np.zeros((height, width + 1), bool)
    np.logical_xor.at(is_crossed, (rows.astype(np.intp) - top, columns - left), True)
    pixels = np.logical_xor.accumulate(is_crossed, axis=1, out=is_crossed)[:, :width]
    if pixels_per_row > 1:
        top *= pixels_per_row
        pixels = np.repeat(pixels, pixels_per_row, axis=0)[: size.height - top]
    return Mask(left, top, pixels)


def _nothing() -> Mask:
    return Mask(0, 0, np.zeros((0, 0), bool))


def _rise(polygon: Polygon, *, between: tuple[float, float] = (-np.inf, np.inf)) -> float:
    """Return how many pixels the outline runs up and down: crossings at one row per pixel, give or take."""
    ys = np.array([y for _, y in polygon.points], np.float64).clip(*between)
    return float(np.abs(ys - np.roll(ys, -1)).sum())


def _crossings(
    polygon: Polygon, rows_per_pixel: float, *, between: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the row and the x, in pixels, of each place where the middle of a row crosses an edge.

    Rows before the first and from the second of `between` on are left out.
    """
    start = np.array(polygon.points, np.float64).reshape(-1, 2)
    end = np.roll(start, -1, axis=0)
    is_down = (start[:, 1] < end[:, 1])[:, None]
    top, bottom = np.where(is_down, start, end), np.where(is_down, end, start)
    first, last = (np.clip(np.ceil(y * rows_per_pixel - 0.5), *between) for y in (top[:, 1], bottom[:, 1]))
    count = (last - first).astype(np.intp)
    edge = np.repeat(np.arange(len(start)), count)
    row = first[edge] + np.arange(edge.size) - (np.cumsum(count) - count)[edge]
    share = ((row + 0.5) / rows_per_pixel - top[edge, 1]) / (bottom[edge, 1] - top[edge, 1])
    return row, top[edge, 0] + share * (bottom[edge, 0] - top[edge, 0])
