"""Draw one parcel or crate as a turned cuboid, seen from somewhat above."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from demo.drawing.canvas import Canvas, Colour, Point, Sprite, dim, pick_colour

CARDBOARD = ((95, 140, 180), (80, 120, 160), (110, 155, 195), (70, 105, 140))


def draw_box(rng: np.random.Generator, scale: float, light: float, pitch: float) -> Sprite:
    """Draw a taped parcel or a plank crate; `pitch` is the camera's downward angle in radians."""
    wide, deep = (float(v) for v in rng.uniform(0.45, 1.1, 2))
    high = float(rng.uniform(0.35, 1.0))
    yaw = float(rng.uniform(0.2, 1.35))
    crate = bool(rng.random() < 0.25)
    colour = pick_colour(rng, CARDBOARD, 10)
    solid = _Solid(wide, deep, high, yaw, pitch)
    canvas = Canvas(width=(wide + deep) * 1.02, height=high + (wide + deep) * np.sin(pitch), scale=scale)
    bright = {"left": 0.98 - 0.2 * light, "right": 0.98 + 0.2 * light, "top": 1.22}
    for face, factor in bright.items():
        canvas.polygon(solid.patch(face, 0, 1, 0, 1), dim(colour, factor), 120 + 40 * factor)
        if crate:
            _add_planks(canvas, solid, face, dim(colour, factor))
    if not crate:
        _add_tape(canvas, solid, rng, {face: dim(colour, f * 1.12) for face, f in bright.items()})
    return canvas.finish(light=light, gloss=0.3, rng=rng)


class _Solid:
    """A cuboid under a parallel projection: turned by `yaw`, looked at from `pitch` above."""

    def __init__(self, wide: float, deep: float, high: float, yaw: float, pitch: float):
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        self._pitch = pitch
        self._along = turn @ np.array([wide, 0.0])
        self._away = turn @ np.array([0.0, deep])
        self._up = np.array([0.0, high * np.cos(pitch)])
        middle = self._flat(self._along)[0] + self._flat(self._away)[0]
        self._origin = np.array([-middle / 2, 0.0])

    def _flat(self, ground: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([ground[0], ground[1] * np.sin(self._pitch)])

    def patch(self, face: str, u0: float, u1: float, v0: float, v1: float) -> Sequence[Point]:
        """Return the corners of a rectangle on a face, in shares (0 to 1) of its two edges."""
        along, away = self._flat(self._along), self._flat(self._away)
        edges = {"right": (along, self._up), "left": (away, self._up), "top": (along, away)}
        start = self._origin + (self._up if face == "top" else 0)
        first, second = edges[face]
        corners = [start + first * u + second * v for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1))]
        return [(float(x), float(y)) for x, y in corners]


def _add_tape(canvas: Canvas, solid: _Solid, rng: np.random.Generator, bright: dict[str, Colour]) -> None:
    tape = {face: (min(255.0, c[0] * 1.25), min(255.0, c[1] * 1.12), c[2]) for face, c in bright.items()}
    canvas.polygon(solid.patch("top", 0.43, 0.57, 0, 1), tape["top"], 190)
    canvas.polygon(solid.patch("right", 0.43, 0.57, 0.72, 1), tape["right"], 180)
    face = str(rng.choice(["left", "right"]))
    left, low = float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.12, 0.4))
    canvas.polygon(solid.patch(face, left, left + 0.34, low, low + 0.26), (222, 226, 228), 180)
    canvas.polygon(solid.patch(face, left + 0.04, left + 0.22, low + 0.05, low + 0.09), (60, 60, 60), 180)
    canvas.polygon(solid.patch(face, left + 0.04, left + 0.28, low + 0.14, low + 0.2), (60, 60, 60), 180)


def _add_planks(canvas: Canvas, solid: _Solid, face: str, colour: Colour) -> None:
    for gap in (0.24, 0.49, 0.74):
        canvas.polygon(solid.patch(face, 0, 1, gap, gap + 0.03), dim(colour, 0.5), 60)
    for post in (0.0, 0.88):
        canvas.polygon(solid.patch(face, post, post + 0.12, 0, 1), dim(colour, 1.08), 210)
