"""Clean a found mask: drop stray islands, fill small holes. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Mask

# Pixels that touch by a corner belong to one island, as in OpenCV's contours; so holes are told by edges.
_ISLAND_CONNECTIVITY, _HOLE_CONNECTIVITY = 8, 4


def clean_mask(mask: Mask, *, min_area: int, fill_holes: bool) -> Mask:
    """Return the mask without islands and holes of fewer than `min_area` pixels, on the same cut-out.

    The biggest island always stays, however small it is. What the edge of the image cuts off is no hole.

    Args:
        mask: The mask.
        min_area: In pixels; 0 leaves all islands.
        fill_holes: Fill every hole, for shapes that have none.
    """
    if not mask.pixels.any() or (min_area <= 1 and not fill_holes):
        return mask
    pixels = _drop_islands(np.ascontiguousarray(mask.pixels).view(np.uint8), min_area)
    return Mask(mask.x, mask.y, _fill_holes(pixels, None if fill_holes else min_area).view(np.bool_))


def _drop_islands(pixels: NDArray[np.uint8], min_area: int) -> NDArray[np.uint8]:
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=_ISLAND_CONNECTIVITY)
    areas = np.asarray(stats)[:, cv2.CC_STAT_AREA]
    is_kept = areas >= min_area
    is_kept[0] = False  # what is no island
    if count > 1:
        is_kept[1 + int(areas[1:].argmax())] = True
    return pixels if is_kept[1:].all() else is_kept[numbers].view(np.uint8)


def _fill_holes(pixels: NDArray[np.uint8], below: int | None) -> NDArray[np.uint8]:
    """Fill the holes of fewer than `below` pixels; None: all of them."""
    # With a frame around it, all that is outside is one piece, and it holds the corner.
    outside = cv2.copyMakeBorder(1 - pixels, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=_HOLE_CONNECTIVITY)
    areas = np.asarray(stats)[:, cv2.CC_STAT_AREA]
    is_hole = np.ones(count, bool) if below is None else areas < below
    is_hole[[0, numbers[0, 0]]] = False  # the mask itself, and the outside
    return pixels | is_hole[numbers[1:-1, 1:-1]].view(np.uint8) if is_hole.any() else pixels
