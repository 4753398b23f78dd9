"""The picture of corrections: every kind in its colour and where it belongs, any geometry, any image size."""

import numpy as np
import pytest

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from backend.review.entities import Correction, Kind, MatchedBy
from backend.review.picture import COLOURS, draw_corrections

SIZE = ImageSize(1000, 500)
GREY = np.full((500, 1000, 3), 128, np.uint8)


def region(geometry: Geometry | None, label: str = "car", size: ImageSize = SIZE) -> Region:
    return Region("a1", "label", label, 0.9, geometry, size)


def correction(kind: Kind, geometry: Geometry | None, size: ImageSize = SIZE) -> Correction:
    found = region(geometry, size=size)
    shown = None if kind == Kind.ADDED else found
    annotated = None if kind == Kind.DELETED else found
    is_match = shown is not None and annotated is not None
    return Correction(
        kind, shown, annotated, 1.0 if is_match else None, MatchedBy.OVERLAP if is_match else None
    )


def has_colour(picture: np.ndarray, kind: Kind, *, x: int, y: int, reach: int = 14) -> bool:
    """Tell whether the kind's colour is near a place."""
    part = picture[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach, ::-1]
    return bool((part == COLOURS[kind]).all(axis=2).any())


@pytest.mark.parametrize("kind", list(Kind))
def test_region_is_drawn_in_the_colour_of_what_was_done(kind: Kind) -> None:
    picture = draw_corrections(GREY, [correction(kind, Box(300, 200, 500, 400))])
    assert has_colour(picture, kind, x=500, y=300)
    assert not any(has_colour(picture, other, x=500, y=300) for other in Kind if other != kind)


@pytest.mark.parametrize(
    "geometry",
    [
        pytest.param(RotatedBox(400, 250, 200, 100, 0), id="rotated box"),
        pytest.param(Polygon(((300, 200), (500, 200), (500, 300), (300, 300))), id="polygon"),
        pytest.param(Mask(300, 200, np.ones((100, 200), bool)), id="mask"),
        pytest.param(Point(500, 250), id="point"),
    ],
)
def test_any_geometry_is_drawn_where_it_lies(geometry: Geometry) -> None:
    picture = draw_corrections(GREY, [correction(Kind.ADDED, geometry)])
    assert has_colour(picture, Kind.ADDED, x=500, y=250)
    assert not has_colour(picture, Kind.ADDED, x=800, y=250)


def test_small_image_is_enlarged_with_its_regions() -> None:
    small = np.full((50, 100, 3), 128, np.uint8)
    picture = draw_corrections(small, [correction(Kind.ADDED, Box(30, 20, 50, 40), ImageSize(100, 50))])
    assert picture.shape[1] == 900
    assert has_colour(picture, Kind.ADDED, x=450, y=270)


def test_class_of_the_whole_image_and_no_correction_at_all_are_drawn_without_error() -> None:
    for corrections in ([correction(Kind.KEPT, None)], []):
        assert draw_corrections(GREY, corrections).shape[0] > 500


def test_given_image_is_left_as_it_is() -> None:
    before = GREY.copy()
    draw_corrections(GREY, [correction(Kind.KEPT, Box(0, 0, 1000, 500))])
    assert (before == GREY).all()
