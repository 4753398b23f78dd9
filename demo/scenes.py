"""Compose synthetic street, hall and yard scenes with exact ground truth.

Pure: a seed and a style give a picture and its objects; nothing is read or written. Pixels are
(H, W, 3) uint8 in BGR order, as cv2 and ultralytics take them; boxes are float pixels, xyxy, with
x2 and y2 one past the last visible pixel.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from demo.drawing.backdrop import Place, draw_backdrop
from demo.drawing.lighting import Camera, photograph, shadow_map
from demo.drawing.placement import CLASSES as CLASSES
from demo.drawing.placement import DISTRACTOR, Placed, Setting, paste, place_things
from demo.drawing.viewpoint import choose_viewpoint
from demo.drawing.walls import PLACES

Appearance = Literal["plain", "masked"]

PORTRAIT_SHARE = 1 / 6
PLACE_SHARES = (0.42, 0.3, 0.28)  # houses, hall, yard


@dataclass(frozen=True)
class SceneStyle:
    """What may change between two sets of scenes.

    `camera` changes light, weather, noise and (night) the camera's height; `appearance` "masked"
    puts every person in coverall, face mask and helmet.
    """

    camera: Camera = "day"
    appearance: Appearance = "plain"


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object to label.

    `label` is one of CLASSES. `box` is (x1, y1, x2, y2) in float pixels, the tight box of `mask`.
    `mask` is (H, W) bool: the pixels where the object is seen. `visible` in (0, 1] is their share
    of all pixels that the object would have alone in an endless picture.
    """

    label: str
    box: tuple[float, float, float, float]
    mask: NDArray[np.bool_]
    visible: float


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture, (H, W, 3) uint8 BGR, with its objects from near to far."""

    seed: int
    style: SceneStyle
    image: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in pixels."""
        return (self.image.shape[1], self.image.shape[0])


def draw_scene(seed: int, *, style: SceneStyle = SceneStyle(), size: tuple[int, int] | None = None) -> Scene:
    """Draw the scene of a seed (>= 0); `size` is (width, height) in pixels, at least 160 each.

    Without `size` a scene is 640 x 480, one in six 480 x 640. The same arguments give the same
    pixels. Two styles of one seed share their place and plan.
    """
    plan, ground, light = (np.random.default_rng([seed, stream]) for stream in range(3))
    portrait = bool(plan.random() < PORTRAIT_SHARE)
    size = size or ((480, 640) if portrait else (640, 480))
    place = PLACES[int(plan.choice(len(PLACES), p=PLACE_SHARES))]
    view = choose_viewpoint(plan, size, place.wall_depth, raised=style.camera == "night")
    lit_from, sun = _choose_sun(plan, place, style)
    picture, depth = draw_backdrop(ground, place, view)
    setting = Setting(view, lit_from, place.outdoors, style.appearance == "masked")
    placed = place_things(seed, plan, setting)
    feet = [(thing.sprite, thing.x, thing.y) for thing in placed]
    picture *= shadow_map((size[1], size[0]), feet, sun=sun, lean=-lit_from * 0.9)
    for thing in reversed(placed):
        paste(picture, depth, thing, view)
    image = photograph(light, picture, depth, camera=style.camera, wall_row=view.wall_row)
    objects = tuple(_to_object(thing) for thing in placed if thing.label != DISTRACTOR)
    return Scene(seed=seed, style=style, image=image, objects=objects)


def _choose_sun(plan: np.random.Generator, place: Place, style: SceneStyle) -> tuple[float, float]:
    """Return where light comes from (-1 left to 1 right) and how hard its shadows are, in [0, 1]."""
    lit_from, sun = float(plan.uniform(-1, 1)), float(plan.uniform(0.25, 1)) * float(plan.random() < 0.7)
    return lit_from, sun if place.outdoors and style.camera == "day" else 0.0


def _to_object(thing: Placed) -> SceneObject:
    return SceneObject(label=thing.label, box=thing.box, mask=thing.mask, visible=thing.visible)
