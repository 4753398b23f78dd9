"""Encoding a large brush mask against label-studio-sdk, in turn within one run, and polygons beside it."""

import statistics
from collections.abc import Sequence

import numpy as np
from label_studio_sdk.converter.brush import mask2rle
from numpy.typing import NDArray

from backend.contours import mask_to_polygon
from backend.entities import Mask
from backend.rle import encode_mask
from benchmarks.rounds import measure, print_table, ratio, timed

WIDTH, HEIGHT = 4000, 3000
POLYGON_POINTS = 64
ROUNDS = 5
SEED = 1
# Noise of a rough edge, as a share of the ellipse's size squared; and share of pixels that are flipped.
ROUGHNESS = 0.02
FLIPPED = 0.05


def main() -> None:
    """Print the table."""
    rows = [_measure(name, pixels) for name, pixels in draw_masks().items()]
    print_table(
        f"Masks of {WIDTH} x {HEIGHT} pixels, {ROUNDS} rounds in turn (medians)",
        ("mask", "mask2rle, ms", "encode_mask, ms", "of mask2rle", "polygon, ms"),
        rows,
    )


def draw_masks() -> dict[str, NDArray[np.bool_]]:
    """Return masks by name: a smooth one, one as ragged as a model's may be, and one that is mostly noise."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance = ((x / WIDTH - 0.5) / 0.4) ** 2 + ((y / HEIGHT - 0.5) / 0.4) ** 2
    noise = np.random.default_rng(SEED)
    return {
        "ellipse": distance < 1,
        "ellipse with a rough edge": distance + noise.normal(0, ROUGHNESS, distance.shape) < 1,
        f"ellipse, {FLIPPED:.0%} of all pixels flipped": (distance < 1)
        ^ (noise.random(distance.shape) < FLIPPED),
    }


def _measure(name: str, pixels: NDArray[np.bool_]) -> Sequence[str]:
    painted = pixels.astype(np.uint8) * 255
    seconds = measure(
        {
            "sdk": timed(lambda: mask2rle(painted)),
            "ours": timed(lambda: encode_mask(pixels)),
            "polygon": timed(lambda: mask_to_polygon(Mask(0, 0, pixels), max_points=POLYGON_POINTS)),
        },
        rounds=ROUNDS,
    )
    sdk, ours, polygon = (f"{1000 * statistics.median(values):.1f}" for values in seconds.values())
    return name, sdk, ours, f"{ratio(seconds['ours'], seconds['sdk']):.3f}", polygon
