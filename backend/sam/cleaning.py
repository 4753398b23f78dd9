"""Clean a found mask: drop stray islands, fill small holes. Pure."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Mask

# Where a contour's row of `findContours` names the contour around it.
_PARENT = 3


def clean_mask(mask: Mask, *, min_area: int, fill_holes: bool) -> Mask:
    """Return the mask without islands and holes of fewer than `min_area` pixels, on the same cut-out.

    What lies in a hole counts as the hole, and with its holes as the island. Pixels that touch by a corner
    are one island. The biggest always stays, however small it is. What is open to the edge is no hole.

    Args:
        mask: The mask.
        min_area: In pixels; 0 leaves all islands.
        fill_holes: Fill every hole, for shapes that have none.
    """
    if min_area <= 1 and not fill_holes:
        return mask
    pixels = np.ascontiguousarray(mask.pixels).view(np.uint8)
    # Milliseconds for a mask of few pieces, where connectedComponents takes tens of them.
    contours, rows = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = [] if rows is None else np.asarray(rows)[0, :, _PARENT].tolist()
    areas = [
        _pixels_within(contour, is_hole=parent >= 0)
        for contour, parent in zip(contours, parents, strict=True)
    ]
    islands = [place for place, parent in enumerate(parents) if parent < 0]
    biggest = max(islands, key=areas.__getitem__, default=None)
    dropped = {place for place in islands if areas[place] < min_area and place != biggest}
    filled = [
        place
        for place, parent in enumerate(parents)
        if parent >= 0 and parent not in dropped and (fill_holes or areas[place] < min_area)
    ]
    if not dropped and not filled:
        return mask
    pixels = pixels.copy()
    for value, places in ((0, dropped), (1, filled)):
        for place in places:
            cv2.drawContours(pixels, [contours[place]], 0, value, cv2.FILLED)
    return Mask(mask.x, mask.y, pixels.view(np.bool_))


def _pixels_within(contour: NDArray[Any], *, is_hole: bool) -> int:
    """Return how many pixels lie within a contour; those on it belong to an island, and not to a hole.

    By Pick's theorem (area = inside + border / 2 - 1), whose points are the pixels' centres here.
    """
    area, border = cv2.contourArea(contour), len(contour)
    return int(area - border / 2 + 1) if is_hole else int(area + border / 2 + 1)
