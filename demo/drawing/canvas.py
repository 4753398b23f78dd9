"""A canvas on which one object is drawn in metres and turned into a sprite in pixels.

Owns rasterising, edge smoothing and the light on an object's surface; knows no object classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from demo.drawing.pixels import FloatImage, blurred, grain

Colour = tuple[float, float, float]
Point = tuple[float, float]

# cv2 reads polygon corners as fixed-point numbers with this many fractional bits.
FRACTION_BITS = 4
# Small sprites need more samples a pixel: at 20 px height a limb is a pixel wide.
SMALL_SPRITE_PX = 130


@dataclass(frozen=True)
class Sprite:
    """One drawn object, cut out.

    `colour` is (h, w, 3) float32 BGR in [0, 255], already multiplied by `alpha`, which is
    (h, w) float32 in [0, 1]. `foot` is the (x, y) pixel in the sprite that stands on the ground.
    """

    colour: FloatImage
    alpha: FloatImage
    foot: tuple[int, int]


class Canvas:
    """Rasterise shapes given in metres: x to the right of the foot point, y up from the ground."""

    def __init__(
        self, *, width: float, height: float, scale: float, mirrored: bool = False, turn: float = 0.0
    ):
        """`width`, `height` in metres, `scale` in pixels a metre, `turn` in radians counter-clockwise."""
        self.scale = scale
        self._left = width / 2 + 0.05
        self._top = height + 0.05
        size = ((self._left * 2) * scale, (self._top + 0.25) * scale)
        self._size = (max(4, int(np.ceil(size[0]))), max(4, int(np.ceil(size[1]))))
        self._oversample = 4 if height * scale < SMALL_SPRITE_PX else 2
        self._sign = -1.0 if mirrored else 1.0
        self._turn = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shape = (self._size[1] * self._oversample, self._size[0] * self._oversample)
        self._bgra = np.zeros((*shape, 4), np.uint8)
        self._relief = np.zeros(shape, np.uint8)

    def polygon(self, points: Sequence[Point], colour: Colour, relief: float = 128, smooth: int = 0) -> None:
        """Fill a polygon; `relief` in [0, 255] is how far it stands out, for the light on its edges.

        `smooth` rounds the corners by that many passes of corner cutting.
        """
        corners = np.asarray(points, dtype=np.float64)
        for _ in range(smooth):
            following = np.roll(corners, -1, axis=0)
            pair = np.stack([corners * 0.75 + following * 0.25, corners * 0.25 + following * 0.75], axis=1)
            corners = pair.reshape(-1, 2)
        turned = corners @ self._turn.T
        pixels = np.stack([turned[:, 0] * self._sign + self._left, self._top - turned[:, 1]], axis=1)
        fixed = np.round(pixels * (self.scale * self._oversample * 2**FRACTION_BITS)).astype(np.int32)
        cv2.fillPoly(self._bgra, [fixed], (*colour, 255.0), cv2.LINE_8, FRACTION_BITS)
        cv2.fillPoly(self._relief, [fixed], (relief,), cv2.LINE_8, FRACTION_BITS)

    def ellipse(
        self,
        center: Point,
        radii: Point,
        colour: Colour,
        relief: float = 128,
        *,
        start: float = 0.0,
        end: float = 2 * np.pi,
    ) -> None:
        """Fill an ellipse, or the part of it between two angles in radians (0 is +x, pi / 2 is up)."""
        angles = np.linspace(start, end, 28)
        xs = center[0] + radii[0] * np.cos(angles)
        ys = center[1] + radii[1] * np.sin(angles)
        self.polygon(list(zip(xs, ys, strict=True)), colour, relief)

    def limb(
        self, a: Point, b: Point, widths: tuple[float, float], colour: Colour, relief: float = 128
    ) -> None:
        """Draw a rounded, tapered bar from `a` to `b`, `widths` in metres at each end."""
        for share, lift in ((1.0, 0.0), (0.5, 45.0)):
            ring = np.linspace(0, 2 * np.pi, 14, endpoint=False)
            rim = np.stack([np.cos(ring), np.sin(ring)], axis=1)
            ends = [np.asarray(p) + rim * (w * share / 2) for p, w in zip((a, b), widths, strict=True)]
            hull = cv2.convexHull(np.concatenate(ends).astype(np.float32))[:, 0]
            self.polygon([(float(x), float(y)) for x, y in hull], colour, min(255, relief + lift))

    def finish(self, *, light: float, gloss: float, rng: np.random.Generator) -> Sprite:
        """Shrink to final pixels and light the surface from `light` (-1 left to 1 right).

        `gloss` is how strongly edges catch the light: about 0.3 for cloth, 0.6 for metal.
        """
        bgra = cv2.resize(self._bgra, self._size, interpolation=cv2.INTER_AREA)
        left, top, width, height = cv2.boundingRect(bgra[..., 3])
        drawn = (slice(top, top + max(1, height)), slice(left, left + max(1, width)))
        relief = cv2.resize(self._relief, self._size, interpolation=cv2.INTER_AREA)[drawn] * np.float32(
            1 / 255
        )
        soft = blurred(relief, max(0.6, 0.018 * self.scale))
        lift = gloss * max(1.0, 0.02 * self.scale)
        across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=light * lift)
        slope = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.8 * lift) + across
        shade = np.clip(np.asarray(slope, dtype=np.float32), -0.7 * gloss, 0.7 * gloss)
        # Less sky reaches the lower part of an object.
        shade += np.linspace(1.06, 0.84, shade.shape[0], dtype=np.float32)[:, None]
        shade += grain(rng, shade.shape) * np.float32(0.02)
        colour = np.minimum(bgra[drawn][..., :3] * shade[..., None], np.float32(255))
        foot = (round(self._left * self.scale) - left, round(self._top * self.scale) - top)
        return Sprite(colour=colour, alpha=bgra[drawn][..., 3] * np.float32(1 / 255), foot=foot)


def pick_colour(rng: np.random.Generator, palette: Sequence[Colour], jitter: float = 12.0) -> Colour:
    """Pick one BGR colour of a palette and move it by about `jitter` levels, mostly in brightness."""
    base = palette[int(rng.integers(len(palette)))]
    blue, green, red, grey = (float(shift) * jitter for shift in rng.normal(0, (0.25, 0.25, 0.25, 1.0)))
    bright = (base[0] + blue + grey, base[1] + green + grey, base[2] + red + grey)
    return (min(250.0, max(4.0, bright[0])), min(250.0, max(4.0, bright[1])), min(250.0, max(4.0, bright[2])))


def dim(colour: Colour, factor: float) -> Colour:
    """Return the colour multiplied by `factor`, clipped to [0, 255]."""
    return (min(255.0, colour[0] * factor), min(255.0, colour[1] * factor), min(255.0, colour[2] * factor))
