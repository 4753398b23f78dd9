"""Polygons around masks: as near to the pixels as their points allow, in the image's own pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from backend.contours import mask_to_polygon
from backend.entities import Mask, Polygon

Pixels = NDArray[np.bool_]
MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))
POINTS = st.integers(3, 64)


def painted(polygon: Polygon, height: int, width: int) -> Pixels:
    """Return the pixels whose centre an odd number of the polygon's edges lies to the left of."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.zeros((height, width), bool)
    for (x1, y1), (x2, y2) in zip(polygon.points, polygon.points[1:] + polygon.points[:1], strict=True):
        side = (x - x1) * (y2 - y1) - (y - y1) * (x2 - x1)
        inside ^= ((y1 <= y) & (y < y2) & (side >= 0)) | ((y2 <= y) & (y < y1) & (side <= 0))
    return inside


def overlap(one: Pixels, other: Pixels) -> float:
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))


def blank() -> Pixels:
    """Return a mask on an image that is wider than high."""
    return np.zeros((60, 100), bool)


def disc(radius: float, *, hole: float = 0) -> Pixels:
    side = int(2 * radius + 3)
    y, x = np.mgrid[:side, : side + 8] - radius - 1
    return (x**2 + y**2 <= radius**2) & (x**2 + y**2 >= hole**2)


def draw(pixels: Pixels, max_points: int, x: int = 0, y: int = 0) -> Polygon:
    polygon = mask_to_polygon(Mask(x, y, pixels), max_points=max_points)
    assert polygon is not None
    return polygon


@given(MASKS, POINTS)
def test_polygon_has_as_many_points_as_allowed_lies_in_its_cut_out_and_tells_its_iou(
    pixels: Pixels, max_points: int
) -> None:
    polygon = mask_to_polygon(Mask(0, 0, pixels), max_points=max_points)
    if polygon is None:
        assert not pixels.any()
        return
    height, width = pixels.shape
    assert 3 <= len(polygon.points) <= max_points
    assert all(0 <= x <= width and 0 <= y <= height for x, y in polygon.points)
    assert polygon.mask_iou == pytest.approx(overlap(pixels, painted(polygon, height, width)))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_shape_whose_corners_fit_is_drawn_exactly(heights: list[int]) -> None:
    bars = np.arange(20)[:, None] < np.array(heights)
    assert draw(bars, 64).mask_iou == 1


def test_rectangle_has_its_four_corners() -> None:
    polygon = draw(np.ones((20, 30), bool), 64, x=50, y=7)
    assert set(polygon.points) == {(50, 7), (80, 7), (80, 27), (50, 27)}
    assert (len(polygon.points), polygon.mask_iou) == (4, 1)


def test_single_pixel_is_a_square() -> None:
    polygon = draw(np.ones((1, 1), bool), 3 + 1, x=2, y=5)
    assert set(polygon.points) == {(2, 5), (3, 5), (3, 6), (2, 6)}


def test_l_shape_keeps_its_inner_corner() -> None:
    pixels = blank()
    pixels[10:50, 20:30] = pixels[40:50, 20:70] = True
    polygon = draw(pixels, 64)
    assert (30, 40) in polygon.points
    assert (len(polygon.points), polygon.mask_iou) == (6, 1)


@pytest.mark.parametrize(("radius", "least"), [(6, 0.97), (20, 0.97), (150, 0.99)])
def test_disc_of_64_points_is_nearly_round(radius: float, least: float) -> None:
    assert draw(disc(radius), 64).mask_iou > least


@pytest.mark.parametrize(("max_points", "least"), [(3, 0.3), (8, 0.85), (16, 0.94), (32, 0.98)])
def test_fewer_points_cost_little(max_points: int, least: float) -> None:
    polygon = draw(disc(80), max_points)
    assert len(polygon.points) == max_points
    assert polygon.mask_iou > least


def test_ring_keeps_its_hole() -> None:
    ring = disc(40, hole=20)
    polygon = draw(ring, 64)
    middle = painted(polygon, *ring.shape)[41, 41]
    assert not middle
    assert polygon.mask_iou > 0.96


def test_hole_that_is_hardly_seen_is_filled() -> None:
    pixels = np.ones((60, 100), bool)
    pixels[30:33, 50:53] = False  # 9 of 6000 pixels
    assert len(draw(pixels, 64).points) == 4


def test_second_island_of_weight_is_joined_by_a_bridge_without_area() -> None:
    pixels = blank()
    pixels[10:30, 10:30] = pixels[40:50, 60:90] = True
    polygon = draw(pixels, 64)
    assert (len(polygon.points), polygon.mask_iou) == (10, 1)  # 4 + 4 corners, 2 of them visited twice


def test_speck_beside_the_thing_is_left_out() -> None:
    pixels = blank()
    pixels[10:50, 10:50] = pixels[55, 90] = True
    polygon = draw(pixels, 64)
    assert len(polygon.points) == 4
    assert polygon.mask_iou == pytest.approx(1600 / 1601)


def test_island_is_not_joined_where_the_points_do_not_suffice() -> None:
    pixels = blank()
    pixels[10:30, 10:30] = pixels[40:50, 60:90] = True
    assert draw(pixels, 7).mask_iou == pytest.approx(400 / 700)


def test_thing_within_a_hole_is_part_of_the_polygon() -> None:
    pixels = np.ones((60, 100), bool)
    pixels[10:50, 10:90] = False
    pixels[20:40, 30:70] = True
    polygon = draw(pixels, 64)
    assert (len(polygon.points), polygon.mask_iou) == (4 + 4 + 4 + 4, 1)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (4, 4)])
def test_empty_mask_has_no_polygon(shape: tuple[int, int]) -> None:
    assert mask_to_polygon(Mask(3, 3, np.zeros(shape, bool)), max_points=64) is None


def test_noise_of_a_thousand_islands_is_bounded_in_points() -> None:
    pixels = np.random.default_rng(7).random((200, 300)) < 0.3
    polygon = draw(pixels, 64)
    assert 3 <= len(polygon.points) <= 64
