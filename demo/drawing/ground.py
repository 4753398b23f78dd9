"""Draw the ground: a tile seen from above, laid out in perspective, and the lines painted on it."""

import cv2
import numpy as np

from demo.drawing.canvas import Colour, pick_colour
from demo.drawing.pixels import FloatImage, blurred, cloudy_noise, grain, mean_colour
from demo.drawing.viewpoint import Viewpoint

TILE_PX = 384
TILE_PX_PER_M = 48.0
OUTDOOR_GROUNDS = ("asphalt", "pavers", "gravel", "grass")
INDOOR_GROUNDS = ("concrete", "concrete", "pavers", "epoxy")
UNPAINTED = ("grass", "gravel")

COLOURS: dict[str, tuple[Colour, ...]] = {
    "asphalt": ((92, 92, 95), (120, 120, 124)),
    "pavers": ((140, 150, 160), (115, 130, 155), (150, 152, 155)),
    "gravel": ((120, 140, 155), (130, 135, 140)),
    "grass": ((60, 115, 95), (65, 125, 110)),
    "concrete": ((150, 155, 158), (130, 135, 140)),
    "epoxy": ((120, 135, 125), (140, 125, 110)),
}
# Spread of single texels, in grey levels.
GRAIN = {"asphalt": 28.0, "pavers": 13.0, "gravel": 38.0, "grass": 38.0, "concrete": 11.0, "epoxy": 6.0}


def draw_ground(rng: np.random.Generator, view: Viewpoint, outdoors: bool) -> FloatImage:
    """Return the rows of the frame from the wall down, (rows, W, 3) float32 BGR."""
    kind = str(rng.choice(OUTDOOR_GROUNDS if outdoors else INDOOR_GROUNDS))
    ground = _lay_out(rng, view, _draw_tile(rng, kind))
    if kind not in UNPAINTED and rng.random() < 0.6:
        _paint_lines(rng, view, ground)
    return ground


def _draw_tile(rng: np.random.Generator, kind: str) -> FloatImage:
    """Return a (TILE_PX, TILE_PX, 3) float32 BGR piece of ground seen from straight above."""
    base = np.asarray(pick_colour(rng, COLOURS[kind], 8), np.float32)
    texels = blurred(grain(rng, (TILE_PX, TILE_PX)), 0.8, kernel=3) * np.float32(GRAIN[kind])
    texels += cloudy_noise(rng, (TILE_PX, TILE_PX), (5, 14, 40)) * np.float32(13 if kind == "grass" else 9)
    tile = np.asarray(base + texels[..., None], dtype=np.float32)
    if kind == "pavers":
        _add_joints(rng, tile, int(TILE_PX_PER_M * float(rng.choice([0.5, 0.8]))), staggered=True)
    elif kind in ("concrete", "epoxy"):
        _add_joints(rng, tile, int(TILE_PX_PER_M * 3.5), staggered=False)
    elif kind == "asphalt":
        crack = [float(channel) * 0.6 for channel in base]
        for _ in range(3):
            steps = rng.normal(0, 9, (40, 2)) + rng.normal(0, 6, 2)
            line = np.cumsum(steps, axis=0) + rng.uniform(60, TILE_PX - 60, 2)
            cv2.polylines(tile, [line.astype(np.int32)], False, crack, 2)
    return tile


def _add_joints(rng: np.random.Generator, tile: FloatImage, pitch: int, *, staggered: bool) -> None:
    """Draw the gaps between slabs of `pitch` texels; staggered slabs also differ in brightness."""
    shade = mean_colour(tile) * np.float32(0.72)
    for i, top in enumerate(range(0, TILE_PX, pitch)):
        tile[top : top + 2] = shade
        offset = (pitch // 2) * (i % 2) if staggered else 0
        for left in range(offset, TILE_PX, pitch):
            if staggered:
                tile[top : top + pitch, left : left + pitch] *= 1 + 0.045 * float(rng.standard_normal())
            tile[top : top + pitch, left : left + 2] = shade


def _lay_out(rng: np.random.Generator, view: Viewpoint, tile: FloatImage) -> FloatImage:
    """Return the tile, repeated by reflection, as the camera sees it from the wall's row down."""
    turn, shift = float(rng.uniform(-0.6, 0.6)), rng.uniform(0, TILE_PX, 2).astype(np.float32)
    rows = np.arange(int(view.wall_row), view.height, dtype=np.float32)
    scale = np.maximum(rows - np.float32(view.horizon), view.wall_row - view.horizon) / np.float32(view.eye)
    across = np.arange(view.width, dtype=np.float32) - np.float32(view.width / 2)
    x = across[None, :] * (np.float32(TILE_PX_PER_M) / scale)[:, None]
    z = np.float32(view.focal * TILE_PX_PER_M) / scale[:, None]
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = x * cos + (shift[0] - z * sin), x * sin + (shift[1] + z * cos)
    seen = cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    ground = np.asarray(seen, dtype=np.float32)
    # Far away one pixel covers many texels: fade the detail out instead of letting it flicker.
    detail = np.clip(scale / np.float32(0.8 * TILE_PX_PER_M), 0.12, 1)[:, None, None].astype(np.float32)
    ground *= detail
    ground += mean_colour(tile) * (1 - detail)
    return ground


def _paint_lines(rng: np.random.Generator, view: Viewpoint, ground: FloatImage) -> None:
    """Paint worn lines that run away from the camera, in place."""
    paint = pick_colour(rng, ((215, 220, 222), (60, 185, 225)), 6)
    far, near = view.depth_at(view.wall_row) * 0.97, view.depth_at(view.height)
    slant, dashed = float(rng.uniform(-0.25, 0.25)), bool(rng.random() < 0.5)
    edges = np.arange(near, far, 2.0) if dashed else np.array([near, far])
    layer = np.zeros(ground.shape[:2], np.uint8)
    for x in np.cumsum(rng.uniform(2.2, 3.6, int(rng.integers(1, 4)))) + float(rng.uniform(-7, -2)):
        for start, stop in zip(edges[::2], edges[1::2], strict=False):
            corners = ((x, start), (x + 0.14, start), (x + 0.14, stop), (x, stop))
            dots = np.array([view.project(cx + slant * (cz - near), cz) for cx, cz in corners])
            dots[:, 1] -= int(view.wall_row)
            cv2.fillPoly(layer, [np.round(dots * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    worn = cloudy_noise(rng, (ground.shape[0], ground.shape[1]), (30, 90)) * np.float32(0.1)
    painted = layer > 0
    share = (layer[painted] / 255 * np.clip(0.75 + worn[painted], 0.2, 0.95))[:, None]
    ground[painted] += (np.asarray(paint) - ground[painted]) * share
