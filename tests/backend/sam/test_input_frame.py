"""Where an image lies on a SAM's input, and how masks come back: as segment_anything has it."""

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from segment_anything.modeling import Sam
from segment_anything.utils.amg import calculate_stability_score
from segment_anything.utils.transforms import ResizeLongestSide

from backend.entities import ImageSize, Mask
from backend.sam.input_frame import InputFrame, cut_out, fit, stability

SIZES = [
    (1920, 1080),
    (1080, 1920),
    (640, 480),
    (333, 777),
    (4032, 3024),
    (50, 1000),
    (64, 64),
    (31, 20),
    (2001, 1499),
]


class Sides(torch.nn.Module):
    """What `Sam.postprocess_masks` asks of a SAM."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.image_encoder = torch.nn.Module()
        self.image_encoder.img_size = side


def smooth(cells: int, *, seed: int) -> NDArray[np.float32]:
    """Blobs, as masks are."""
    noise = np.random.default_rng(seed).standard_normal((cells, cells)).astype(np.float32)
    return 50 * cv2.GaussianBlur(noise, (0, 0), cells / 16)


def reference(logits: NDArray[np.float32], frame: InputFrame) -> NDArray[np.bool_]:
    size = (frame.size.height, frame.size.width)
    planes = torch.from_numpy(logits)[None, None]
    made = Sam.postprocess_masks(Sides(frame.side), planes, (frame.height, frame.width), size)
    return (made[0, 0] > 0).numpy()


def full(mask: Mask, size: ImageSize) -> NDArray[np.bool_]:
    made = np.zeros((size.height, size.width), bool)
    height, width = mask.pixels.shape
    made[mask.y : mask.y + height, mask.x : mask.x + width] = mask.pixels
    return made


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("side", [256, 1024])
def test_sizes_are_rounded_as_by_segment_anything(width: int, height: int, side: int) -> None:
    frame = InputFrame(ImageSize(width, height), side)
    assert (frame.height, frame.width) == ResizeLongestSide.get_preprocess_shape(height, width, side)


def test_a_line_of_pixels_keeps_one_pixel() -> None:
    assert InputFrame(ImageSize(9000, 1), 1024).height == 1


@pytest.mark.parametrize(("width", "height"), [*SIZES, (37, 9000)])
@pytest.mark.parametrize("side", [64, 1024])
def test_mask_is_that_of_segment_anything(width: int, height: int, side: int) -> None:
    frame = InputFrame(ImageSize(width, height), side)
    logits = smooth(side // 4, seed=width)
    mask, expected = full(cut_out(logits, frame), frame.size), reference(logits, frame)
    assert expected.any()
    assert np.count_nonzero(mask & expected) >= 0.999 * np.count_nonzero(mask | expected)


@pytest.mark.parametrize("cell", [(0, 0), (70, 200), (143, 255), (143, 0), (100, 128)])
def test_small_thing_is_found_where_it_is(cell: tuple[int, int]) -> None:
    frame = InputFrame(ImageSize(1920, 1080), 1024)
    logits = np.full((256, 256), -5, np.float32)
    logits[cell] = 5
    mask = cut_out(logits, frame)
    assert np.array_equal(full(mask, frame.size), reference(logits, frame))
    assert mask.pixels.any(0).all() and mask.pixels.any(1).all(), "nothing false about it"
    assert mask.pixels.base is None


def test_small_thing_costs_no_picture_of_the_image_whatever_its_sides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = InputFrame(ImageSize(8001, 5999), 1024)
    logits = np.full((256, 256), -5, np.float32)
    logits[100:104, 50:54] = 5
    made: list[int] = []
    real = cv2.resize

    def resize(*given: Any, **more: Any) -> Any:
        made.append(real(*given, **more).size)
        return real(*given, **more)

    monkeypatch.setattr(cv2, "resize", resize)
    mask = cut_out(logits, frame)
    assert max(made) <= 1024**2
    expected = reference(logits, frame)
    assert np.count_nonzero(full(mask, frame.size) ^ expected) <= 0.001 * np.count_nonzero(expected)


def test_thing_of_less_than_a_pixel_is_read_all_the_same() -> None:
    frame = InputFrame(ImageSize(3, 3), 1024)
    logits = np.full((256, 256), -5, np.float32)
    logits[10:12, 10:12] = 5
    assert np.array_equal(full(cut_out(logits, frame), frame.size), reference(logits, frame))


def test_what_lies_beside_the_image_is_left_out() -> None:
    frame = InputFrame(ImageSize(1920, 1080), 1024)
    logits = np.full((256, 256), -5, np.float32)
    logits[200:] = 5  # the image ends at row 144
    assert cut_out(logits, frame).pixels.shape == (0, 0)
    assert stability(logits, frame) == 0


def test_stability_is_that_of_segment_anything() -> None:
    frame = InputFrame(ImageSize(500, 500), 1024)
    logits = smooth(256, seed=3)
    expected = calculate_stability_score(torch.from_numpy(logits), 0.0, 1.0)
    assert stability(logits, frame) == pytest.approx(float(expected))


def test_image_is_shrunk_by_means() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::8] = 240
    fitted = fit(stripes, InputFrame(ImageSize(400, 400), 50))
    assert fitted.shape == (50, 50, 3) and (fitted == 30).all()


def test_small_image_is_enlarged_without_blocks() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[:, 1] = 200
    fitted = fit(image, InputFrame(ImageSize(2, 2), 16))
    assert fitted.shape == (16, 16, 3) and len(np.unique(fitted)) > 4
