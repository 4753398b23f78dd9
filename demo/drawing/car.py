"""Draw one parked car, seen from the side, the front or the rear."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from demo.drawing.canvas import Canvas, Colour, Point, Sprite, dim, pick_colour

PAINT = (
    (45, 40, 175), (160, 90, 35), (205, 205, 208), (60, 58, 56), (130, 132, 135), (70, 125, 60),
    (60, 175, 215), (120, 60, 30), (90, 110, 150), (225, 228, 230),
)  # fmt: skip
GLASS: Colour = (88, 76, 62)
RUBBER: Colour = (32, 31, 30)
CHROME: Colour = (190, 188, 184)
LAMP: Colour = (225, 235, 240)
TAIL_LAMP: Colour = (40, 35, 195)
END_WIDTH = 1.8  # metres, without the mirrors


@dataclass(frozen=True)
class Body:
    """Proportions of one body type; x as a share of the length, front at +0.5."""

    length: float  # metres
    height: float  # metres
    cabin: tuple[float, float, float, float]  # rear base, rear roof, front roof, windscreen base
    belt: float  # height of the window line, share of the height
    hood: float  # height of the front end, share of the height
    trunk: float  # height of the rear end, share of the height


BODIES = (
    Body(4.5, 1.46, (-0.36, -0.23, 0.05, 0.23), 0.64, 0.58, 0.62),
    Body(3.9, 1.5, (-0.48, -0.38, 0.07, 0.26), 0.62, 0.57, 0.62),
    Body(4.5, 1.7, (-0.485, -0.43, 0.06, 0.22), 0.62, 0.59, 0.62),
    Body(4.9, 2.1, (-0.495, -0.475, 0.2, 0.36), 0.55, 0.46, 0.55),
)


def draw_car(rng: np.random.Generator, scale: float, light: float) -> Sprite:
    """Draw a car at `scale` pixels a metre; size, body type, paint and view vary."""
    body = BODIES[int(rng.choice(4, p=[0.32, 0.3, 0.24, 0.14]))]
    paint = pick_colour(rng, PAINT, 10)
    stretch = rng.uniform(0.94, 1.06, 2)
    length, height = body.length * float(stretch[0]), body.height * float(stretch[1])
    side_view = bool(rng.random() < 0.68)
    width = length if side_view else 1.95
    canvas = Canvas(width=width, height=height, scale=scale, mirrored=bool(rng.random() < 0.5))
    if side_view:
        _draw_side(_Sheet(canvas, length, height), body, paint)
    else:
        _draw_end(_Sheet(canvas, END_WIDTH, height), paint, front=bool(rng.random() < 0.5))
    return canvas.finish(light=light, gloss=0.6, rng=rng)


class _Sheet:
    """Draw on a car in shares of its length (x, 0 in the middle) and of its height (y)."""

    def __init__(self, canvas: Canvas, length: float, height: float):
        self.canvas, self.length, self.height = canvas, length, height

    def fill(self, points: Sequence[Point], colour: Colour, relief: float, smooth: int = 0) -> None:
        """Fill a polygon; see Canvas.polygon."""
        metres = [(x * self.length, y * self.height) for x, y in points]
        self.canvas.polygon(metres, colour, relief, smooth)

    def fill_both(self, points: Sequence[Point], colour: Colour, relief: float, smooth: int = 0) -> None:
        """Fill the polygon made of the points and their mirror images."""
        self.fill([*points, *((-x, y) for x, y in reversed(points))], colour, relief, smooth)


def _draw_side(sheet: _Sheet, body: Body, paint: Colour) -> None:
    rear, rear_roof, front_roof, screen = body.cabin
    belt = body.belt
    shell = (
        (-0.49, 0.17), (-0.5, 0.4), (-0.492, body.trunk), (rear, belt + 0.02), (rear_roof, 0.97),
        (rear_roof + 0.05, 1), (front_roof - 0.05, 1), (front_roof, 0.97), (screen, belt + 0.01),
        (0.46, body.hood - 0.03), (0.497, 0.42), (0.495, 0.17),
    )  # fmt: skip
    sheet.fill(shell, paint, 140, smooth=2)
    # Upper flanks look at the sky, the sill below them at the ground.
    flank = [(-0.485, belt - 0.09), (0.45, belt - 0.12), (0.45, belt - 0.2), (-0.485, belt - 0.16)]
    sheet.fill(flank, dim(paint, 1.18), 165)
    sheet.fill([(-0.485, 0.17), (-0.485, 0.29), (0.485, 0.29), (0.485, 0.17)], dim(paint, 0.62), 110)
    _add_side_windows(sheet, body)
    _add_side_fittings(sheet, body, paint)
    radius = 0.33 if sheet.height < 1.9 else 0.36
    for x in (-0.315 * sheet.length, 0.315 * sheet.length):
        _add_wheel(sheet.canvas, x, radius)


def _add_side_fittings(sheet: _Sheet, body: Body, paint: Colour) -> None:
    """Draw door seams, handles, lamps and the mirror."""
    rear, rear_roof, front_roof, screen = body.cabin
    belt, hood, trunk = body.belt, body.hood, body.trunk
    seam = dim(paint, 0.62)
    for x in (rear + 0.1, (rear_roof + front_roof) / 2 + 0.02, screen - 0.03):
        sheet.fill([(x, 0.27), (x + 0.004, 0.27), (x + 0.004, belt), (x, belt)], seam, 110)
    for x in (-0.13, 0.09):
        handle = [(x, belt - 0.1), (x + 0.04, belt - 0.1), (x + 0.04, belt - 0.075), (x, belt - 0.075)]
        sheet.fill(handle, seam, 170)
    sheet.fill([(0.41, hood - 0.05), (0.48, hood - 0.09), (0.49, 0.42), (0.44, 0.43)], LAMP, 180)
    sheet.fill(
        [(-0.497, trunk - 0.04), (-0.46, trunk - 0.04), (-0.465, 0.42), (-0.499, 0.42)], TAIL_LAMP, 180
    )
    mirror = [
        (screen - 0.05, belt),
        (screen - 0.01, belt),
        (screen - 0.015, belt + 0.06),
        (screen - 0.05, belt + 0.06),
    ]
    sheet.fill(mirror, dim(paint, 0.8), 200)


def _add_side_windows(sheet: _Sheet, body: Body) -> None:
    rear, rear_roof, front_roof, screen = body.cabin
    low, high = body.belt + 0.03, 0.93
    middle = (rear_roof + front_roof) / 2 + 0.02
    panes = (
        [(rear + 0.04, low), (rear_roof + 0.025, high), (middle - 0.012, high), (middle - 0.012, low)],
        [(middle + 0.012, low), (middle + 0.012, high), (front_roof - 0.015, high), (screen - 0.045, low)],
    )
    for pane in panes:
        sheet.fill(pane, GLASS, 100)
        left, right = pane[0][0], pane[3][0]
        x = left + 0.35 * (right - left)
        sheet.fill([(x, low), (x + 0.05, high), (x + 0.085, high), (x + 0.035, low)], dim(GLASS, 1.7), 100)


def _add_wheel(canvas: Canvas, x: float, radius: float) -> None:
    """Draw a wheel in its arch; `x` and `radius` in metres."""
    center = (x, radius)
    canvas.ellipse((x, radius * 1.05), (radius * 1.2, radius * 1.2), (22, 21, 20), 60)
    canvas.ellipse(center, (radius, radius), RUBBER, 130)
    canvas.ellipse(center, (radius * 0.66, radius * 0.66), dim(CHROME, 0.8), 160)
    for angle in np.linspace(0, 2 * np.pi, 5, endpoint=False):
        hole = (x + radius * 0.42 * float(np.cos(angle)), radius + radius * 0.42 * float(np.sin(angle)))
        canvas.ellipse(hole, (radius * 0.14, radius * 0.14), (55, 54, 52), 110)


def _draw_end(sheet: _Sheet, paint: Colour, *, front: bool) -> None:
    """Draw the front or the rear of a car."""
    for side in (-1, 1):
        tyre = [(side * 0.47, 0.0), (side * 0.34, 0.0), (side * 0.34, 0.3), (side * 0.47, 0.3)]
        sheet.fill(tyre, RUBBER, 90)
        mirror = (side * 0.52 * sheet.length, 0.64 * sheet.height)
        sheet.canvas.ellipse(mirror, (0.11, 0.075), dim(paint, 0.8), 150)
    shell = [(0.49, 0.16), (0.5, 0.45), (0.47, 0.62), (0.42, 0.66), (0.33, 0.97), (0.24, 1)]
    sheet.fill_both(shell, paint, 140, smooth=2)
    sheet.fill_both([(0.385, 0.66), (0.315, 0.93), (0.22, 0.95)], GLASS, 100, smooth=1)
    sheet.fill([(-0.2, 0.67), (-0.08, 0.94), (0.0, 0.94), (-0.12, 0.67)], dim(GLASS, 1.7), 100)
    sheet.fill_both([(0.44, 0.56), (0.44, 0.63)], dim(paint, 1.2), 170)
    sheet.fill_both([(0.485, 0.14), (0.485, 0.26)], dim(paint, 0.5), 120)
    if front:
        sheet.fill_both([(0.2, 0.34), (0.25, 0.47)], (42, 42, 42), 90)
        sheet.fill_both([(0.25, 0.4), (0.25, 0.42)], CHROME, 170)
    for side in (-1, 1):
        lamp = [(side * 0.475, 0.54), (side * 0.3, 0.5), (side * 0.3, 0.41), (side * 0.475, 0.4)]
        sheet.fill(lamp, LAMP if front else TAIL_LAMP, 190, smooth=1)
    sheet.fill_both([(0.14, 0.27), (0.14, 0.35)], (225, 228, 228), 180)
