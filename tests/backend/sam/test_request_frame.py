"""Prompts on a copy of the image, brought to the image."""

import numpy as np
import pytest

from backend.entities import Box, ImageSize, Mask, RotatedBox
from backend.errors import BadRequest
from backend.labelstudio.smart_request import SmartRequest
from backend.sam.entities import PromptPoint
from backend.sam.request_frame import on_image

SMALL, LARGE = ImageSize(100, 60), ImageSize(1000, 600)
STROKE = Mask(10, 20, np.eye(30, dtype=bool))


def request(size: ImageSize, **more: object) -> SmartRequest:
    return SmartRequest(4, "image", "brush", "Car", size, **more)  # type: ignore[arg-type]


def test_same_size_changes_nothing() -> None:
    asked = request(SMALL, strokes=(STROKE,))
    assert on_image(asked, SMALL) is asked


def test_points_and_boxes_are_scaled() -> None:
    turned = RotatedBox(50, 30, 20, 10, 30)
    found = on_image(request(SMALL, points=(PromptPoint(1.5, 2, False),), box=turned), LARGE)
    assert found.size == LARGE and found.points == (PromptPoint(15, 20, False),)
    assert found.box == RotatedBox(500, 300, 200, 100, 30)
    upright = on_image(request(LARGE, box=Box(10, 20, 30, 40)), SMALL).box
    assert upright == Box(1, 2, 3, 4)


def test_stroke_is_enlarged_in_its_place() -> None:
    (found,) = on_image(request(SMALL, strokes=(STROKE,)), LARGE).strokes
    assert (found.x, found.y) == (100, 200)
    assert np.array_equal(found.pixels, np.kron(STROKE.pixels, np.ones((10, 10), bool)))


def test_thin_stroke_is_not_lost_when_it_is_shrunk() -> None:
    (found,) = on_image(request(LARGE, strokes=(STROKE,)), SMALL).strokes
    assert (found.x, found.y) == (1, 2) and np.array_equal(found.pixels, np.eye(3, dtype=bool))


@pytest.mark.parametrize("corner", [(0, 0), (999, 599)])
def test_single_pixel_stays_on_the_image(corner: tuple[int, int]) -> None:
    (found,) = on_image(request(LARGE, strokes=(Mask(*corner, np.ones((1, 1), bool)),)), SMALL).strokes
    assert found.pixels.all() and found.pixels.size == 1
    assert (found.x, found.y) == (corner[0] // 10, corner[1] // 10)


@pytest.mark.parametrize(
    ("shown", "is_same"),
    [
        pytest.param(ImageSize(501, 299), True, id="a pixel by rounding"),
        pytest.param(ImageSize(33, 20), True, id="a thumbnail"),
        pytest.param(ImageSize(600, 1000), False, id="turned"),
        pytest.param(ImageSize(500, 310), False, id="ten pixels"),
        pytest.param(ImageSize(2000, 1300), False, id="larger"),
    ],
)
def test_other_proportions_are_refused(shown: ImageSize, is_same: bool) -> None:
    asked = request(shown, points=(PromptPoint(1, 1, True),))
    if is_same:
        assert on_image(asked, LARGE).size == LARGE
    else:
        with pytest.raises(BadRequest, match="same proportions"):
            on_image(asked, LARGE)
