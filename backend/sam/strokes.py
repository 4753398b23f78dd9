"""What a painted stroke or a turned box says to an engine: points inside it, and the logits of its area.

Pure. Logits lie on the engine's square frame: the image's longer side spans it, its top left corner is the
frame's, and the rest of the square lies beyond the image.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Box, ImageSize, Mask, RotatedBox
from backend.geometry import clip_box, rotated_box_corners
from backend.sam.entities import Logits, PromptPoint

# An engine takes a mask as logits. For one that is known, SAM 2 gives itself these: a probability of 0.99995
# (https://github.com/facebookresearch/sam2, sam2/modeling/sam2_base.py, _use_mask_as_output).
_CERTAIN = 10.0
_MOST_POINTS = 5
# Points are sought on a picture of at most this side; an image's widest stroke has hundreds of thousands
# of pixels.
_SEEK_SIDE = 256
# Corners are given to OpenCV in steps of a 16th of a cell.
_SHIFT = 4


def join_strokes(strokes: Sequence[Mask]) -> Mask:
    """Return the union of at least one mask."""
    if len(strokes) == 1:
        return strokes[0]
    left, top = min(mask.x for mask in strokes), min(mask.y for mask in strokes)
    right = max(mask.x + mask.pixels.shape[1] for mask in strokes)
    bottom = max(mask.y + mask.pixels.shape[0] for mask in strokes)
    joined = np.zeros((bottom - top, right - left), bool)
    for mask in strokes:
        height, width = mask.pixels.shape
        y, x = mask.y - top, mask.x - left
        joined[y : y + height, x : x + width] |= mask.pixels
    return Mask(left, top, joined)


def stroke_prompts(mask: Mask, size: ImageSize, *, side: int) -> tuple[tuple[PromptPoint, ...], Logits]:
    """Return one to five positive points deep inside what was painted, and its logits.

    Args:
        mask: What was painted, at least one pixel, within the image.
        size: The image.
        side: Of the logits' square.
    """
    logits = np.full((side, side), -_CERTAIN, np.float32)
    scale = side / max(size.width, size.height)
    # A cell is painted if any of its pixels is: a thin stroke on a large image would vanish in their mean.
    rows, top = _starts(mask.y, mask.pixels.shape[0], scale, side)
    columns, left = _starts(mask.x, mask.pixels.shape[1], scale, side)
    cells = _any_of(mask.pixels, rows, columns)
    logits[top : top + rows.size, left : left + columns.size][cells] = _CERTAIN
    return _spread_points(mask), logits


def turned_box_prompts(
    box: RotatedBox, size: ImageSize, *, side: int
) -> tuple[Box, tuple[PromptPoint, ...], Logits]:
    """Return the upright box around a turned one, its centre where that lies on the image, and its logits.

    An engine takes upright boxes only; the rest says where in that one the thing lies.

    Args:
        box: The box, partly on the image at least.
        size: The image, which the upright box is clipped to.
        side: Of the logits' square.
    """
    corners = np.array(rotated_box_corners(box))
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    is_inside = 0 <= box.x < size.width and 0 <= box.y < size.height
    points = (PromptPoint(box.x, box.y, True),) if is_inside else ()
    # OpenCV's pixel centres lie at whole numbers, ours at halves.
    on_frame = corners * (side / max(size.width, size.height)) - 0.5
    # OpenCV's numbers have 32 bits: what lies far outside may as well lie a few frames away.
    steps = np.round(np.clip(on_frame, -4 * side, 5 * side) * 2**_SHIFT).astype(np.int32)
    painted = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(painted, steps, 1, shift=_SHIFT)
    logits = np.where(painted > 0, np.float32(_CERTAIN), np.float32(-_CERTAIN))
    return clip_box(Box(x1, y1, x2, y2), size), points, logits


def _starts(offset: int, length: int, scale: float, side: int) -> tuple[NDArray[np.intp], int]:
    """Return, for each cell that a cut-out's rows (or columns) meet, the first of them in it; and that cell.

    Where cells are smaller than pixels, several start at one pixel.
    """
    first = min(int(offset * scale), side - 1)
    last = min(max(int(np.ceil((offset + length) * scale)), first + 1), side)
    starts = np.floor(np.arange(first, last) / scale).astype(np.intp) - offset
    return np.clip(starts, 0, length - 1), first


def _any_of(
    pixels: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return whether any pixel is true between each start and the next."""
    ends = np.maximum(np.append(rows[1:], len(pixels)), rows + 1)
    # NumPy reduces rows a hundred times faster one stretch at a time than with `reduceat`.
    by_row = np.stack([pixels[start:end].any(axis=0) for start, end in zip(rows, ends, strict=True)])
    return np.asarray(np.logical_or.reduceat(by_row, columns, axis=1))


def _spread_points(mask: Mask) -> tuple[PromptPoint, ...]:
    """Return pixels on the ridge of the stroke, the deepest first, each as far as can be from those before.

    None lies nearer to another one than the stroke is wide.
    """
    height, width = mask.pixels.shape
    step = -(-max(height, width) // _SEEK_SIDE)
    cells = _any_of(mask.pixels, np.arange(0, height, step), np.arange(0, width, step))
    depth = cv2.distanceTransform(np.pad(cells, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    is_ridge = (depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))
    ys, xs = np.nonzero(is_ridge[1:-1, 1:-1])
    depths = depth[1:-1, 1:-1][ys, xs]
    chosen = [int(depths.argmax())]
    while len(chosen) < _MOST_POINTS:
        apart = np.hypot(ys[:, None] - ys[chosen], xs[:, None] - xs[chosen]).min(axis=1)
        farthest = int(apart.argmax())
        if apart[farthest] <= 2 * depths.max():
            break
        chosen.append(farthest)
    return tuple(_point(mask, int(xs[place]) * step, int(ys[place]) * step, step) for place in chosen)


def _point(mask: Mask, left: int, top: int, step: int) -> PromptPoint:
    """Return the centre of the painted pixel that lies nearest to the middle of a cell."""
    ys, xs = np.nonzero(mask.pixels[top : top + step, left : left + step])
    middle = (step - 1) / 2
    nearest = int(((ys - middle) ** 2 + (xs - middle) ** 2).argmin())
    x, y = mask.x + left + int(xs[nearest]), mask.y + top + int(ys[nearest])
    return PromptPoint(x + 0.5, y + 0.5, True)
