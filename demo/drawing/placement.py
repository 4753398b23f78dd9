"""Decide what stands where, draw it, and work out what of it the camera sees.

Owns occlusion: a thing that is hardly seen is left out of the picture, so that whatever object
remains in the picture is labelled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.drawing.box import draw_box
from demo.drawing.canvas import Sprite
from demo.drawing.car import draw_car
from demo.drawing.cone import draw_cone
from demo.drawing.distractor import draw_distractor
from demo.drawing.person import draw_person
from demo.drawing.pixels import FloatImage
from demo.drawing.viewpoint import Viewpoint

CLASSES = ("person", "car", "box", "cone")
DISTRACTOR = "distractor"  # any thing that is not labelled

MIN_VISIBLE = 0.3  # a smaller share of its own pixels and an object is left out of the picture
MIN_SIDE_PX = 9.0  # of the visible box; on fewer pixels an annotator could not tell the class
CLASS_SHARES = (0.34, 0.22, 0.23, 0.21)
COUNT_SHARES = (0.03, 0.06, 0.11, 0.15, 0.17, 0.16, 0.13, 0.11, 0.08)  # of 0 to 8 objects tried
BESIDE_SHARE = 0.33  # of things that stand beside another one, and so often hide part of it


@dataclass(frozen=True)
class Setting:
    """What all things of a scene share; `lit_from` is -1 (left) to 1 (right)."""

    view: Viewpoint
    lit_from: float
    outdoors: bool
    masked: bool


@dataclass(frozen=True, eq=False)
class Placed:
    """A sprite whose foot is at pixel (`x`, `y`), and what is seen of it.

    `mask` is (H, W) bool, `visible` in [0, 1] the share of the sprite's own pixels in it.
    """

    label: str
    sprite: Sprite
    x: int
    y: int
    mask: NDArray[np.bool_]
    visible: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the tight xyxy box of the mask in pixels, x2 and y2 exclusive; zeros when empty."""
        left, top, width, height = cv2.boundingRect(self.mask.view(np.uint8))
        return (float(left), float(top), float(left + width), float(top + height))


def place_things(seed: int, plan: np.random.Generator, setting: Setting) -> list[Placed]:
    """Return what stands in the scene, from near to far; each thing's looks hang on `seed` alone."""
    view = setting.view
    count = int(plan.choice(len(COUNT_SHARES), p=COUNT_SHARES))
    labels = [CLASSES[i] for i in plan.choice(len(CLASSES), size=count, p=CLASS_SHARES)]
    labels += [DISTRACTOR] * int(plan.integers(0, 4))
    spots: list[tuple[float, float]] = []
    for _ in labels:
        spots.append(_choose_spot(plan, spots))
    rows = [_foot_row(view, near, label) for (_, near), label in zip(spots, labels, strict=True)]
    covered = np.zeros((view.height, view.width), bool)
    placed = []
    for number in sorted(range(len(labels)), key=lambda number: -rows[number]):
        rng = np.random.default_rng([seed, 3, number])
        sprite = _draw_sprite(rng, labels[number], rows[number], setting)
        x, y = round(spots[number][0] * view.width), round(rows[number])
        thing = _see(labels[number], sprite, x, y, covered)
        if _is_worth_keeping(thing):
            covered |= thing.mask
            placed.append(thing)
    return placed


def paste(picture: FloatImage, depth: FloatImage, thing: Placed, view: Viewpoint) -> None:
    """Draw a thing over `picture` (H, W, 3) and its distance in metres into `depth` (H, W), in place."""
    inside, source = _window(thing.sprite, thing.x, thing.y, (picture.shape[0], picture.shape[1]))
    alpha = thing.sprite.alpha[source]
    spot = picture[inside]
    spot *= 1 - alpha[..., None]
    spot += thing.sprite.colour[source]
    depth[inside][alpha >= 0.5] = view.depth_at(thing.y)


def _choose_spot(plan: np.random.Generator, taken: list[tuple[float, float]]) -> tuple[float, float]:
    """Return (share of the width, nearness in [0, 1])."""
    across, near = float(plan.uniform(-0.03, 1.03)), float(plan.beta(1.15, 1.5))
    shift = plan.normal(0, [0.1, 0.07])
    if taken and plan.random() < BESIDE_SHARE:
        other = taken[int(plan.integers(len(taken)))]
        across = float(np.clip(other[0] + shift[0], -0.03, 1.03))
        near = float(np.clip(other[1] + shift[1], 0, 1))
    return across, near


def _foot_row(view: Viewpoint, near: float, label: str) -> float:
    """Return the row of a thing's foot; the nearest ones have it below the frame."""
    nearest = {"car": 0.97, "box": 1.04, "cone": 1.04}.get(label, 1.1) * view.height
    if label == "car":
        # A car of 4.5 m is then at most 0.77 of the frame's width.
        nearest = min(nearest, view.horizon + 0.17 * view.width * view.eye)
    farthest = view.wall_row + 5
    return farthest + near * max(nearest - farthest, 5)


def _draw_sprite(rng: np.random.Generator, label: str, row: float, setting: Setting) -> Sprite:
    scale, pitch, light = setting.view.scale_at(row), setting.view.pitch_at(row), setting.lit_from
    draw: dict[str, Callable[[], Sprite]] = {
        "person": lambda: draw_person(rng, scale, light, setting.masked),
        "car": lambda: draw_car(rng, scale, light),
        "box": lambda: draw_box(rng, scale, light, pitch),
        "cone": lambda: draw_cone(rng, scale, light, pitch),
        DISTRACTOR: lambda: draw_distractor(rng, scale, light, setting.outdoors),
    }
    return draw[label]()


def _window(
    sprite: Sprite, x: int, y: int, shape: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the (rows, columns) of the picture that a sprite covers, and the same in the sprite."""
    top, left = y - sprite.foot[1], x - sprite.foot[0]
    rows = (max(0, top), min(shape[0], top + sprite.alpha.shape[0]))
    columns = (max(0, left), min(shape[1], left + sprite.alpha.shape[1]))
    inside = (slice(rows[0], max(rows)), slice(columns[0], max(columns)))
    source = (slice(rows[0] - top, max(rows) - top), slice(columns[0] - left, max(columns) - left))
    return inside, source


def _see(label: str, sprite: Sprite, x: int, y: int, covered: NDArray[np.bool_]) -> Placed:
    solid = sprite.alpha >= 0.5
    inside, source = _window(sprite, x, y, (covered.shape[0], covered.shape[1]))
    mask = np.zeros_like(covered)
    mask[inside] = solid[source] & ~covered[inside]
    return Placed(label, sprite, x, y, mask, float(mask.sum() / max(1, solid.sum())))


def _is_worth_keeping(thing: Placed) -> bool:
    if thing.label == DISTRACTOR:
        return thing.visible > 0
    x1, y1, x2, y2 = thing.box
    return thing.visible >= MIN_VISIBLE and min(x2 - x1, y2 - y1) >= MIN_SIDE_PX
