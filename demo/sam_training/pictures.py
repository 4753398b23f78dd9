"""Draw many scenes on all cores, as the training of a SAM keeps them: squares with a number per object."""

import mmap
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.scenes import Scene, SceneStyle, draw_scene

SIDE = 512  # pixels of a square, so that a view may be drawn up to twice as large as a network of 256 sees it
OUTSIDE = 255  # where the square holds no picture
CAMERA_SHARES = {"day": 0.7, "night": 0.15, "fog": 0.15}
MASKED_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Pictures:
    """Scenes at the top left of squares, their longer side as long as the square's.

    `pixels` is (N, SIDE, SIDE, 3) uint8, red-green-blue. `things` is (N, SIDE, SIDE) uint8: 0 is nothing,
    1 and on the objects of the scene, `OUTSIDE` beyond its edges.
    """

    pixels: NDArray[np.uint8]
    things: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pixels)


def draw_pictures(seeds: Sequence[int], *, processes: int) -> Pictures:
    """Draw the scene of each seed, in the style that `choose_style` gives it.

    Raises:
        RuntimeError: a process ended before its scenes were drawn.
    """
    pictures = Pictures(_shared((len(seeds), SIDE, SIDE, 3)), _shared((len(seeds), SIDE, SIDE)))
    if processes == 1:
        _draw_share(pictures, seeds, 0, 1)
        return pictures
    # Forked children write into the same memory: what they draw need not be sent.
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_draw_share, args=(pictures, seeds, first, processes))
        for first in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failed := [worker.exitcode for worker in workers if worker.exitcode]:
        raise RuntimeError(f"{len(failed)} of {processes} drawing processes failed, exit codes {failed}")
    return pictures


def choose_style(seed: int) -> SceneStyle:
    """Return the style of a training scene: mostly day, as the demo's first project is."""
    chance = np.random.default_rng([seed, 7])
    cameras = list(CAMERA_SHARES)
    camera = cameras[int(chance.choice(len(cameras), p=list(CAMERA_SHARES.values())))]
    appearance = "masked" if chance.random() < MASKED_SHARE else "plain"
    return SceneStyle(camera=camera, appearance=appearance)  # type: ignore[arg-type]


def to_square(scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a scene's pixels and things as `Pictures` has them."""
    width, height = scene.size
    scale = SIDE / max(width, height)
    size = (round(width * scale), round(height * scale))
    numbers = np.zeros((height, width), np.uint8)
    for number, item in enumerate(scene.objects, start=1):
        numbers[item.mask] = number
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    things = np.full((SIDE, SIDE), OUTSIDE, np.uint8)
    pixels[: size[1], : size[0]] = cv2.resize(scene.image, size, interpolation=cv2.INTER_AREA)[..., ::-1]
    things[: size[1], : size[0]] = cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return pixels, things


def _draw_share(pictures: Pictures, seeds: Sequence[int], first: int, step: int) -> None:
    cv2.setNumThreads(1)
    for place in range(first, len(seeds), step):
        scene = draw_scene(seeds[place], style=choose_style(seeds[place]))
        pictures.pixels[place], pictures.things[place] = to_square(scene)


def _shared(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    memory = mmap.mmap(-1, int(np.prod(shape)))
    return np.frombuffer(memory, np.uint8).reshape(shape)
