"""Float pictures: resizing, blurring and noise, with their types said once."""

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


def resized(picture: FloatImage, size: tuple[int, int]) -> FloatImage:
    """Return the picture at `size` (width, height), linearly interpolated."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def blurred(picture: FloatImage, sigma: float, kernel: int = 0) -> FloatImage:
    """Return the picture after a Gaussian blur; `kernel` in pixels bounds its cost, 0 means enough."""
    return np.asarray(cv2.GaussianBlur(picture, (kernel, kernel), sigma), dtype=np.float32)


def mean_colour(picture: FloatImage) -> FloatImage:
    """Return the mean of an (H, W, 3) picture as (3,) float32."""
    return np.asarray(cv2.mean(picture), dtype=np.float32)[:3]


def grain(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatImage:
    """Return white noise of mean 0 and spread 1.

    Each value is the sum of two random bytes: near enough to a normal one for a picture, and
    several times as fast to draw.
    """
    count = int(np.prod(shape))
    pair = np.frombuffer(rng.bytes(2 * count), dtype=np.int8).reshape(2, *shape)
    total: FloatImage = np.add(pair[0], pair[1], dtype=np.float32)
    total += np.float32(1.0)  # a signed byte has mean -0.5
    total *= np.float32(np.sqrt(6) / 256)  # a byte has the spread 256 / sqrt(12)
    return total


def cloudy_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, ...]) -> FloatImage:
    """Return smooth (H, W) noise of about unit spread; each entry of `cells` is one octave's cell count.

    It is worked out at half size: nothing in it is as fine as a pixel.
    """
    half = (shape[1] // 2 + 1, shape[0] // 2 + 1)
    total = np.zeros((half[1], half[0]), np.float32)
    for i, count in enumerate(cells):
        octave = rng.standard_normal((count, count), dtype=np.float32)
        smooth = cv2.resize(octave, half, interpolation=cv2.INTER_CUBIC)
        total += np.asarray(smooth, dtype=np.float32) * np.float32(0.75**i)
    total *= np.float32(1 / np.sqrt(sum(0.56**i for i in range(len(cells)))))
    return resized(total, (shape[1], shape[0]))
