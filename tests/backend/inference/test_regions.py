"""What each control tag makes of a finding, on images that are wider than high or the reverse."""

import numpy as np
import pytest

from backend.entities import (
    Box,
    ControlTag,
    Detection,
    ImageSize,
    Keypoint,
    Mask,
    Point,
    Polygon,
    Region,
    RotatedBox,
)
from backend.errors import LabelConfigError
from backend.inference.regions import TagFindings, build_regions

WIDE = ImageSize(200, 100)
LABELS = {"car": "Car", "person": "Person"}
POINTS = {"person": {0: "nose", 2: "right eye"}}
BOX = Box(20, 10, 120, 60)


def tag(kind: str, name: str = "tag", to_name: str = "image", **attributes: str) -> ControlTag:
    return ControlTag(kind, name, to_name, "$image", ("Car", "Person"), attributes=attributes)


def found(control: ControlTag, *detections: Detection, size: ImageSize = WIDE) -> TagFindings:
    if control.type == "KeyPointLabels":
        return TagFindings(control, {}, POINTS, detections, size)
    return TagFindings(control, LABELS, {}, detections, size)


def regions(*findings: TagFindings) -> tuple[Region, ...]:
    return build_regions(findings, polygon_points=64, identify=lambda index: f"id{index}")


def car(shape: object = None, box: Box | None = BOX, score: float = 0.8) -> Detection:
    return Detection("car", score, box, shape)


def pose(*points: tuple[float, float, float], score: float = 0.8) -> Detection:
    return Detection("person", score, BOX, tuple(Keypoint(*point) for point in points))


def test_rectangle_is_the_box_clipped_to_the_image() -> None:
    (region,) = regions(found(tag("RectangleLabels"), car(box=Box(-10, 20, 50, 130))))
    assert region == Region("id0", "tag", "Car", 0.8, Box(0, 20, 50, 100), WIDE)


def test_rotated_box_stays_as_it_is_though_a_corner_is_outside() -> None:
    rotated = RotatedBox(5, 50, 40, 20, 30)
    (region,) = regions(found(tag("RectangleLabels"), car(rotated)))
    assert region.geometry == rotated


def test_polygon_and_brush_hold_the_mask_and_rectangle_its_box() -> None:
    detection = car(Mask(20, 10, np.ones((50, 100), bool)))
    kinds = ("PolygonLabels", "BrushLabels", "RectangleLabels")
    polygon, mask, box = (r.geometry for r in regions(*(found(tag(kind), detection) for kind in kinds)))
    assert isinstance(polygon, Polygon) and isinstance(mask, Mask)
    assert set(polygon.points) == {(20, 10), (120, 10), (120, 60), (20, 60)}
    assert (mask.x, mask.y, mask.pixels.shape, box) == (20, 10, (50, 100), BOX)


def test_polygon_has_at_most_so_many_points() -> None:
    y, x = np.mgrid[:90, :90] - 45
    detection = car(Mask(0, 0, x**2 + y**2 < 40**2))
    (region,) = build_regions(
        [found(tag("PolygonLabels"), detection)], polygon_points=12, identify=lambda index: "a"
    )
    assert isinstance(region.geometry, Polygon) and len(region.geometry.points) == 12


def test_mask_beyond_the_image_is_cut_off() -> None:
    (region,) = regions(found(tag("BrushLabels"), car(Mask(190, 95, np.ones((20, 30), bool)))))
    assert isinstance(region.geometry, Mask)
    assert region.geometry.pixels.shape == (5, 10)


@pytest.mark.parametrize(
    ("kind", "detection"),
    [
        pytest.param("RectangleLabels", car(box=Box(210, 0, 230, 50)), id="box outside"),
        pytest.param("RectangleLabels", car(box=Box(50, 50, 50, 90)), id="box without width"),
        pytest.param("RectangleLabels", car(RotatedBox(-30, 50, 40, 20, 0)), id="rotated box outside"),
        pytest.param("RectangleLabels", car(RotatedBox(50, 50, 0, 20, 5)), id="rotated box without width"),
        pytest.param("PolygonLabels", car(Mask(0, 0, np.zeros((9, 9), bool))), id="empty mask, polygon"),
        pytest.param("BrushLabels", car(Mask(0, 0, np.zeros((9, 9), bool))), id="empty mask, brush"),
        pytest.param("BrushLabels", car(Mask(200, 0, np.ones((9, 9), bool))), id="mask outside"),
        pytest.param("PolygonLabels", car(), id="no mask for a polygon"),
        pytest.param("BrushLabels", car(RotatedBox(50, 50, 9, 20, 5)), id="no mask for a brush"),
        pytest.param("KeyPointLabels", Detection("person", 0.9, BOX), id="no key points"),
        pytest.param("RectangleLabels", Detection("boat", 0.9, BOX), id="class without a label"),
        pytest.param("Choices", Detection("boat", 0.9, None), id="class that is no choice"),
    ],
)
def test_what_the_tag_cannot_hold_is_left_out(kind: str, detection: Detection) -> None:
    assert regions(found(tag(kind), detection)) == ()


def test_ids_are_given_by_place_over_all_tags() -> None:
    gone = car(box=Box(300, 0, 310, 9))
    made = regions(
        found(tag("RectangleLabels", "first"), car(), gone, car()),
        found(tag("RectangleLabels", "second"), car()),
    )
    assert [(r.id, r.control) for r in made] == [("id0", "first"), ("id1", "first"), ("id2", "second")]


def test_key_points_are_those_with_a_label_and_a_score_from_one_half() -> None:
    detection = pose((30, 20, 0.9), (35, 20, 0.99), (40, 20, 0.49))
    (region,) = regions(found(tag("KeyPointLabels"), detection))
    assert region == Region("id0", "tag", "nose", pytest.approx(0.72), Point(30, 20), WIDE)


def test_the_tag_sets_from_which_score_on_a_point_is_shown() -> None:
    detection = pose((30, 20, 0.9), (35, 20, 0.99), (40, 20, 0.49))
    made = regions(found(tag("KeyPointLabels", model_point_threshold="0.2"), detection))
    assert [region.label for region in made] == ["nose", "right eye"]


def test_point_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(LabelConfigError, match="model_point_threshold"):
        regions(found(tag("KeyPointLabels", model_point_threshold="half"), pose((30, 20, 0.9))))


def test_key_points_outside_the_image_are_dropped() -> None:
    tall = ImageSize(100, 200)
    detection = pose((150, 50, 0.9), (0, 0, 0.9), (50, 150, 0.9))
    made = regions(found(tag("KeyPointLabels"), detection, size=tall))
    assert [region.geometry for region in made] == [Point(50, 150)]


def test_key_points_beyond_the_models_own_are_left_out() -> None:
    assert len(regions(found(tag("KeyPointLabels"), pose((30, 20, 0.9))))) == 1


def test_parent_of_a_point_is_the_rectangle_of_the_same_detection_whatever_the_tags_order() -> None:
    first, second = pose((30, 20, 0.9)), pose((30, 20, 0.9))
    points = found(tag("KeyPointLabels", "points"), first, second)
    boxes = found(tag("RectangleLabels", "boxes"), second, first)
    made = {region.id: region.parent for region in regions(points, boxes)}
    assert made == {"id0": "id3", "id1": "id2", "id2": None, "id3": None}
    made = {region.id: region.parent for region in regions(boxes, points)}
    assert made == {"id0": None, "id1": None, "id2": "id1", "id3": "id0"}


def test_rectangle_on_another_image_or_of_another_object_is_no_parent() -> None:
    detection, twin = pose((30, 20, 0.9)), pose((30, 20, 0.9))
    elsewhere = found(tag("RectangleLabels", to_name="other"), detection)
    points = found(tag("KeyPointLabels"), detection)
    assert regions(elsewhere, points)[1].parent is None
    assert regions(found(tag("RectangleLabels"), twin), points)[1].parent is None


def test_polygon_has_no_parent() -> None:
    detection = car(Mask(20, 10, np.ones((50, 100), bool)))
    made = regions(found(tag("RectangleLabels"), detection), found(tag("PolygonLabels"), detection))
    assert [region.parent for region in made] == [None, None]


@pytest.mark.parametrize("choice", ["single", "single-radio", None])
def test_single_choice_is_the_surest_class_that_is_one(choice: str | None) -> None:
    control = tag("Choices", **({"choice": choice} if choice else {}))
    scores = {"boat": 0.9, "car": 0.3, "person": 0.6}
    made = regions(found(control, *(Detection(name, score, None) for name, score in scores.items())))
    assert [(r.label, r.score, r.geometry) for r in made] == [("Person", 0.6, None)]


def test_multiple_choice_is_every_label_once_surest_first() -> None:
    findings = TagFindings(
        tag("Choices", choice="multiple"),
        {"car": "Vehicle", "truck": "Vehicle", "person": "Person"},
        {},
        tuple(
            Detection(name, score, None) for name, score in [("car", 0.2), ("person", 0.4), ("truck", 0.6)]
        ),
        WIDE,
    )
    assert [(r.label, r.score) for r in regions(findings)] == [("Vehicle", 0.6), ("Person", 0.4)]
