"""Draw street furniture: things that are no labelled class and may hide one."""

from collections.abc import Callable

import numpy as np

from demo.drawing.canvas import Canvas, Colour, Sprite, dim, pick_colour

BINS = ((70, 95, 60), (105, 80, 55), (75, 75, 78), (50, 60, 110))
LEAVES = ((45, 95, 60), (40, 80, 70), (60, 110, 80))
RED: Colour = (45, 45, 190)
WHITE: Colour = (222, 224, 224)
STEEL: Colour = (95, 95, 92)


def draw_distractor(rng: np.random.Generator, scale: float, light: float, outdoors: bool) -> Sprite:
    """Draw a bin, barrier or bollard; outdoors it may also be a lamp post or a bush."""
    kind = str(rng.choice(["bin", "barrier", "bollard", *(["post", "bush"] if outdoors else [])]))
    canvas = Canvas(width=0.8 if kind == "bin" else 2.6, height=4.4 if kind == "post" else 1.5, scale=scale)
    DRAWERS[kind](rng, canvas)
    return canvas.finish(light=light, gloss=0.4, rng=rng)


def _draw_post(rng: np.random.Generator, canvas: Canvas) -> None:
    canvas.limb((0, 0.1), (0, 4.1), (0.14, 0.09), STEEL)
    canvas.limb((0, 4.1), (0.7, 4.25), (0.07, 0.06), STEEL)
    canvas.limb((0.6, 4.22), (0.95, 4.22), (0.13, 0.1), (200, 215, 220))


def _draw_bush(rng: np.random.Generator, canvas: Canvas) -> None:
    leaf = pick_colour(rng, LEAVES, 10)
    for _ in range(90):
        angle, reach = float(rng.uniform(0, np.pi)), float(np.sqrt(rng.uniform(0, 1)))
        x, y = reach * 0.6 * float(np.cos(angle)), 0.12 + reach * 0.75 * float(np.sin(angle))
        radius = float(rng.uniform(0.06, 0.13))
        canvas.ellipse((x, y), (radius, radius * 0.85), dim(leaf, 0.55 + 0.6 * y), 90 + 80 * y)


def _draw_bin(rng: np.random.Generator, canvas: Canvas) -> None:
    body = pick_colour(rng, BINS, 8)
    canvas.polygon([(-0.24, 0), (0.24, 0), (0.31, 0.95), (-0.31, 0.95)], body, 120)
    canvas.polygon([(-0.12, 0.03), (0.1, 0.03), (0.13, 0.93), (-0.15, 0.93)], dim(body, 1.15), 170)
    canvas.ellipse((0, 0.97), (0.34, 0.1), dim(body, 0.7), 200)


def _draw_barrier(rng: np.random.Generator, canvas: Canvas) -> None:
    for x in (-0.9, 0.9):
        canvas.limb((x, 0.03), (x, 1.0), (0.07, 0.07), (70, 70, 72))
    for i in range(8):
        left = -1.05 + i * 0.2625
        plank = [(left, 0.62), (left + 0.2625, 0.62), (left + 0.2625, 0.9), (left, 0.9)]
        canvas.polygon(plank, RED if i % 2 else WHITE, 160)


def _draw_bollard(rng: np.random.Generator, canvas: Canvas) -> None:
    canvas.limb((0, 0.06), (0, 0.85), (0.16, 0.14), (110, 112, 112))
    canvas.limb((-0.005, 0.7), (0.005, 0.7), (0.15, 0.15), (190, 195, 195))


DRAWERS: dict[str, Callable[[np.random.Generator, Canvas], None]] = {
    "post": _draw_post,
    "bush": _draw_bush,
    "bin": _draw_bin,
    "barrier": _draw_barrier,
    "bollard": _draw_bollard,
}
