"""The brightness of an image is the mean luma of its pixels."""

import numpy as np
import pytest

from backend.media.brightness import mean_brightness


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        pytest.param((0, 0, 0), 0.0, id="black"),
        pytest.param((255, 255, 255), 1.0, id="white"),
        pytest.param((255, 0, 0), 0.114, id="blue"),
        pytest.param((0, 255, 0), 0.587, id="green"),
        pytest.param((0, 0, 255), 0.299, id="red"),
    ],
)
def test_image_of_one_colour_has_the_luma_of_bt601(colour: tuple[int, int, int], expected: float) -> None:
    image = np.full((30, 40, 3), colour, np.uint8)
    assert mean_brightness(image) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (255, 256), (257, 1), (1080, 1920), (3000, 1001)])
def test_every_part_of_an_image_counts_the_same(shape: tuple[int, int]) -> None:
    height, width = shape
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 1] = np.linspace(0, 255, width).astype(np.uint8)
    image[:, :, 2] = np.linspace(255, 0, height).astype(np.uint8)[:, None]
    exact = float((image.mean(axis=(0, 1)) * (0.114, 0.587, 0.299)).sum() / 255)
    assert mean_brightness(image) == pytest.approx(exact, abs=0.003)


def test_brightness_of_noise_is_that_of_all_its_pixels() -> None:
    image = np.random.default_rng(3).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    exact = float((image.mean(axis=(0, 1)) * (0.114, 0.587, 0.299)).sum() / 255)
    assert mean_brightness(image) == pytest.approx(exact, abs=0.003)


def test_brightness_is_a_plain_number() -> None:
    assert type(mean_brightness(np.zeros((2, 2, 3), np.uint8))) is float
