"""Labels of an example become the regions again that they were written from."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from backend.review.overlap import region_iou
from backend.training.entities import Example, Side, TrainingTarget
from retrain.dataset.labels import label_lines
from retrain.dataset.read import ground_truth
from tests.retrain.dataset.snapshots import KEYPOINTS, SIZE, region, target

WIDE = ImageSize(4000, 1500)
LEAST_IOU = 0.99
PIXEL_PART = 0.01

_SHARES = st.floats(0.05, 0.95)
_LENGTHS = st.floats(4, 900)
_RADII = st.lists(st.floats(0.3, 1.0), min_size=5, max_size=30)


def _box(x: float, y: float, width: float, height: float) -> Box:
    left, top = x * WIDE.width, y * WIDE.height
    return Box(left, top, min(left + width, WIDE.width), min(top + height, WIDE.height))


def _star(x: float, y: float, radii: list[float]) -> Polygon:
    turns = np.arange(len(radii)) * 2 * np.pi / len(radii)
    reach = 0.95 * min(x * WIDE.width, (1 - x) * WIDE.width, y * WIDE.height, (1 - y) * WIDE.height)
    xs, ys = (reach * np.array(radii) * part for part in (np.cos(turns), np.sin(turns)))
    return Polygon(tuple(zip((xs + x * WIDE.width).tolist(), (ys + y * WIDE.height).tolist(), strict=True)))


def _turned(x: float, y: float, width: float, height: float, angle: float) -> RotatedBox:
    return RotatedBox(x * WIDE.width, y * WIDE.height, width, height, angle)


boxes = st.builds(_box, _SHARES, _SHARES, _LENGTHS, _LENGTHS)
turned_boxes = st.builds(_turned, _SHARES, _SHARES, _LENGTHS, _LENGTHS, st.floats(0, 360))
stars = st.builds(_star, _SHARES, _SHARES, _RADII)


def example_of(lines: Sequence[str], size: ImageSize = SIZE) -> Example:
    return Example(
        image="0" * 64,
        suffix=".png",
        width=size.width,
        height=size.height,
        side=Side.TRAIN,
        labels=tuple(lines),
        tasks=(1,),
        marks={1: "mark"},
    )


def there_and_back(region: Region, wanted: TrainingTarget) -> Region:
    lines = label_lines([region], wanted, region.size)
    assert lines.problems == ()
    (found,) = ground_truth(example_of(lines.lines, region.size), wanted)
    return found


def assert_same_place(geometry: Geometry, task: str) -> None:
    drawn = region(geometry, size=WIDE)
    found = there_and_back(drawn, target(task))
    assert (found.label, found.score, found.size) == ("person", 1.0, WIDE)
    assert type(found.geometry) is type(geometry) and region_iou(drawn, found) > LEAST_IOU


@given(box=boxes)
def test_box_is_the_same_again(box: Box) -> None:
    assert_same_place(box, "detect")


@given(box=turned_boxes)
def test_turned_box_is_the_same_again(box: RotatedBox) -> None:
    assert_same_place(box, "obb")


@given(outline=stars)
def test_polygon_is_the_same_again(outline: Polygon) -> None:
    assert_same_place(outline, "segment")


@given(box=boxes, xs=st.lists(st.one_of(st.none(), st.floats(0, WIDE.width)), min_size=3, max_size=3))
def test_pose_is_the_same_again(box: Box, xs: list[float | None]) -> None:
    marks = [
        region(Point(x, 7.0), label, id=f"p{n}", control="point", parent="r1", size=WIDE)
        for n, (x, label) in enumerate(zip(xs, KEYPOINTS, strict=True))
        if x is not None
    ]
    wanted = target("pose")
    lines = label_lines([region(box, size=WIDE), *marks], wanted, WIDE)
    thing, *points = ground_truth(example_of(lines.lines, WIDE), wanted)
    assert region_iou(region(box, size=WIDE), thing) > LEAST_IOU
    assert [(p.label, p.control, p.parent) for p in points] == [(m.label, "point", thing.id) for m in marks]
    for found, mark in zip(points, marks, strict=True):
        assert isinstance(found.geometry, Point) and isinstance(mark.geometry, Point)
        assert found.geometry.x == pytest.approx(mark.geometry.x, abs=PIXEL_PART)
        assert found.geometry.y == pytest.approx(mark.geometry.y, abs=PIXEL_PART)


def test_mask_comes_back_as_the_polygon_around_it() -> None:
    y, x = np.mgrid[:300, :400]
    blob = ((x - 200) / 190) ** 2 + ((y - 150) / 140) ** 2 + 0.2 * np.sin(x / 17) * np.cos(y / 23) < 0.8
    drawn = region(Mask(100, 50, blob), size=ImageSize(640, 480))
    found = there_and_back(drawn, target("segment"))
    assert isinstance(found.geometry, Polygon) and region_iou(drawn, found) > LEAST_IOU


@pytest.mark.parametrize(
    ("geometry", "kept"),
    [
        pytest.param(
            RotatedBox(0, 750, 600, 100, 30), RotatedBox(0, 750, 600, 100, 30), id="cut by the edge: whole"
        ),
        pytest.param(
            RotatedBox(-100, 750, 600, 100, 180), Box(0, 700, 200, 800), id="middle outside: visible part"
        ),
        pytest.param(
            RotatedBox(2000, 750, 9e4, 100, 180), Box(0, 700, 4000, 800), id="too long: visible part"
        ),
    ],
)
def test_turned_box_beyond_the_image_keeps_what_can_be_learnt(geometry: RotatedBox, kept: Geometry) -> None:
    found = there_and_back(region(geometry, size=WIDE), target("obb"))
    assert region_iou(found, region(kept, size=WIDE)) > LEAST_IOU


def test_class_of_the_image_has_no_geometry() -> None:
    (found,) = ground_truth(example_of(["2"]), target("classify"))
    assert (found.label, found.geometry, found.control) == ("traffic light", None, "label")


def test_regions_have_ids_of_their_own_and_keep_their_order() -> None:
    found = ground_truth(example_of(["1 0.5 0.5 0.2 0.2", "0 0.5 0.5 0.1 0.1"]), target())
    assert [(one.id, one.label) for one in found] == [("truth0", "person"), ("truth1", "car")]


@pytest.mark.parametrize(
    ("task", "line"),
    [
        pytest.param("detect", "3 0.5 0.5 0.2 0.2", id="class that there is not"),
        pytest.param("detect", "-1 0.5 0.5 0.2 0.2", id="class below zero"),
        pytest.param("pose", "1 0.5 0.5 0.2 0.2 0 0 0", id="too few key points"),
        pytest.param("segment", "1 0.1 0.1 0.6 0.1 0.1", id="half a point"),
        pytest.param("detect", "1 0.5 0.5", id="half a box"),
    ],
)
def test_line_of_another_kind_is_refused(task: str, line: str) -> None:
    with pytest.raises(ValueError):
        ground_truth(example_of([line]), target(task))
