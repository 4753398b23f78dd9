"""Outlines row by row, between the places where a row crosses an edge: what they share, and their pixels.

What lies inside is counted even-odd, as `backend.contours` does: an outline that runs around a hole leaves it
out. Rows are looked at along their middle. Pure; float pixels.
"""

import numpy as np
from numpy.typing import NDArray

from backend.entities import ImageSize, Mask, Polygon

# Two outlines are compared on at least so many rows, and on one per pixel up to the most.
_LEAST_ROWS, _MOST_ROWS = 256, 2048


def polygon_iou(one: Polygon, other: Polygon) -> float:
    """Return the IoU of two outlines in [0, 1], exact along x, on rows that divide a pixel evenly along y."""
    ys = [y for polygon in (one, other) for _, y in polygon.points]
    height = max(ys, default=0.0) - min(ys, default=0.0)
    if height <= 0:
        return 0.0
    rows_per_pixel = max(-(-_LEAST_ROWS // height), 1.0) if height <= _MOST_ROWS else _MOST_ROWS / height
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
    """Return the pixels of the image whose centre lies in the outline."""
    rows, xs = _crossings(polygon, 1.0, between=(0.0, float(size.height)))
    if not rows.size:
        return Mask(0, 0, np.zeros((0, 0), bool))
    # The first pixel whose centre is not to the left of the crossing.
    columns = np.clip(np.ceil(xs - 0.5), 0, size.width).astype(np.intp)
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) + 1 - top, int(columns.max()) - left
    is_crossed = np.zeros((height, width + 1), bool)
    np.logical_xor.at(is_crossed, (rows.astype(np.intp) - top, columns - left), True)
    return Mask(left, top, np.logical_xor.accumulate(is_crossed, axis=1)[:, :width])


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
