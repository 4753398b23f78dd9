"""Boxes stay inside their image, and network inputs are padded as ultralytics pads them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.entities import Box, ImageSize
from backend.geometry import clip_box, letterbox_shape

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
