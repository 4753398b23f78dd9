"""Views of drawn pictures: turned over, zoomed, recoloured; with the masks of some of their objects."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from demo.sam_training.pictures import OUTSIDE, SIDE, Pictures

ZOOMED_SHARE = 0.5
MOST_ZOOM = 2.2
MOST_OBJECTS = 12  # more than any scene has
MIN_AREA = 60.0  # pixels of the square; about the 12 x 12 of a full picture that measuring counts


@dataclass(frozen=True, eq=False)
class Store:
    """`Pictures` on the device: (N, SIDE, SIDE, 3) and (N, SIDE, SIDE) uint8."""

    pixels: Tensor
    things: Tensor

    @classmethod
    def of(cls, pictures: Pictures, device: str) -> "Store":
        """Copy pictures to a device."""
        return cls(torch.from_numpy(pictures.pixels).to(device), torch.from_numpy(pictures.things).to(device))


@dataclass(frozen=True, eq=False)
class Views:
    """A batch of B views, each with P of its objects, some twice where it has fewer.

    `pixels` is (B, 3, S, S) float, red-green-blue, 0 to 255, and `is_picture` (B, 1, S, S) bool its area.
    `shares` is (B, P, s, s) float: how much of each cell the object covers, in [0, 1]. `boxes` is (B, P, 4)
    float, xyxy in pixels of S. `things` is (B, s, s) float: the share of a cell that any object covers.
    `is_thing` is (B, P) bool: false where the view shows no object.
    """

    pixels: Tensor
    is_picture: Tensor
    shares: Tensor
    boxes: Tensor
    things: Tensor
    is_thing: Tensor


def take_views(store: Store, picks: Tensor, *, objects: int, side: int, cells: int, is_varied: bool) -> Views:
    """Return a view of each picked picture (B,), `side` pixels wide, with masks of `cells` a side."""
    numbers = store.things[picks]
    pixels = store.pixels[picks].permute(0, 3, 1, 2).float()
    if is_varied:
        grid = functional.affine_grid(_choose_windows(numbers), [len(picks), 1, SIDE, SIDE], False)
        pixels = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        # Shifted by one, since beyond the edges the sampler gives 0, which must come to mean outside.
        shifted = (numbers + 1).float()[:, None]  # OUTSIDE + 1 wraps to 0
        sampled = functional.grid_sample(shifted, grid, mode="nearest", align_corners=False)[:, 0]
        numbers = (sampled.round().to(torch.int16) - 1).remainder(OUTSIDE + 1).to(torch.uint8)
    is_picture = numbers != OUTSIDE
    pixels = functional.avg_pool2d(pixels, SIDE // side)
    if is_varied:
        pixels = _recolour(pixels)
    chosen, is_thing = _choose_objects(numbers, objects)
    masks = (numbers[:, None] == chosen[:, :, None, None]) & is_thing[:, :, None, None]
    return Views(
        pixels=pixels,
        is_picture=functional.avg_pool2d(is_picture[:, None].float(), SIDE // side) > 0.5,
        shares=functional.avg_pool2d(masks.float(), SIDE // cells),
        boxes=find_boxes(masks) * (side / SIDE),
        things=functional.avg_pool2d((is_picture & (numbers > 0)).float(), SIDE // cells),
        is_thing=is_thing,
    )


def find_boxes(masks: Tensor) -> Tensor:
    """Return the tight boxes (..., 4) of masks (..., h, w) bool, x2 and y2 one past the last pixel."""
    ends = []
    for is_used in (masks.any(-2), masks.any(-1)):
        length = is_used.shape[-1]
        places = torch.arange(length, device=masks.device)
        low = torch.where(is_used, places, length).amin(-1)
        ends.append((low, torch.where(is_used, places + 1, 0).amax(-1)))
    (x1, x2), (y1, y2) = ends
    return torch.stack([x1, y1, x2, y2], -1).float()


def _choose_windows(numbers: Tensor) -> Tensor:
    """Return (B, 2, 3): where each view's corners lie in its square, as `affine_grid` takes it."""
    count, device = len(numbers), numbers.device
    is_picture = numbers != OUTSIDE
    extent = torch.stack([is_picture[:, 0].float().mean(-1), is_picture[:, :, 0].float().mean(-1)], -1)
    is_zoomed = torch.rand(count, 1, device=device) < ZOOMED_SHARE
    scale = torch.where(is_zoomed, MOST_ZOOM ** -torch.rand(count, 1, device=device), 1.0)
    start = torch.rand(count, 2, device=device) * (extent - scale).clamp(min=0)
    # A picture that is turned over still starts at the left edge, as padding is always on the right.
    is_turned = torch.rand(count, device=device) < 0.5
    slope_x = torch.where(is_turned, -scale[:, 0], scale[:, 0])
    first_x = torch.where(is_turned, extent[:, 0] - start[:, 0], start[:, 0])
    slopes = torch.stack([slope_x, scale[:, 0]], -1)
    firsts = torch.stack([first_x, start[:, 1]], -1)
    # From [0, 1] to the sampler's [-1, 1].
    shifts = 2 * firsts + slopes - 1
    windows = torch.zeros(count, 2, 3, device=device)
    windows[:, 0, 0], windows[:, 1, 1], windows[:, :, 2] = slopes[:, 0], slopes[:, 1], shifts
    return windows


def _choose_objects(numbers: Tensor, objects: int) -> tuple[Tensor, Tensor]:
    """Return numbers (B, P) of objects that are large enough, and whether there is one (B, P)."""
    device = numbers.device
    areas = torch.stack([(numbers == number).sum((1, 2)) for number in range(MOST_OBJECTS + 1)], 1)
    is_large = areas >= MIN_AREA
    is_large[:, 0] = False
    order = (torch.rand(areas.shape, device=device) * is_large).argsort(dim=1, descending=True)
    found = is_large.sum(1, keepdim=True)
    places = torch.arange(objects, device=device)[None] % found.clamp(min=1)
    is_thing = (found > 0).expand(-1, objects)
    return order.gather(1, places).to(torch.uint8), is_thing


def _recolour(pixels: Tensor) -> Tensor:
    def spread(width: float, channels: int) -> Tensor:
        return torch.randn(len(pixels), channels, 1, 1, device=pixels.device) * width

    mean = pixels.mean((1, 2, 3), keepdim=True)
    contrast = (1 + spread(0.15, 1)).clamp(0.5, 1.6)
    gain = (1 + spread(0.05, 3)).clamp(0.8, 1.2)
    noise = torch.randn_like(pixels) * spread(3.0, 1).abs()
    return (((pixels - mean) * contrast + mean) * gain + spread(12.0, 1) + noise).clamp(0, 255)
