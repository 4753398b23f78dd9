"""Geometry of results: from percent to pixels and back, and what is refused in words."""

import base64
import io
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage

from backend.entities import Box, ControlTag, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from backend.errors import BadRequest
from backend.geometry import rotated_box_corners
from backend.labelstudio.annotated_regions import read_regions
from backend.labelstudio.result_geometry import SHAPES, read_geometry, read_size
from backend.labelstudio.results import regions_to_json
from backend.rle import encode_mask

SIZE = ImageSize(200, 100)
RECTANGLE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
PIXELS = np.zeros((100, 200), bool)
PIXELS[20:30, 50:55] = True
TYPES = {
    Box: "RectangleLabels",
    RotatedBox: "RectangleLabels",
    Polygon: "PolygonLabels",
    Mask: "BrushLabels",
    Point: "KeyPointLabels",
}
SIZES = st.builds(ImageSize, st.integers(1, 9000), st.integers(1, 9000))
SHARE = st.floats(0, 1)


def png(alpha: np.ndarray) -> str:
    """Return a mask as the labelling page writes it: black where painted, transparent elsewhere."""
    height, width = alpha.shape
    picture = PillowImage.fromarray(np.dstack([np.zeros((height, width, 3), np.uint8), alpha]), "RGBA")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def read_back(geometry: Geometry, size: ImageSize) -> Geometry | None:
    """Return the geometry that is read from what we write."""
    control = ControlTag(TYPES[type(geometry)], "tag", "image", "$image", ("Car",))
    region = Region("a1", "tag", "Car", 0.5, geometry, size)
    found = read_regions(regions_to_json([region], {"tag": control}))
    assert found.problems == ()
    [again] = found.regions
    assert (again.id, again.control, again.label, again.size) == ("a1", "tag", "Car", size)
    return again.geometry


def corners(geometry: Geometry | None) -> np.ndarray:
    if isinstance(geometry, Box):
        x, y = (geometry.x1 + geometry.x2) / 2, (geometry.y1 + geometry.y2) / 2
        geometry = RotatedBox(x, y, geometry.width, geometry.height, 0)
    assert isinstance(geometry, RotatedBox)
    return np.array(rotated_box_corners(geometry))


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far the corner lies that is farthest from any of the other's."""
    apart = np.linalg.norm(one[:, None] - other, axis=-1)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))


@given(SIZES, SHARE, SHARE, SHARE, SHARE)
def test_box_survives_the_round_trip(
    size: ImageSize, x: float, y: float, width: float, height: float
) -> None:
    x, y = x * (size.width - 0.1), y * (size.height - 0.1)
    box = Box(x, y, x + 0.1 + width * (size.width - x - 0.1), y + 0.1 + height * (size.height - y - 0.1))
    assert distance(corners(read_back(box, size)), corners(box)) < 1e-6


@given(SIZES, SHARE, SHARE, st.floats(0.1, 3000), st.floats(0.1, 3000), st.floats(-720, 720))
def test_rotated_box_survives_the_round_trip(
    size: ImageSize, x: float, y: float, width: float, height: float, angle: float
) -> None:
    box = RotatedBox(0.5 + x * (size.width - 1), 0.5 + y * (size.height - 1), width, height, angle)
    again = read_back(box, size)
    if isinstance(again, RotatedBox):
        assert distance(corners(again), corners(box)) < 1e-6
    else:  # not turned in the end, and so clipped like any box
        assert math.isclose(angle % 90, 0, abs_tol=1e-9) or math.isclose(angle % 90, 90, abs_tol=1e-9)


@given(SIZES, st.lists(st.tuples(SHARE, SHARE), min_size=3, max_size=20))
def test_polygon_survives_the_round_trip_to_a_hundredth_pixel(
    size: ImageSize, shares: list[tuple[float, float]]
) -> None:
    # The first three make sure that there is an area.
    points = [(0.0, 0.0), (size.width, 0.0), (0.0, size.height)]
    polygon = Polygon((*points, *((x * size.width, y * size.height) for x, y in shares)))
    again = read_back(polygon, size)
    assert isinstance(again, Polygon)
    assert np.abs(np.array(again.points) - np.array(polygon.points)).max() < 0.01


@given(st.data(), st.integers(1, 80), st.integers(1, 80))
def test_mask_survives_the_round_trip_exactly(data: st.DataObject, width: int, height: int) -> None:
    pixels = data.draw(arrays(bool, (height, width)))
    pixels[0, 0] = pixels[-1, -1] = True  # cut out as tightly as it is read
    x, y = data.draw(st.integers(0, 50)), data.draw(st.integers(0, 50))
    again = read_back(Mask(x, y, pixels), ImageSize(x + width + 3, y + height + 2))
    assert isinstance(again, Mask)
    assert (again.x, again.y) == (x, y)
    assert np.array_equal(again.pixels, pixels)


@given(SIZES, SHARE, SHARE)
def test_key_point_survives_the_round_trip(size: ImageSize, x: float, y: float) -> None:
    again = read_back(Point(x * size.width, y * size.height), size)
    assert isinstance(again, Point)
    assert math.dist((again.x, again.y), (x * size.width, y * size.height)) < 1e-6


@pytest.mark.parametrize(
    ("shape", "value", "expected"),
    [
        pytest.param("rectangle", RECTANGLE, Box(20, 20, 80, 60), id="box"),
        pytest.param(
            "rectangle", {**RECTANGLE, "rotation": 360}, Box(20, 20, 80, 60), id="box turned around"
        ),
        pytest.param(
            "rectangle",
            {key: number for key, number in RECTANGLE.items() if key != "rotation"},
            Box(20, 20, 80, 60),
            id="box without rotation",
        ),
        pytest.param(
            "rectangle",
            {"x": -10, "y": -10, "width": 200, "height": 200},
            Box(0, 0, 200, 100),
            id="box over all edges is clipped",
        ),
        pytest.param(
            "rectangle",
            {"x": 50, "y": 50, "width": 10, "height": 20, "rotation": 90},
            RotatedBox(90, 60, 20, 20, 90),
            id="box turned about its corner",
        ),
        pytest.param(
            "polygon",
            {"points": [[0, 0], [50, -5], [100.5, 100]], "closed": True},
            Polygon(((0, 0), (100, 0), (200, 100))),
            id="polygon is clipped",
        ),
        pytest.param("keypoint", {"x": 25, "y": 100.2, "width": 1}, Point(50, 100), id="point is clipped"),
    ],
)
def test_percent_becomes_pixels(shape: str, value: dict[str, Any], expected: Geometry) -> None:
    found = read_geometry(shape, value, SIZE)
    if isinstance(expected, RotatedBox):
        assert isinstance(found, RotatedBox)
        assert distance(corners(found), corners(expected)) < 1e-9
    else:
        assert found == expected


def test_rotated_box_that_crosses_the_edge_stays_as_it_is() -> None:
    value = {"x": 90, "y": 50, "width": 40, "height": 20, "rotation": 30}
    found = read_geometry("rectangle", value, SIZE)
    assert isinstance(found, RotatedBox)
    assert (found.width, found.height, found.angle) == (80, 20, 30)


def test_ellipse_is_a_polygon_of_64_points_about_its_centre() -> None:
    value = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 40, "rotation": 90}
    found = read_geometry("ellipse", value, SIZE)
    assert isinstance(found, Polygon)
    points = np.array(found.points)
    assert points.shape == (64, 2)
    # 20 x 40 pixels of radius, turned by a quarter.
    assert points.min(axis=0) == pytest.approx([60, 30])
    assert points.max(axis=0) == pytest.approx([140, 70])


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        pytest.param("brush", {"format": "rle", "rle": encode_mask(PIXELS)}, id="brush"),
        pytest.param("bitmask", {"imageDataURL": png(PIXELS * np.uint8(255))}, id="bitmask"),
    ],
)
def test_mask_is_cut_out_to_its_painted_part(shape: str, value: dict[str, Any]) -> None:
    found = read_geometry(shape, value, SIZE)
    assert isinstance(found, Mask)
    assert (found.x, found.y, found.pixels.shape, found.pixels.all()) == (50, 20, (10, 5), True)
    assert found.pixels.base is None


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        pytest.param("rectangle", {}, "x is None; expected a number", id="nothing"),
        pytest.param("rectangle", {**RECTANGLE, "x": math.nan}, "x is nan", id="NaN"),
        pytest.param("rectangle", {**RECTANGLE, "y": math.inf}, "y is inf", id="infinity"),
        pytest.param("rectangle", {**RECTANGLE, "y": "5"}, "y is '5'", id="text"),
        pytest.param("rectangle", {**RECTANGLE, "width": True}, "width is True", id="boolean"),
        pytest.param("rectangle", {**RECTANGLE, "width": 10**400}, "width is 1000", id="beyond floats"),
        pytest.param("rectangle", {**RECTANGLE, "width": 0}, "its size is 0 x 40", id="no width"),
        pytest.param("rectangle", {**RECTANGLE, "x": 1e7}, "x is 10000000.0", id="far out"),
        pytest.param("rectangle", {**RECTANGLE, "height": -1}, "its size is 30 x -1", id="negative height"),
        pytest.param("rectangle", {**RECTANGLE, "rotation": None}, "rotation is None", id="rotation null"),
        pytest.param("rectangle", {**RECTANGLE, "x": 100}, "wholly outside", id="beyond the right edge"),
        pytest.param("rectangle", {**RECTANGLE, "y": -40}, "wholly outside", id="above the top edge"),
        pytest.param(
            "rectangle", {**RECTANGLE, "x": 150, "rotation": 10}, "wholly outside", id="rotated and outside"
        ),
        pytest.param("polygon", {}, "points are None; expected", id="no points"),
        pytest.param("polygon", {"points": [[0, 0], [5, 5]]}, "at least three", id="two points"),
        pytest.param("polygon", {"points": [[0, 0], [5, 5], [1]]}, "a point is [1]", id="half a point"),
        pytest.param(
            "polygon", {"points": [[0, 0], [5, 5], {"x": 1}]}, "a point is", id="point as an object"
        ),
        pytest.param("polygon", {"points": [[0, 0], [5, 5], [1, None]]}, "coordinate is None", id="null"),
        pytest.param("polygon", {"points": [[1, 1], [1, 5], [1, 9]]}, "its size is 0 x 8", id="a line"),
        pytest.param("polygon", {"points": [[101, 1], [120, 5], [101, 9]]}, "wholly", id="polygon outside"),
        pytest.param("ellipse", {"x": 5, "y": 5, "radiusX": 0, "radiusY": 1}, "size is 0 x 1", id="flat"),
        pytest.param(
            "ellipse", {"x": -9, "y": 5, "radiusX": 1, "radiusY": 1}, "wholly", id="ellipse outside"
        ),
        pytest.param("keypoint", {"x": 101.5, "y": 5}, "wholly outside", id="point outside"),
        pytest.param("keypoint", {"x": 5}, "y is None", id="half a key point"),
        pytest.param("brush", {"rle": [1]}, "the format is None", id="brush without format"),
        pytest.param("brush", {"format": "rle", "rle": "x"}, 'expected "rle"', id="code as text"),
        pytest.param("brush", {"format": "rle", "rle": [1, 2]}, "2 bytes", id="code without header"),
        pytest.param("brush", {"format": "rle", "rle": [[]]}, "no list of numbers", id="code of lists"),
        pytest.param(
            "brush", {"format": "rle", "rle": encode_mask(PIXELS)[:40]}, "cut off", id="code cut off"
        ),
        pytest.param(
            "brush", {"format": "rle", "rle": encode_mask(PIXELS[:50])}, "expected 80000", id="other size"
        ),
        pytest.param(
            "brush", {"format": "rle", "rle": encode_mask(PIXELS & False)}, "no pixel", id="nothing painted"
        ),
        pytest.param("bitmask", {"imageDataURL": None}, "imageDataURL is None", id="no bitmask"),
        pytest.param(
            "bitmask", {"imageDataURL": "data:image/png;base64,é"}, "no readable PNG", id="no base64"
        ),
        pytest.param(
            "bitmask", {"imageDataURL": "data:image/png;base64,AAAA"}, "no readable PNG", id="no PNG"
        ),
        pytest.param(
            "bitmask",
            {"imageDataURL": png(PIXELS * np.uint8(255))[:-60]},
            "no readable PNG",
            id="PNG cut off",
        ),
        pytest.param(
            "bitmask",
            {"imageDataURL": png(np.ones((5, 7), np.uint8))},
            "7 x 5 pixels",
            id="PNG of other size",
        ),
    ],
)
def test_what_is_no_geometry_is_refused_in_words(shape: str, value: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as error:
        read_geometry(shape, value, SIZE)
    assert message in error.value.message


@pytest.mark.parametrize("shape", ["brush", "bitmask"])
def test_mask_of_an_absurdly_large_image_is_not_decoded(shape: str) -> None:
    value = {"format": "rle", "rle": [0] * 8, "imageDataURL": png(np.ones((1, 1), np.uint8))}
    with pytest.raises(BadRequest, match="at most 100 million"):
        read_geometry(shape, value, ImageSize(100_000, 100_000))


@pytest.mark.parametrize(
    "size",
    [
        pytest.param({}, id="none"),
        pytest.param({"original_width": 200}, id="half"),
        pytest.param({"original_width": 200, "original_height": 0}, id="zero"),
        pytest.param({"original_width": -200, "original_height": 100}, id="negative"),
        pytest.param({"original_width": 200.5, "original_height": 100}, id="parts of pixels"),
        pytest.param({"original_width": "200", "original_height": 100}, id="text"),
        pytest.param({"original_width": math.nan, "original_height": 100}, id="NaN"),
        pytest.param({"original_width": True, "original_height": 100}, id="boolean"),
        pytest.param({"original_width": 10**9, "original_height": 100}, id="absurd"),
    ],
)
def test_size_that_is_none_is_refused(size: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="original_width and original_height are"):
        read_size(size)


def test_size_may_be_written_as_a_float() -> None:
    assert read_size({"original_width": 200.0, "original_height": 100}) == SIZE


@given(
    st.sampled_from(sorted(SHAPES)),
    st.dictionaries(
        st.sampled_from(["x", "y", "width", "height", "rotation", "radiusX", "radiusY"]),
        st.floats() | st.integers() | st.floats(0, 100) | st.none(),
    ),
)
def test_any_numbers_are_a_geometry_that_meets_the_image_or_a_bad_request(
    shape: str, value: dict[str, Any]
) -> None:
    try:
        found = read_geometry(shape, value, SIZE)
    except BadRequest:
        return
    if isinstance(found, Box):
        assert 0 <= found.x1 < found.x2 <= SIZE.width and 0 <= found.y1 < found.y2 <= SIZE.height
    elif isinstance(found, Polygon):
        assert all(0 <= x <= SIZE.width and 0 <= y <= SIZE.height for x, y in found.points)
    elif isinstance(found, Point):
        assert 0 <= found.x <= SIZE.width and 0 <= found.y <= SIZE.height
    else:
        assert np.isfinite(corners(found)).all()
