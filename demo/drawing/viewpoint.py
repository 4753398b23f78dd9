"""Where the camera stands: a flat ground seen from `eye` metres above it, up to one upright wall."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Viewpoint:
    """A level pinhole camera over a flat ground.

    `width`, `height`, `horizon` (a row), `wall_row` (the row where ground and far wall meet) and
    `focal` are in pixels; `eye` is the camera's height above the ground in metres.
    """

    width: int
    height: int
    horizon: float
    wall_row: float
    eye: float
    focal: float

    def scale_at(self, row: float) -> float:
        """Return pixels a metre for an upright thing whose foot is at `row`."""
        return (row - self.horizon) / self.eye

    def depth_at(self, row: float) -> float:
        """Return the distance in metres of the ground point at `row`."""
        return self.focal / self.scale_at(row)

    def pitch_at(self, row: float) -> float:
        """Return the downward angle in radians at which the ground point at `row` is seen."""
        return float(np.arctan2(row - self.horizon, self.focal))

    def project(self, x: float, depth: float) -> tuple[float, float]:
        """Return the (x, y) pixel of a ground point, `x` metres right of the middle."""
        return (self.width / 2 + self.focal * x / depth, self.horizon + self.focal * self.eye / depth)


def choose_viewpoint(
    rng: np.random.Generator, size: tuple[int, int], wall_depth: tuple[float, float], *, raised: bool
) -> Viewpoint:
    """Draw a viewpoint for an image of `size` (width, height) pixels.

    `wall_depth` is the range in metres of the far wall. `raised` puts the camera on a mast and
    looks down: people get shorter on the image and hide each other less.
    """
    width, height = size
    eye, horizon, depth = (
        float(rng.uniform(1.7, 3.1)),
        float(rng.uniform(0.22, 0.42)),
        float(rng.uniform(*wall_depth)),
    )
    if raised:
        eye, horizon = eye + 1.8, horizon * 0.4
    focal = 0.95 * max(width, height)
    row = horizon * height
    return Viewpoint(
        width=width,
        height=height,
        horizon=row,
        wall_row=min(row + focal * eye / depth, 0.62 * height),
        eye=eye,
        focal=focal,
    )
