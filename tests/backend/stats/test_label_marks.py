"""Whatever its shape, a region is judged by the upright box around it."""

import numpy as np
import pytest

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from backend.stats.label_errors import Mark
from backend.stats.label_marks import enclosing_box, marks_of

PIXELS = np.zeros((10, 10), bool)
PIXELS[2:5, 3:9] = True


@pytest.mark.parametrize(
    ("geometry", "box"),
    [
        pytest.param(Box(1, 2, 3, 4), Box(1, 2, 3, 4), id="box"),
        pytest.param(RotatedBox(50, 50, 20, 10, 90), Box(45, 40, 55, 60), id="rotated box"),
        pytest.param(Polygon(((1, 5), (9, 2), (4, 8))), Box(1, 2, 9, 8), id="polygon"),
        pytest.param(Mask(100, 200, PIXELS), Box(103, 202, 109, 205), id="mask, cut to its pixels"),
        pytest.param(Mask(0, 0, np.zeros((3, 3), bool)), None, id="mask without pixels"),
        pytest.param(Polygon(()), None, id="polygon without points"),
        pytest.param(Box(5, 5, 5, 9), None, id="box without width"),
        pytest.param(Point(1, 2), None, id="key point"),
    ],
)
def test_box_encloses_the_shape(geometry: Geometry, box: Box | None) -> None:
    found = enclosing_box(geometry)
    if found is None or box is None:
        assert found is box
    else:
        assert (found.x1, found.y1, found.x2, found.y2) == pytest.approx((box.x1, box.y1, box.x2, box.y2))


def test_key_points_are_left_out_and_classes_of_the_image_have_no_box() -> None:
    size = ImageSize(10, 10)
    regions = [
        Region("a", "points", "nose", 0.9, Point(1, 1), size),
        Region("b", "weather", "sun", 0.8, None, size),
        Region("c", "label", "car", 0.7, Box(1, 1, 2, 2), size),
    ]
    assert marks_of(regions) == (
        Mark("sun", "weather", None, 0.8),
        Mark("car", "label", Box(1, 1, 2, 2), 0.7),
    )
