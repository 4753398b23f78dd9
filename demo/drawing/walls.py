"""Draw the far end of a place: a row of houses, a hall's inner wall, or a fenced yard."""

import cv2
import numpy as np

from demo.drawing.backdrop import Bgr, Place
from demo.drawing.canvas import Colour, dim, pick_colour
from demo.drawing.viewpoint import Viewpoint

FACADES = (
    (120, 140, 175),
    (160, 170, 180),
    (95, 115, 150),
    (150, 155, 150),
    (130, 165, 190),
    (105, 110, 120),
)
PANELS = ((165, 165, 160), (150, 140, 125), (140, 155, 150), (170, 175, 180))
DOORS = ((150, 120, 80), (130, 135, 140), (90, 100, 150))
BOARDS = ((180, 120, 60), (90, 150, 90), (205, 210, 210))
AWNINGS = ((60, 60, 150), (110, 80, 50), (70, 110, 70), (200, 205, 205))
GLASS = ((95, 85, 75), (130, 115, 100), (70, 65, 60))
HILLS = ((125, 130, 115), (110, 125, 110))
TREES = ((55, 85, 65), (60, 100, 80), (50, 75, 75))
WOOD: Colour = (95, 125, 150)
STOREY = 3.0  # metres


class _Wall:
    """Draw on an upright plane in metres: x from the picture's left edge, y from the ground up."""

    def __init__(self, view: Viewpoint, image: Bgr):
        self._image, self._scale, self._ground = image, view.scale_at(view.wall_row), view.wall_row
        self.width = view.width / self._scale
        self.height = view.wall_row / self._scale

    def shape(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon, edges smoothed."""
        points = np.asarray(corners) * (self._scale, -self._scale) + (0, self._ground)
        cv2.fillPoly(self._image, [np.round(points * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)

    def bar(self, left: float, low: float, wide: float, high: float, colour: Colour) -> None:
        """Fill an upright rectangle by its lower left corner and its size."""
        right, top = left + wide, low + high
        self.shape([(left, low), (right, low), (right, top), (left, top)], colour)

    def blob(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        center = (round(x * self._scale), round(self._ground - y * self._scale))
        cv2.circle(self._image, center, max(1, round(radius * self._scale)), colour, -1, cv2.LINE_AA)


def _draw_houses(rng: np.random.Generator, view: Viewpoint, image: Bgr) -> None:
    wall = _Wall(view, image)
    left = float(rng.uniform(-6, 0))
    while left < wall.width:
        wide, storeys = float(rng.uniform(5, 11)), int(rng.integers(2, 5))
        face = pick_colour(rng, FACADES, 10)
        top = storeys * STOREY + 0.8
        wall.bar(left, -0.1, wide, top + 0.1, face)
        wall.bar(left - 0.15, top, wide + 0.3, 0.25, dim(face, 0.7))
        _draw_windows(rng, wall, (left, wide), storeys, face)
        left += wide + float(rng.random() < 0.25) * float(rng.uniform(1, 4))
    wall.bar(0, -0.1, wall.width, 0.3, (135, 138, 140))
    if rng.random() < 0.6:
        _draw_trees(rng, wall, int(rng.integers(1, 5)))


def _draw_windows(
    rng: np.random.Generator, wall: _Wall, house: tuple[float, float], storeys: int, face: Colour
) -> None:
    """Draw shop windows on the ground floor, and one row of windows on each floor above.

    `house` is its left edge and width in metres.
    """
    left, wide = house
    columns = max(1, int(wide / 2.3))
    glass = pick_colour(rng, GLASS, 6)
    for column in range(columns):
        x = left + (column + 0.5) * wide / columns
        wall.bar(x - 0.9, 0.2, 1.8, 2.3, dim(glass, 0.75))
        for storey in range(1, storeys):
            y = storey * STOREY + 0.9
            wall.bar(x - 0.65, y - 0.1, 1.3, 1.7, dim(face, 1.25))
            wall.bar(x - 0.55, y, 1.1, 1.5, dim(glass, float(rng.uniform(0.8, 1.5))))
    if rng.random() < 0.5:
        wall.bar(left + 0.3, 2.5, wide - 0.6, 0.6, pick_colour(rng, AWNINGS, 8))


def _draw_trees(rng: np.random.Generator, wall: _Wall, count: int) -> None:
    for _ in range(count):
        middle, high = float(rng.uniform(0, wall.width)), float(rng.uniform(3.2, 6.0))
        wall.bar(middle - 0.13, 0, 0.26, high * 0.6, (55, 65, 75))
        leaf = pick_colour(rng, TREES, 8)
        angles, reaches = rng.uniform(0, 2 * np.pi, 60), np.sqrt(rng.uniform(0, 1, 60))
        radii = rng.uniform(0.16, 0.38, 60)
        spots = np.stack([reaches * np.cos(angles), reaches * np.sin(angles), radii], axis=1)
        for across, up, radius in spots.tolist():
            x, y = middle + 1.35 * across, high * (0.72 + 0.36 * up)
            wall.blob(x, y, radius, dim(leaf, 1.0 + 0.4 * up))


def _draw_hall(rng: np.random.Generator, view: Viewpoint, image: Bgr) -> None:
    wall = _Wall(view, image)
    panel = pick_colour(rng, PANELS, 8)
    ribs = np.sin(np.arange(view.width) * (wall.width / view.width) * 2 * np.pi / 0.5) * 9
    image[: int(view.wall_row) + 1] = np.clip(np.asarray(panel) + ribs[:, None], 0, 255).astype(np.uint8)
    wall.bar(0, -0.1, wall.width, 1.2, dim(panel, 0.72))
    x = float(rng.uniform(-2, 2))
    while x < wall.width:
        wide = float(rng.uniform(2.6, 4.2))
        _draw_fitting(rng, wall, x, wide)
        x += wide + float(rng.uniform(0.5, 1.5))
        wall.bar(x - 0.4, 0, 0.3, wall.height, dim(panel, 0.55))
    for beam in (5.0, 6.8, 8.6, 10.4):
        wall.bar(0, beam, wall.width, 0.3, dim(panel, 0.5))
    for lamp in rng.uniform(0, wall.width, 4).tolist():
        wall.bar(lamp - 0.6, 5.55, 1.2, 0.17, (240, 245, 245))


def _draw_fitting(rng: np.random.Generator, wall: _Wall, x: float, wide: float) -> None:
    """Draw what hangs in one bay of a hall's wall: a roller door, a window, a board or nothing."""
    kind = str(rng.choice(["door", "window", "board", "bare"]))
    if kind == "door":
        door = pick_colour(rng, DOORS, 8)
        wall.bar(x, 0, wide, 3.6, door)
        for slat in range(8):
            wall.bar(x, slat * 0.45, wide, 0.05, dim(door, 0.7))
    elif kind == "window":
        wall.bar(x, 3.0, wide, 1.4, (215, 212, 200))
        for mullion in range(5):
            wall.bar(x + mullion / 4 * wide - 0.05, 3.0, 0.1, 1.4, (90, 90, 88))
    elif kind == "board":
        wall.bar(x, 1.6, wide * 0.5, 1.0, pick_colour(rng, BOARDS, 10))


def _draw_yard(rng: np.random.Generator, view: Viewpoint, image: Bgr) -> None:
    wall = _Wall(view, image)
    ridge = (4.5 - np.cumsum(rng.normal(0, 0.5, 24))).tolist()
    outline = [(wall.width * i / 23, max(1.0, height)) for i, height in enumerate(ridge)]
    wall.shape([*outline, (wall.width, 0.0), (0.0, 0.0)], pick_colour(rng, HILLS, 8))
    _draw_trees(rng, wall, int(rng.integers(3, 9)))
    high = float(rng.uniform(1.6, 2.8))
    if rng.random() < 0.6:
        _draw_bricks(wall, high, pick_colour(rng, FACADES, 10))
        return
    for plank in range(int(wall.width / 0.2) + 1):
        wall.bar(plank * 0.2, -0.1, 0.17, high + 0.1, dim(WOOD, float(rng.uniform(0.8, 1.1))))


def _draw_bricks(wall: _Wall, high: float, brick: Colour) -> None:
    """Draw a wall of large blocks: small bricks would be less than a pixel high."""
    wall.bar(0, -0.1, wall.width, high + 0.1, brick)
    for course in range(int(high / 0.28) + 1):
        wall.bar(0, course * 0.28, wall.width, 0.04, dim(brick, 0.82))
        for block in range(int(wall.width / 0.6) + 1):
            wall.bar((block + course % 2 / 2) * 0.6, course * 0.28, 0.04, 0.28, dim(brick, 0.85))
    wall.bar(0, high, wall.width, 0.15, dim(brick, 1.2))


PLACES = (
    Place((18.0, 38.0), True, _draw_houses),
    Place((11.0, 22.0), False, _draw_hall),
    Place((14.0, 32.0), True, _draw_yard),
)
