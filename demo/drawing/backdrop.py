"""Draw the empty place: sky or ceiling, far wall and ground, with the distance of each pixel."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from demo.drawing.canvas import pick_colour
from demo.drawing.ground import draw_ground
from demo.drawing.pixels import FloatImage, cloudy_noise
from demo.drawing.viewpoint import Viewpoint

SKY_DEPTH = 400.0  # metres; far enough for fog to hide it whole

Bgr = NDArray[np.uint8]


class Place(NamedTuple):
    """A kind of place: its far wall's distance range in metres, and who draws it."""

    wall_depth: tuple[float, float]
    outdoors: bool
    draw_wall: Callable[[np.random.Generator, Viewpoint, Bgr], None]


def draw_backdrop(rng: np.random.Generator, place: Place, view: Viewpoint) -> tuple[FloatImage, FloatImage]:
    """Return the empty place (H, W, 3) float32 BGR in [0, 255] and its depth (H, W) float32 in metres."""
    wall = int(view.wall_row)
    image = np.zeros((view.height, view.width, 3), np.uint8)
    if place.outdoors:
        _draw_sky(rng, view, image)
    place.draw_wall(rng, view, image)
    picture = image.astype(np.float32)
    picture[:wall] += cloudy_noise(rng, (wall, view.width), (8, 60))[..., None] * np.float32(7)
    picture[wall:] = draw_ground(rng, view, place.outdoors)
    np.clip(picture, 0, 255, out=picture)
    rows = np.maximum(np.arange(view.height), view.wall_row)
    depth = (view.focal * view.eye / (rows - view.horizon)).astype(np.float32)
    if place.outdoors:
        depth[: int(view.horizon * 0.5)] = SKY_DEPTH
    return picture, np.repeat(depth[:, None], view.width, axis=1)


def _draw_sky(rng: np.random.Generator, view: Viewpoint, image: Bgr) -> None:
    top = pick_colour(rng, ((205, 150, 90), (190, 175, 160), (215, 175, 125), (170, 160, 155)), 8)
    low = pick_colour(rng, ((225, 215, 205), (205, 215, 230), (230, 225, 215)), 6)
    rows = int(view.wall_row) + 1
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    cloud = cloudy_noise(rng, (rows, view.width), (3, 7, 15, 31)) - np.float32(rng.uniform(-0.2, 0.9))
    cover = np.clip(cloud * np.float32(0.5), 0, 0.85)[..., None]
    sky = np.asarray(top, np.float32) * (1 - share) + np.asarray(low, np.float32) * share
    image[:rows] = sky + (np.float32(236) - sky) * cover
