"""Which lines of a data set an annotation's regions become, and what is said of the rest."""

import numpy as np
import pytest

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, RotatedBox
from backend.labelstudio.annotated_regions import read_regions
from retrain.dataset.labels import LabelLines, label_lines
from tests.retrain.dataset.snapshots import SIZE, region, target

TRIANGLE = Polygon(((20.0, 10.0), (120.0, 10.0), (20.0, 60.0)))


def lines_of(geometry: Geometry | None, task: str) -> LabelLines:
    return label_lines([region(geometry)], target(task), SIZE)


def mask(pixels: list[str], *, x: int = 20, y: int = 10) -> Mask:
    return Mask(x, y, np.array([[pixel == "#" for pixel in row] for row in pixels]))


@pytest.mark.parametrize(
    ("task", "geometry", "line"),
    [
        pytest.param("detect", Box(20, 10, 120, 60), "1 0.35 0.35 0.5 0.5", id="box"),
        pytest.param("detect", Box(-50, 10, 50, 200), "1 0.125 0.55 0.25 0.9", id="box clipped"),
        pytest.param("detect", TRIANGLE, "1 0.35 0.35 0.5 0.5", id="box around a polygon"),
        pytest.param("detect", mask(["..#.", "....", ".#.."]), "1 0.11 0.115 0.01 0.03", id="box of a mask"),
        pytest.param(
            "detect", RotatedBox(100, 50, 40, 20, 90), "1 0.5 0.5 0.1 0.4", id="box around a turned box"
        ),
        pytest.param(
            "detect", RotatedBox(200, 50, 40, 20, 90), "1 0.975 0.5 0.05 0.4", id="its visible part only"
        ),
        pytest.param("obb", Box(20, 10, 120, 60), "1 0.1 0.1 0.6 0.1 0.6 0.6 0.1 0.6", id="corners of a box"),
        pytest.param(
            "obb",
            RotatedBox(100, 50, 40, 20, 90),
            "1 0.55 0.3 0.55 0.7 0.45 0.7 0.45 0.3",
            id="corners of a turned box, from its own top left",
        ),
        pytest.param("segment", TRIANGLE, "1 0.1 0.1 0.6 0.1 0.1 0.6", id="polygon as it is"),
        pytest.param("segment", Box(20, 10, 120, 60), "1 0.1 0.1 0.6 0.1 0.6 0.6 0.1 0.6", id="box drawn"),
        pytest.param("classify", None, "1", id="class"),
    ],
)
def test_region_is_written_as_a_line(task: str, geometry: Geometry | None, line: str) -> None:
    assert lines_of(geometry, task) == LabelLines((line,), ())


def test_mask_is_written_as_its_outline() -> None:
    (line,) = lines_of(mask(["##", "##"]), "segment").lines
    number, *columns = line.split()
    corners = {(float(x), float(y)) for x, y in zip(columns[::2], columns[1::2], strict=True)}
    assert number == "1" and corners == {(0.1, 0.1), (0.11, 0.1), (0.11, 0.12), (0.1, 0.12)}


def test_polygon_is_cut_at_the_image_and_keeps_its_slope() -> None:
    beyond = Polygon(((180.0, 50.0), (220.0, 50.0), (220.0, 90.0)))
    (line,) = lines_of(beyond, "segment").lines
    assert line == "1 0.9 0.5 1 0.5 1 0.7"


def test_turned_box_keeps_corners_outside_the_image() -> None:
    (line,) = lines_of(RotatedBox(10, 50, 60, 20, 45), "obb").lines
    columns = [float(column) for column in line.split()[1:]]
    assert min(columns) < 0 and len(columns) == 8


@pytest.mark.parametrize(
    "geometry",
    [
        pytest.param(RotatedBox(-10, 50, 60, 20, 10), id="middle outside the image"),
        pytest.param(RotatedBox(100, 50, 400, 30, 10), id="wider than the image"),
        pytest.param(RotatedBox(100, 50, 1e6, 1e6, 10), id="far beyond"),
    ],
)
def test_turned_box_that_the_loader_refuses_is_cut_at_the_image(geometry: RotatedBox) -> None:
    (line,) = lines_of(geometry, "obb").lines
    columns = [float(column) for column in line.split()[1:]]
    assert min(columns) >= 0 and max(columns) <= 1 and len(columns) >= 8


def test_polygon_in_a_project_of_turned_boxes_is_the_least_rectangle_around_it() -> None:
    (line,) = lines_of(Polygon(((50.0, 20.0), (80.0, 50.0), (50.0, 80.0), (20.0, 50.0))), "obb").lines
    columns = [float(column) for column in line.split()[1:]]
    corners = {(round(200 * x), round(100 * y)) for x, y in zip(columns[::2], columns[1::2], strict=True)}
    assert corners == {(50, 20), (80, 50), (50, 80), (20, 50)}


@pytest.mark.parametrize(
    ("task", "geometry"),
    [
        pytest.param("detect", Box(20, 10, 20, 60), id="box without width"),
        pytest.param("detect", Box(210, 10, 220, 60), id="box outside"),
        pytest.param("detect", Point(20, 10), id="point"),
        pytest.param("detect", None, id="class of the image"),
        pytest.param("detect", mask(["..", ".."]), id="empty mask"),
        pytest.param("detect", Box(20, 10, 20.00001, 60), id="box without width when it is written"),
        pytest.param("obb", RotatedBox(100, 50, 40, 0, 30), id="turned box without height"),
        pytest.param("obb", RotatedBox(-300, 50, 40, 20, 30), id="turned box outside"),
        pytest.param("segment", Polygon(((0.0, 0.0), (50.0, 50.0), (100.0, 100.0))), id="points on a line"),
    ],
)
def test_region_without_area_is_left_out_and_told(task: str, geometry: Geometry | None) -> None:
    found = lines_of(geometry, task)
    assert found.lines == () and found.problems == (
        'Region r1 ("person") has no area inside the image; it is left out.',
    )


def test_regions_of_other_tags_are_passed_over() -> None:
    other = region(Box(0, 0, 10, 10), control="other", size=ImageSize(10, 900))
    assert label_lines([other], target(), SIZE) == LabelLines((), ())


def test_label_that_left_the_config_is_told_once() -> None:
    boxes = [region(Box(n, 0, n + 10, 10), label, id=str(n)) for n, label in enumerate(["van", "car", "van"])]
    found = label_lines(boxes, target(), SIZE)
    assert found.lines == ("0 0.03 0.05 0.05 0.1",)
    assert found.problems == (
        '"van" is no label of the tag "label" in the labeling config any more; 2 regions are left out.',
    )


def test_lines_keep_the_order_of_the_regions_and_equal_ones_are_one() -> None:
    boxes = [Box(20, 10, 120, 60), Box(0, 0, 20, 10), Box(20, 10, 120, 60)]
    found = label_lines([region(box, id=str(n)) for n, box in enumerate(boxes)], target(), SIZE)
    assert found == LabelLines(("1 0.35 0.35 0.5 0.5", "1 0.05 0.05 0.1 0.1"), ())


def test_region_with_two_labels_is_two_lines() -> None:
    two = [region(Box(20, 10, 120, 60), label) for label in ("person", "car")]
    assert label_lines(two, target(), SIZE).lines == ("1 0.35 0.35 0.5 0.5", "0 0.35 0.35 0.5 0.5")


def test_several_classes_of_an_image_are_told_and_the_first_is_taken() -> None:
    chosen = [region(None, label, size=ImageSize(0, 0)) for label in ("person", "car")]
    found = label_lines(chosen, target("classify"), SIZE)
    assert found.lines == ("1",)
    assert found.problems == ('The image has several classes ("person", "car"); the first is taken.',)


def test_image_without_a_class_has_no_line() -> None:
    assert label_lines([], target("classify"), SIZE) == LabelLines((), ())


@pytest.mark.parametrize(
    ("size", "is_told"),
    [
        pytest.param(ImageSize(400, 200), False, id="scaled"),
        pytest.param(ImageSize(399, 201), False, id="rounded"),
        pytest.param(ImageSize(100, 200), True, id="turned"),
        pytest.param(ImageSize(200, 150), True, id="replaced"),
    ],
)
def test_image_of_another_shape_is_told_and_its_labels_are_taken(size: ImageSize, is_told: bool) -> None:
    found = label_lines([region(Box(20, 10, 120, 60))], target(), size)
    assert found.lines == ("1 0.35 0.35 0.5 0.5",)
    assert [
        problem.startswith("Regions were drawn on an image of 200 x 100") for problem in found.problems
    ] == [True] * is_told


def test_mask_of_many_parts_is_told() -> None:
    board = Mask(0, 0, np.indices((60, 60)).sum(axis=0) % 2 == 0)
    found = lines_of(board, "segment")
    assert len(found.lines) == 1 and "many parts" in found.problems[0]


def test_result_of_label_studio_is_read_and_written() -> None:
    result = {
        "id": "r1",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": 200,
        "original_height": 100,
        "value": {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["person"]},
    }
    found = label_lines(read_regions([result]).regions, target(), SIZE)
    assert found == LabelLines(("1 0.35 0.35 0.5 0.5",), ())
