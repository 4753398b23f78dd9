"""Draw one traffic cone, upright or lying."""

from dataclasses import dataclass

import numpy as np

from demo.drawing.canvas import Canvas, Colour, Point, Sprite, dim, pick_colour

CONES = ((25, 95, 235), (35, 70, 225), (30, 130, 240))
WHITE: Colour = (228.0, 230.0, 230.0)
BLACK: Colour = (50.0, 48.0, 46.0)


@dataclass(frozen=True)
class _Shape:
    """A cone's measures in metres; `flat` is how round its circles look (0 a line, 1 a circle)."""

    x: float
    high: float
    foot: float  # radius on the ground
    tip: float  # radius at the top
    flat: float


def draw_cone(rng: np.random.Generator, scale: float, light: float, pitch: float) -> Sprite:
    """Draw a traffic cone on its base plate; `pitch` is the camera's downward angle in radians."""
    high = float(rng.uniform(0.62, 1.05))
    foot = high * float(rng.uniform(0.17, 0.23))
    colour = pick_colour(rng, CONES, 8)
    lying = bool(rng.random() < 0.12)
    bands = [(0.32, 0.5), (0.62, 0.78)] if rng.random() < 0.6 else [(0.42, 0.68)]
    turn = float(rng.choice([-1, 1])) * float(rng.uniform(1.35, 1.5)) if lying else 0.0
    canvas = Canvas(width=high * (2.3 if lying else 0.9), height=high * 1.1, scale=scale, turn=turn)
    flat = max(0.16, float(np.sin(pitch)))
    cone = _Shape(x=foot * 1.3 if lying else 0.0, high=high, foot=foot, tip=high * 0.045, flat=flat)
    _add_plate(canvas, cone, dim(colour, 0.75) if rng.random() < 0.6 else BLACK)
    _add_wall(canvas, cone, (0.0, 1.0), colour, light)
    for band in bands:
        _add_wall(canvas, cone, band, WHITE, light)
    canvas.ellipse((cone.x, high), (cone.tip, cone.tip * max(0.3, flat)), dim(colour, 0.55), 150)
    return canvas.finish(light=light, gloss=0.4, rng=rng)


def _add_plate(canvas: Canvas, cone: _Shape, colour: Colour) -> None:
    half = cone.foot * 1.5
    deep = half * cone.flat * 0.7
    front = [(half, 0.0), (half * 0.8, -deep), (-half * 0.8, -deep)]
    outline = [(-half, 0.0), (-half * 0.75, deep), (half * 0.75, deep), *front]
    for lift, paint, relief in ((-0.02, dim(colour, 0.7), 90), (0.02, colour, 120)):
        canvas.polygon([(x + cone.x, y + lift) for x, y in outline], paint, relief)


def _add_wall(canvas: Canvas, cone: _Shape, span: Point, paint: Colour, light: float) -> None:
    """Draw a cone's wall between two heights (shares of its own), darker away from the light."""
    ring = np.linspace(np.pi, 2 * np.pi, 12)
    rows = []
    for share in span:
        radius = cone.foot + (cone.tip - cone.foot) * share
        middle = cone.high * share
        rows.append(
            [(float(np.cos(a)) * radius, middle + float(np.sin(a)) * radius * cone.flat) for a in ring]
        )
    # Three strips, each painted over the right part of the one before.
    for start, factor in ((-1.0, 1.0 - 0.28 * light), (-0.35, 1.05), (0.35, 1.0 + 0.28 * light)):
        width = [max(abs(p[0]) for p in row) for row in rows]
        lower = [(cone.x + max(px, start * width[0]), py) for px, py in rows[0]]
        upper = [(cone.x + max(px, start * width[1]), py) for px, py in rows[1]]
        canvas.polygon([*lower, *reversed(upper)], dim(paint, factor), 150)
