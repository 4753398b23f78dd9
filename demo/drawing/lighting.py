"""Cast shadows, light, weather and the camera's own faults on a drawn picture."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.drawing.canvas import Sprite
from demo.drawing.pixels import FloatImage, blurred, grain, resized

Camera = Literal["day", "night", "fog"]

# Shadows and lamp light are soft, so they are worked out on a picture this many times smaller.
SHADOW_SHRINK = 4
LIGHT_SHRINK = 8


@dataclass(frozen=True)
class Faults:
    """What a camera adds to its pictures, on top of what it adds in daylight.

    `blur` in pixels (sigma), `noise` in grey levels (sigma), `vignette` the most light lost in the
    corners as a share, `quality` in JPEG quality points.
    """

    blur: float
    noise: float
    vignette: float
    quality: int


FAULTS: dict[Camera, Faults] = {
    "day": Faults(blur=0.0, noise=0.0, vignette=0.22, quality=0),
    "night": Faults(blur=0.4, noise=5.0, vignette=0.5, quality=-12),
    "fog": Faults(blur=0.35, noise=1.5, vignette=0.22, quality=0),
}


def shadow_map(
    shape: tuple[int, int], placed: list[tuple[Sprite, int, int]], *, sun: float, lean: float
) -> FloatImage:
    """Return the share of light that reaches the ground, (H, W, 1) float32 in (0, 1].

    `placed` holds each sprite with the (x, y) pixel of its foot. `sun` in [0, 1] is how hard the
    cast shadow is (0: contact shadow alone), `lean` how far it falls to the right of its object,
    in shares of the object's height.
    """
    cast = np.zeros((shape[0] // SHADOW_SHRINK, shape[1] // SHADOW_SHRINK), np.float32)
    contact = np.zeros_like(cast)
    for sprite, x, y in placed:
        if sun > 0:
            np.maximum(cast, _lay_down(sprite, (x, y), cast.shape, squeeze=0.25, lean=lean), out=cast)
        sole = max(1, sprite.alpha.shape[0] // 6)
        np.maximum(contact, _lay_down(sprite, (x, y), cast.shape, squeeze=0.4, lowest=sole), out=contact)
    dark = blurred(cast, 0.7) * np.float32(0.55 * sun) + blurred(contact, 1.5) * np.float32(0.62)
    full = resized(np.clip(dark, 0, 0.8), (shape[1], shape[0]))
    return np.subtract(np.float32(1), full)[..., None]


def _lay_down(
    sprite: Sprite,
    foot: tuple[int, int],
    shape: tuple[int, ...],
    *,
    squeeze: float,
    lean: float = 0.0,
    lowest: int | None = None,
) -> FloatImage:
    """Return a sprite's outline laid on the ground at 1 / SHADOW_SHRINK size, `shape` (H, W).

    Heights shrink to the share `squeeze`; `lowest` takes that many rows above the foot alone.
    """
    foot_x, foot_y = sprite.foot
    outline = sprite.alpha
    if lowest is not None:
        top = max(0, foot_y - lowest)
        outline, foot_y = outline[top:], foot_y - top
    left, upper = foot[0] - foot_x + lean * foot_y, foot[1] - squeeze * foot_y
    flat = np.array([[1, -lean, left], [0, squeeze, upper]]) / SHADOW_SHRINK
    return np.asarray(cv2.warpAffine(outline, flat, (shape[1], shape[0])), dtype=np.float32)


def photograph(
    rng: np.random.Generator, picture: FloatImage, depth: FloatImage, *, camera: Camera, wall_row: float
) -> NDArray[np.uint8]:
    """Turn a drawn picture into what a camera would store.

    `picture` is (H, W, 3) float32 BGR in [0, 255], `depth` (H, W) float32 in metres. Returns
    (H, W, 3) uint8 BGR, once through JPEG.
    """
    shape, faults = (picture.shape[0], picture.shape[1]), FAULTS[camera]
    warmth, gain = float(rng.normal(0, 0.045)), float(rng.uniform(0.95, 1.28))
    light = np.array([1 - warmth, 1.0, 1 + warmth], np.float32) * np.float32(gain)
    if camera == "night":
        light = _night_light(rng, shape, wall_row)
    seen = _fog(rng, picture, depth) if camera == "fog" else picture
    seen = seen * (light * _vignette(rng, shape, faults.vignette))
    sharp = blurred(seen, float(rng.uniform(0.35, 0.85)) + faults.blur, kernel=5)
    stored = _add_noise(rng, sharp, float(rng.uniform(1.5, 5.5)) + faults.noise)
    quality = int(rng.integers(72, 95)) + faults.quality
    _, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def _fog(rng: np.random.Generator, picture: FloatImage, depth: FloatImage) -> FloatImage:
    """Blend towards grey by Koschmieder's law: contrast falls as exp(-depth / range)."""
    clear = np.exp(depth * np.float32(-1 / rng.uniform(8.0, 18.0)))[..., None]
    grey = np.array([198, 196, 192], np.float32) * np.float32(rng.uniform(0.85, 1.05))
    return np.asarray(grey + (picture - grey) * clear, dtype=np.float32)


def _night_light(rng: np.random.Generator, shape: tuple[int, int], wall_row: float) -> FloatImage:
    """Return (H, W, 3) light: dim blue everywhere, and a few warm pools under lamps."""
    height, width = shape[0] // LIGHT_SHRINK, shape[1] // LIGHT_SHRINK
    ys, xs = np.mgrid[0:height, 0:width] * float(LIGHT_SHRINK)
    light = np.full((height, width, 3), rng.uniform(0.22, 0.36)) * np.array([1.15, 0.95, 0.8])
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0, shape[1]), rng.uniform(wall_row * 0.8, shape[0])
        reach = rng.uniform(0.16, 0.3) * shape[1]
        pool = np.exp(-(((xs - x) / reach) ** 2) - ((ys - y) / (reach * 0.75)) ** 2)
        light += pool[..., None] * np.array([0.26, 0.42, 0.55]) * rng.uniform(0.6, 1.0)
    return resized(np.minimum(light, 0.72).astype(np.float32), (shape[1], shape[0]))


def _vignette(rng: np.random.Generator, shape: tuple[int, int], most: float) -> FloatImage:
    ys = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    xs = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    loss = np.float32(rng.uniform(0.1, most) / 2)
    return np.asarray(1 - loss * (xs**2 + ys**2), dtype=np.float32)[..., None]


def _add_noise(rng: np.random.Generator, picture: FloatImage, sigma: float) -> NDArray[np.uint8]:
    """Add grey and coloured sensor noise of `sigma` levels and round to (H, W, 3) uint8."""
    height, width = picture.shape[:2]
    grey = grain(rng, (height, width, 1)) * np.float32(sigma)
    # Colour noise is coarser than grey noise once a camera has interpolated its colour filter.
    noisy = resized(grain(rng, (height // 3, width // 3, 3)) * np.float32(0.6 * sigma), (width, height))
    noisy += picture
    noisy += grey
    return np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)
