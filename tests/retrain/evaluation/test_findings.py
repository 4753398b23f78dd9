"""Detections become regions that can be compared with an example's labels."""

import numpy as np
import pytest

from backend.entities import Box, ControlTag, Detection, ImageSize, Keypoint, Mask, Point, RotatedBox
from retrain.evaluation.findings import found_regions, label_classes
from tests.retrain.dataset.snapshots import KEYPOINTS, LABELS, SIZE, target

BOX = Box(10, 10, 50, 40)
SAME = {label: label for label in LABELS}


def control(name: str = "label", **changes: object) -> ControlTag:
    given = {
        "type": "RectangleLabels",
        "to_name": "image",
        "image_value": "$image",
        "labels": LABELS,
        **changes,
    }
    return ControlTag(name=name, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("class_names", "controls", "expected"),
    [
        pytest.param(LABELS, [], SAME, id="equal names without a config"),
        pytest.param(["Car", "PERSON"], [], {"Car": "car", "PERSON": "person"}, id="but for case"),
        pytest.param(["truck", "person"], [], {"person": "person"}, id="no label"),
        pytest.param(
            ["truck", "bus", "person"],
            [control(predicted_values={"car": ("truck", "bus")})],
            {"truck": "car", "bus": "car", "person": "person"},
            id="named by the config",
        ),
        pytest.param(
            ["truck", "boat"],
            [
                control(predicted_values={"car": ("truck",)}),
                control("second", predicted_values={"person": ("truck", "boat")}),
            ],
            {"truck": "car"},
            id="tag of another model",
        ),
        pytest.param(
            ["boat"], [control(labels=("ship",), predicted_values={"ship": ("boat",)})], {}, id="label is new"
        ),
        pytest.param(["car"], [control(labels=("ship",))], {"car": "car"}, id="label is gone since"),
    ],
)
def test_class_gets_its_label(
    class_names: list[str], controls: list[ControlTag], expected: dict[str, str]
) -> None:
    assert label_classes(class_names, target(), controls) == expected


def test_first_tag_of_several_decides() -> None:
    controls = [
        control(predicted_values={"car": ("truck",)}),
        control("second", predicted_values={"person": ("truck",)}),
    ]
    wanted = target(controls=("label", "second"))
    assert label_classes(["truck"], wanted, controls) == {"truck": "car"}


def test_labels_of_key_points_are_no_classes() -> None:
    points = control("point", type="KeyPointLabels", labels=KEYPOINTS, predicted_values={"nose": ("car",)})
    assert label_classes(LABELS, target("pose", labels=(*LABELS, "nose")), [points]) == SAME


@pytest.mark.parametrize(
    ("task", "shape"),
    [
        pytest.param("detect", None, id="detect"),
        pytest.param("obb", RotatedBox(50, 50, 40, 20, 30), id="obb"),
        pytest.param("segment", Mask(10, 10, np.ones((30, 40), bool)), id="segment"),
    ],
)
def test_region_has_the_shape_that_the_task_is_about(task: str, shape: RotatedBox | Mask | None) -> None:
    detection = Detection("car", 0.7, BOX, shape)
    (region,) = found_regions([detection], SIZE, labels=SAME, target=target(task))
    assert type(region.geometry) is type(shape or BOX)
    assert (region.label, region.score, region.control, region.size) == ("car", 0.7, "label", SIZE)


def test_class_without_a_label_is_left_out() -> None:
    detections = [Detection("boat", 0.9, BOX), Detection("car", 0.3, BOX)]
    regions = found_regions(detections, SIZE, labels={"car": "car"}, target=target())
    assert [region.label for region in regions] == ["car"]


def test_box_is_cut_at_the_edge_of_the_image() -> None:
    detections = [Detection("car", 0.9, Box(-20, 10, 50, 40))]
    (region,) = found_regions(detections, SIZE, labels=SAME, target=target())
    assert region.geometry == Box(0, 10, 50, 40)


def test_pose_keeps_all_its_points_beneath_its_box() -> None:
    points = (Keypoint(20, 20, 0.9), Keypoint(30, 30, 0.01), Keypoint(40, 35, 0.6))
    box, *marks = found_regions(
        [Detection("person", 0.8, BOX, points)], SIZE, labels=SAME, target=target("pose")
    )
    assert (box.geometry, box.control) == (BOX, "label")
    assert [mark.geometry for mark in marks] == [Point(20, 20), Point(30, 30), Point(40, 35)]
    assert [mark.label for mark in marks] == list(KEYPOINTS)
    assert {(mark.parent, mark.control) for mark in marks} == {(box.id, "point")}


def test_classifier_says_one_class() -> None:
    detections = [
        Detection(name, score, None) for name, score in (("boat", 0.6), ("car", 0.3), ("person", 0.1))
    ]
    (region,) = found_regions(detections, ImageSize(8, 8), labels=SAME, target=target("classify"))
    assert (region.label, region.score, region.geometry) == ("car", 0.3, None)
