"""Two regions overlap by what of them can be compared, which an independent count of cells confirms."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from region_strategies import SIZE, boxes, geometries, masks, polygons, regions, rotated_boxes

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from backend.geometry import rotated_box_corners
from backend.review.overlap import Overlaps, compared_as, region_iou

BOX = Box(10, 10, 30, 20)
ROTATED = RotatedBox(20, 15, 20, 10, 0)
POLYGON = Polygon(((10.0, 10.0), (30.0, 10.0), (30.0, 20.0), (10.0, 20.0)))
MASK = Mask(10, 10, np.ones((10, 20), bool))
POINT = Point(10, 10)


def region(geometry: Geometry | None, size: ImageSize = SIZE) -> Region:
    return Region("p", "control", "car", 1.0, geometry, size)


def iou(one: Geometry | None, other: Geometry | None, size: ImageSize = SIZE) -> float:
    return region_iou(region(one, size), region(other, size))


@pytest.mark.parametrize(
    ("one", "other", "way"),
    [
        pytest.param(BOX, BOX, "box", id="two boxes"),
        pytest.param(ROTATED, BOX, "rotated box", id="rotated box and box"),
        pytest.param(ROTATED, ROTATED, "rotated box", id="two rotated boxes"),
        pytest.param(MASK, MASK, "mask", id="two masks"),
        pytest.param(POLYGON, POLYGON, "polygon", id="two polygons"),
        pytest.param(POLYGON, MASK, "mask", id="polygon and mask"),
        pytest.param(MASK, BOX, "box of mask", id="mask over a box"),
        pytest.param(MASK, ROTATED, "box of mask", id="mask over a rotated box"),
        pytest.param(POLYGON, BOX, "box of polygon", id="polygon over a box"),
        pytest.param(POLYGON, ROTATED, "box of polygon", id="polygon over a rotated box"),
        pytest.param(POINT, POINT, "point", id="two points"),
        pytest.param(None, None, "image", id="two classes of the image"),
    ],
)
def test_equal_shapes_overlap_fully_and_say_what_was_compared(
    one: Geometry | None, other: Geometry | None, way: str
) -> None:
    assert compared_as(one, other) == compared_as(other, one) == way
    assert iou(one, other) == iou(other, one) == 1.0


@pytest.mark.parametrize("other", [BOX, ROTATED, POLYGON, MASK], ids=lambda shape: type(shape).__name__)
@pytest.mark.parametrize("one", [POINT, None], ids=["point", "class of the image"])
def test_points_and_classes_of_the_image_overlap_no_shape(one: Point | None, other: Geometry) -> None:
    assert compared_as(one, other) is None
    assert iou(one, other) == iou(other, one) == 0.0


def test_point_and_class_of_the_image_cannot_be_compared() -> None:
    assert compared_as(POINT, None) is None and iou(POINT, None) == 0.0


def test_box_is_compared_with_what_encloses_the_pixels_of_a_mask() -> None:
    pixels = np.zeros((40, 40), bool)
    pixels[10, 10:30] = pixels[10:20, 29] = True
    assert iou(Mask(0, 0, pixels), BOX) == 1.0


def test_rotated_box_is_compared_with_a_polygon_by_what_encloses_both() -> None:
    diamond = RotatedBox(20, 20, 10, 10, 45)
    side = 10 * 2**0.5
    half = side / 2
    square = Polygon(tuple((20 + x * half, 20 + y * half) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))))
    assert iou(diamond, square) == 1.0


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        pytest.param(0, 1.0, id="same place"),
        pytest.param(10, 1 / 3, id="half"),
        pytest.param(20, 0, id="beside"),
    ],
)
def test_point_is_a_square_of_two_percent_of_the_longer_side(shift: float, expected: float) -> None:
    size = ImageSize(600, 1000)
    assert iou(Point(100, 100), Point(100 + shift, 100), size) == pytest.approx(expected)


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param(Box(10, 10, 10, 20), id="box without width"),
        pytest.param(Box(30, 20, 10, 10), id="box with swapped corners"),
        pytest.param(RotatedBox(20, 15, 0, 10, 30), id="rotated box without width"),
        pytest.param(RotatedBox(20, 15, -5, 10, 30), id="rotated box with negative width"),
        pytest.param(Mask(10, 10, np.zeros((5, 5), bool)), id="mask without true pixels"),
        pytest.param(Mask(10, 10, np.zeros((0, 0), bool)), id="mask without pixels"),
        pytest.param(Polygon(()), id="polygon without points"),
        pytest.param(Polygon(((10.0, 10.0), (30.0, 20.0))), id="polygon of two points"),
        pytest.param(Polygon(((10.0, 15.0), (30.0, 15.0), (20.0, 15.0))), id="flat polygon"),
    ],
)
@pytest.mark.parametrize("other", [BOX, ROTATED, POLYGON, MASK, None], ids=lambda g: type(g).__name__)
def test_shape_without_area_overlaps_nothing(empty: Geometry, other: Geometry | None) -> None:
    assert iou(empty, other) == iou(other, empty) == 0.0
    assert iou(empty, empty) == 0.0


def test_outline_around_a_hole_leaves_it_out() -> None:
    outer = [(0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0), (0.0, 0.0)]
    hole = [(10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0), (10.0, 10.0)]
    ring = Polygon(tuple(outer + hole))
    assert iou(ring, Polygon(tuple(outer))) == pytest.approx(0.75)
    assert iou(ring, Mask(0, 0, np.ones((40, 40), bool))) == pytest.approx(0.75)


def test_polygon_far_outside_the_image_is_drawn_inside_it_only() -> None:
    far = 1e9
    everywhere = Polygon(((-far, -far), (far, -far), (far, far), (-far, far)))
    assert iou(everywhere, Mask(0, 0, np.ones((64, 64), bool))) == 1.0
    assert iou(everywhere, POLYGON) == pytest.approx(0, abs=1e-9)


# Independent references: cells of a grid, counted one by one or sampled.


def is_inside(points: tuple[tuple[float, float], ...], places: np.ndarray) -> np.ndarray:
    """Even-odd, by a ray to the right of each sample (y, x)."""
    x, y = places[None, :], places[:, None]
    inside = np.zeros((len(places), len(places)), bool)
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
    return inside


def drawn(geometry: Geometry, step: float) -> np.ndarray:
    """Return which samples of the image, so many pixels apart, the shape covers."""
    places = np.arange(-24 + step / 2, 88, step)
    match geometry:
        case Mask(x=left, y=top, pixels=pixels):
            image = np.zeros((112, 112), bool)
            image[top + 24 : top + 24 + pixels.shape[0], left + 24 : left + 24 + pixels.shape[1]] = pixels
            index = np.floor(places).astype(int) + 24
            return image[np.ix_(index, index)]
        case Box(x1=x1, y1=y1, x2=x2, y2=y2):
            return np.outer((places > y1) & (places < y2), (places > x1) & (places < x2))
        case RotatedBox(width=width, height=height) if not width * height:
            # Samples on its line would else be inside or outside as rounding has it.
            return np.zeros((len(places), len(places)), bool)
        case RotatedBox():
            return drawn(Polygon(tuple(rotated_box_corners(geometry))), step)
        case Polygon(points=points):
            return is_inside(points, places)
    raise AssertionError(geometry)


def counted(one: Geometry, other: Geometry, step: float = 1.0) -> float:
    first, second = drawn(one, step), drawn(other, step)
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 0.0


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.tuples(boxes, boxes), st.tuples(masks, masks)))
def test_boxes_and_masks_overlap_as_their_cells_do(pair: tuple[Geometry, Geometry]) -> None:
    assert iou(*pair) == pytest.approx(counted(*pair), abs=1e-9)


@settings(deadline=None, max_examples=100)
@given(st.one_of(st.tuples(polygons, masks), st.tuples(masks, polygons)))
def test_polygon_and_mask_overlap_as_the_pixels_whose_centres_they_cover(
    pair: tuple[Geometry, Geometry],
) -> None:
    assert iou(*pair, size=ImageSize(88, 88)) == pytest.approx(counted(*pair), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(
        st.tuples(polygons, polygons),
        st.tuples(rotated_boxes, rotated_boxes),
        st.tuples(rotated_boxes, boxes),
    )
)
def test_polygons_and_rotated_boxes_overlap_as_a_fine_raster(pair: tuple[Geometry, Geometry]) -> None:
    assert iou(*pair) == pytest.approx(counted(*pair, step=0.125), abs=0.02)


def test_polygons_of_a_few_pixels_overlap_as_their_areas_do() -> None:
    triangle = Polygon(((1.0, 1.0), (3.0, 1.0), (1.0, 3.0)))
    square = Polygon(((1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 3.0)))
    assert iou(triangle, square) == pytest.approx(0.5, abs=1e-6)


def test_polygons_off_the_grid_overlap_as_their_areas_do() -> None:
    square, shifted = (Polygon(((x, 0.3), (x + 2.0, 0.3), (x + 2.0, 2.3), (x, 2.3))) for x in (0.1, 1.1))
    assert iou(square, shifted) == pytest.approx(1 / 3, abs=1e-6)


def test_self_crossing_outlines_overlap_as_a_fine_raster() -> None:
    rng = np.random.default_rng(4)
    for _ in range(3):
        stars = [Polygon(tuple(map(tuple, rng.uniform(0, 60, (9, 2)).tolist()))) for _ in range(2)]
        assert iou(*stars) == pytest.approx(counted(*stars, step=0.0625), abs=0.003)


@settings(deadline=None, max_examples=150)
@given(geometries, geometries)
def test_overlap_is_the_same_in_both_orders_and_whole_with_itself(
    one: Geometry | None, other: Geometry | None
) -> None:
    assert iou(one, other) == iou(other, one)
    assert 0.0 <= iou(one, other) <= 1.0
    assert iou(one, one) in (0.0, 1.0)


@settings(deadline=None, max_examples=100)
@given(st.lists(regions(), max_size=5), st.lists(regions(), max_size=5))
def test_what_touches_and_what_is_surely_low_is_told_without_measuring(
    ones: list[Region], others: list[Region]
) -> None:
    overlaps = Overlaps(ones, others)
    touching = [tuple(pair) for pair in overlaps.touching().tolist()]
    pairs = list(product(range(len(ones)), range(len(others))))
    exact = {(one, other): region_iou(ones[one], others[other]) for one, other in pairs}
    assert touching == sorted(touching)
    assert {pair for pair in pairs if exact[pair] > 0} <= set(touching)
    quick = overlaps.ious(np.array(pairs, np.intp).reshape(-1, 2), least=0.5)
    for pair, found in zip(pairs, quick.tolist(), strict=True):
        assert found == exact[pair] or (found == 0.0 and exact[pair] < 0.5)


def test_outline_thinner_than_a_pixel_is_compared_by_the_pixels_that_it_covers() -> None:
    thin = Polygon(((10.45, 0.0), (10.6, 0.0), (10.6, 10.0), (10.45, 10.0)))
    overlaps = Overlaps([region(thin)], [region(Mask(10, 0, np.ones((10, 1), bool)))])
    assert overlaps.ious(overlaps.touching(), least=0.5).tolist() == [1.0]
