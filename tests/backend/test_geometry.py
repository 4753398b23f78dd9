"""Shapes stay inside their image and share what they share; inputs are padded as ultralytics pads them."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.entities import Box, ImageSize, Mask, RotatedBox
from backend.geometry import (
    clip_box,
    clip_mask,
    letterbox_shape,
    overlap_area,
    overlap_pixels,
    rotated_box_corners,
)

SIDE = st.integers(1, 2000)
NUMBER = st.floats(-5000, 5000)


# The first example imports ultralytics, which takes seconds.
@settings(deadline=None, max_examples=60)
@given(width=SIDE, height=SIDE, target=st.sampled_from([128, 320, 640]), stride=st.sampled_from([16, 32, 64]))
def test_letterbox_shape_is_that_of_ultralytics(
    quiet_ultralytics: None, width: int, height: int, target: int, stride: int
) -> None:
    from ultralytics.data.augment import LetterBox

    padded = LetterBox((target, target), auto=True, stride=stride)(
        image=np.zeros((height, width, 3), np.uint8)
    )
    assert letterbox_shape(ImageSize(width, height), target=target, stride=stride) == padded.shape[:2]


@given(NUMBER, NUMBER, NUMBER, NUMBER, SIDE, SIDE)
def test_clipped_box_lies_in_the_image(
    x1: float, y1: float, x2: float, y2: float, width: int, height: int
) -> None:
    clipped = clip_box(Box(x1, y1, x2, y2), ImageSize(width, height))
    assert 0 <= clipped.x1 <= width and 0 <= clipped.x2 <= width
    assert 0 <= clipped.y1 <= height and 0 <= clipped.y2 <= height


def test_box_inside_the_image_stays_as_it_is() -> None:
    box = Box(1.5, 2.5, 10.0, 20.0)
    assert clip_box(box, ImageSize(10, 20)) == box


def test_box_outside_the_image_has_no_area() -> None:
    clipped = clip_box(Box(20, 30, 40, 50), ImageSize(10, 10))
    assert (clipped.width, clipped.height) == (0, 0)


def test_mask_is_cut_at_every_side_of_a_wide_image() -> None:
    pixels = np.arange(35).reshape(5, 7) % 2 == 0
    clipped = clip_mask(Mask(-2, -1, pixels), ImageSize(4, 3))
    assert (clipped.x, clipped.y) == (0, 0)
    assert np.array_equal(clipped.pixels, pixels[1:4, 2:6])


@pytest.mark.parametrize(("x", "y"), [(-7, 0), (10, 0), (0, -5), (0, 5), (90, 90)])
def test_mask_outside_the_image_has_no_pixels(x: int, y: int) -> None:
    assert clip_mask(Mask(x, y, np.ones((5, 7), bool)), ImageSize(10, 5)).pixels.size == 0


def test_mask_inside_the_image_stays_as_it_is() -> None:
    pixels = np.eye(3, dtype=bool)
    clipped = clip_mask(Mask(7, 2, pixels), ImageSize(10, 5))
    assert (clipped.x, clipped.y) == (7, 2) and np.array_equal(clipped.pixels, pixels)


def test_corners_turn_clockwise_with_the_box() -> None:
    corners = np.array(rotated_box_corners(RotatedBox(x=50, y=30, width=20, height=10, angle=90)))
    # Its top left corner, 10 to the left and 5 above, comes to lie 5 to the right and 10 above.
    assert corners == pytest.approx(np.array([(55, 20), (55, 40), (45, 40), (45, 20)]))


@given(NUMBER, NUMBER, st.floats(1, 500), st.floats(1, 500), st.floats(-360, 360))
def test_corners_are_those_of_opencv(x: float, y: float, width: float, height: float, angle: float) -> None:
    ours = rotated_box_corners(RotatedBox(x, y, width, height, angle))
    theirs = cv2.boxPoints(((x, y), (width, height), angle))
    distance = np.linalg.norm(np.array(ours)[:, None] - theirs, axis=-1)
    assert distance.min(axis=0).max() < 0.01


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        pytest.param(RotatedBox(10, 10, 20, 10, 0), 200, id="itself"),
        pytest.param(RotatedBox(10, 10, 20, 10, 180), 200, id="itself upside down"),
        pytest.param(RotatedBox(10, 10, 20, 10, 90), 100, id="crossing at a right angle"),
        pytest.param(RotatedBox(20, 10, 20, 10, 0), 100, id="moved by half"),
        pytest.param(RotatedBox(10, 10, 200, 200, 45), 200, id="around it"),
        pytest.param(RotatedBox(10, 10, 50**0.5, 50**0.5, 45), 50, id="diamond inside it"),
        pytest.param(RotatedBox(60, 60, 20, 10, 30), 0, id="apart"),
        pytest.param(RotatedBox(30, 10, 20, 10, 0), 0, id="side by side"),
        pytest.param(RotatedBox(10, 10, 0, 10, 20), 0, id="without area"),
    ],
)
def test_rotated_boxes_share_the_area_that_geometry_says(other: RotatedBox, shared: float) -> None:
    box = RotatedBox(10, 10, 20, 10, 0)
    assert overlap_area(box, other) == pytest.approx(shared, abs=1e-9)
    assert overlap_area(other, box) == pytest.approx(shared, abs=1e-9)


def test_nearly_equal_rotated_boxes_share_nearly_all() -> None:
    """A pair for which OpenCV 4.12 finds no common area at all."""
    one = RotatedBox(1783.0077366869918, 846.3130978519883, 704.9642068311296, 724.0305144199721, 45)
    other = RotatedBox(1783.0077044316909, 846.3130921840034, 704.9642397446313, 724.0306091985, 225)
    assert overlap_area(one, other) == pytest.approx(one.width * one.height, rel=1e-5)


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 2**32 - 1))
def test_masks_share_the_pixels_that_both_have_in_the_image(dx: int, dy: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.random((5, 8)) < 0.5, rng.random((7, 3)) < 0.5
    canvas = np.zeros((2, 40, 40), bool)
    canvas[0, 15:20, 15:23], canvas[1, 15 + dy : 22 + dy, 15 + dx : 18 + dx] = first, second
    shared = overlap_pixels(Mask(15, 15, first), Mask(15 + dx, 15 + dy, second))
    assert shared == np.count_nonzero(canvas[0] & canvas[1])
