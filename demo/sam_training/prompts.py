"""Clicks and boxes as annotators give them: inside the object, on what went wrong, roughly around it.

Masks are (M, s, s) float, the share of each cell that the object covers. Points and boxes are float pixels of
the network's square input, of which a cell covers `pixels_per_cell` a side.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

EXACT_BOXES = 0.3
BOX_JITTER = 0.07  # of the box's side
MOST_BOX_JITTER = 0.15
# How much clicks prefer the middle: 0 not at all; 30 nearly always hits it.
LEAST_CARE, MOST_CARE = 0.5, 30.0


def choose_clicks(areas: Tensor, pixels_per_cell: float, care: float | None = None) -> tuple[Tensor, Tensor]:
    """Return a random point (M, 2) xy in each area (M, s, s), and its cell (M,) counted row by row.

    `care` is how much the middle is preferred; by default it differs from point to point.
    """
    count, _, width = areas.shape
    depth = _blur(areas, 5) * _blur(areas, 17)
    is_inside = areas > 0.5
    # A thing so thin that it fills no cell is clicked where it covers most of one.
    is_inside = torch.where(is_inside.flatten(1).any(1)[:, None, None], is_inside, areas > 0)
    if care is None:
        low, high = math.log(LEAST_CARE), math.log(MOST_CARE)
        chance = torch.rand(count, 1, 1, device=areas.device)
        liking = (low + (high - low) * chance).exp() * depth.clamp(min=1e-6).log()
        noise = torch.rand_like(areas).clamp(1e-6, 1 - 1e-6)
        liking = liking - (-noise.log()).log()
    else:
        liking = depth
    cells = liking.masked_fill(~is_inside, -math.inf).flatten(1).argmax(1)
    points = torch.stack([cells % width, cells // width], -1).float() + 0.5
    if care is None:
        points = points + torch.rand_like(points) - 0.5
    return points * pixels_per_cell, cells


def choose_corrections(
    masks: Tensor, found: Tensor, pixels_per_cell: float, care: float | None = None
) -> tuple[Tensor, Tensor]:
    """Return a point (M, 2) on what is wrong in `found` (M, s, s) bool, and whether it is positive (M,).

    Where nothing is wrong it is one more point in the object.
    """
    is_inside = masks > 0.5
    wrong = (is_inside ^ found).float()
    is_right = ~wrong.flatten(1).any(1)
    areas = torch.where(is_right[:, None, None], masks, wrong)
    points, cells = choose_clicks(areas, pixels_per_cell, care)
    is_positive = is_inside.flatten(1).gather(1, cells[:, None])[:, 0] | is_right
    return points, is_positive


def loosen_boxes(boxes: Tensor) -> Tensor:
    """Move the edges of boxes (M, 4) xyxy as a hand does; some stay exact."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    shifts = (torch.randn_like(boxes) * BOX_JITTER).clamp(-MOST_BOX_JITTER, MOST_BOX_JITTER)
    is_loose = torch.rand(len(boxes), 1, device=boxes.device) >= EXACT_BOXES
    return boxes + shifts * sides * is_loose


def _blur(areas: Tensor, width: int) -> Tensor:
    return functional.avg_pool2d(areas[:, None], width, stride=1, padding=width // 2)[:, 0]
