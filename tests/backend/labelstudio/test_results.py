"""Regions as Label Studio stores them: percent of the image, stable ids, a version."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.converter.utils import convert_yolo_obb_to_annotation
from label_studio_sdk.label_interface import LabelInterface

from backend.entities import (
    Box,
    ControlTag,
    Geometry,
    ImageSize,
    Mask,
    Point,
    Polygon,
    Prediction,
    Region,
    RotatedBox,
)
from backend.errors import LabelConfigError
from backend.geometry import rotated_box_corners
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.results import (
    box_to_percent,
    prediction_to_json,
    region_id,
    region_to_json,
    rotated_box_to_percent,
)

TAG = ControlTag("RectangleLabels", "label", "image", "image", ("Car",))
SIZE = ImageSize(200, 100)
TALL = ImageSize(100, 200)
CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="boxes" toName="image"><Label value="Car"/></RectangleLabels>
  <PolygonLabels name="polygons" toName="image"><Label value="Car"/></PolygonLabels>
  <BrushLabels name="brushes" toName="image"><Label value="Car"/></BrushLabels>
  <KeyPointLabels name="points" toName="image" model_point_size="4"><Label value="Car"/></KeyPointLabels>
  <Choices name="kinds" toName="image" choice="multiple">
    <Choice value="Car"/><Choice value="Sun"/>
  </Choices>
</View>"""
TAGS = {control.name: control for control in parse_label_config(CONFIG)}
PIXELS = np.tri(40, 50, dtype=bool)
ID = st.none() | st.integers(0, 2**63 - 1)


def region(**changes: object) -> Region:
    given = {"id": "a1", "control": "label", "label": "Car", "score": 0.87654321, "size": SIZE}
    return Region(**{**given, "geometry": Box(20, 10, 120, 60), **changes})


def prediction(*regions: Region, **rest: Any) -> Prediction:
    return Prediction(1, "tiny-12345678", SIZE, regions, 0.123456789, 0.1, **rest)


def value(control: str, geometry: Geometry, size: ImageSize = TALL) -> dict[str, Any]:
    """Return a region's value, once label-studio-sdk has accepted it."""
    written = prediction_to_json(prediction(region(control=control, geometry=geometry, size=size)), TAGS)
    assert LabelInterface(CONFIG).validate_prediction(written, return_errors=True) == []
    found: dict[str, Any] = written["result"][0]["value"]
    return found


def corners_of(written: dict[str, float], size: ImageSize) -> list[tuple[float, float]]:
    """Return the corners, in pixels, of a rectangle as the labelling page draws it."""
    x, y = written["x"] * size.width / 100, written["y"] * size.height / 100
    width, height = written["width"] * size.width / 100, written["height"] * size.height / 100
    cos, sin = np.cos(np.radians(written["rotation"])), np.sin(np.radians(written["rotation"]))
    steps = [(a * width, b * height) for a in (0, 1) for b in (0, 1)]
    return [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in steps]


def are_the_same(corners: list[tuple[float, float]], others: list[tuple[float, float]]) -> bool:
    distance = np.linalg.norm(np.array(corners)[:, None] - np.array(others), axis=-1)
    return bool(max(distance.min(axis=0).max(), distance.min(axis=1).max()) < 1e-6)


def test_region_is_written_as_label_studio_stores_it() -> None:
    assert region_to_json(region(), TAG) == {
        "id": "a1",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "score": 0.876543,
        "value": {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["Car"]},
    }


def test_prediction_names_its_version_and_score() -> None:
    written = prediction_to_json(prediction(region()), {"label": TAG})
    assert (written["score"], written["model_version"], len(written["result"])) == (
        0.123457,
        "tiny-12345678",
        1,
    )


def test_failed_prediction_names_another_version_so_that_label_studio_asks_again() -> None:
    written = prediction_to_json(prediction(failure="unreadable: x"), {})
    assert (written["result"], written["model_version"]) == ([], "tiny-12345678.failed")
    assert "unreadable" not in str(written)


def test_blind_prediction_shows_nothing_and_keeps_its_version_and_score() -> None:
    assert prediction_to_json(prediction(region(), blind=True), {"label": TAG}) == {
        "result": [],
        "score": 0.123457,
        "model_version": "tiny-12345678",
    }


def test_polygon_is_a_closed_list_of_points() -> None:
    assert value("polygons", Polygon(((10, 20), (50, 20), (33.33333333, 199)))) == {
        "points": [[10, 10], [50, 10], [33.3333, 99.5]],
        "closed": True,
        "polygonlabels": ["Car"],
    }


def test_brush_is_the_code_of_the_whole_image() -> None:
    written = value("brushes", Mask(30, 120, PIXELS))
    assert (written["format"], written["brushlabels"]) == ("rle", ["Car"])
    image = decode_rle(written["rle"]).reshape(200, 100, 4)
    expected = np.zeros((200, 100), np.uint8)
    expected[120:160, 30:80] = PIXELS * 255
    assert np.array_equal(image, np.repeat(expected[:, :, None], 4, axis=2))


def test_size_of_a_key_point_is_the_tags_in_pixels_or_half_a_percent() -> None:
    at = Point(25, 150)
    assert value("points", at) == {"x": 25, "y": 75, "width": 4, "keypointlabels": ["Car"]}
    unsized = ControlTag("KeyPointLabels", "points", "image", "$image", ("Car",))
    assert region_to_json(region(geometry=at, size=SIZE), unsized)["value"]["width"] == 0.5


def test_size_of_a_key_point_that_is_no_number_is_refused() -> None:
    control = ControlTag("KeyPointLabels", "p", "image", "$image", (), attributes={"model_point_size": "big"})
    with pytest.raises(LabelConfigError, match="model_point_size"):
        region_to_json(region(geometry=Point(1, 1)), control)


def test_key_point_names_its_parent_and_other_regions_name_none() -> None:
    point = region_to_json(region(geometry=Point(1, 1), parent="box7"), TAGS["points"])
    assert point["parentID"] == "box7"
    assert "parentID" not in region_to_json(region(), TAG)


def test_classes_of_a_whole_image_are_one_result_with_the_first_ones_id_and_score() -> None:
    regions = [
        region(id="a1", control="kinds", geometry=None, score=0.8),
        region(id="a2", control="boxes"),
        region(id="a3", control="kinds", geometry=None, label="Sun", score=0.4),
    ]
    written = prediction_to_json(prediction(*regions), TAGS)
    assert LabelInterface(CONFIG).validate_prediction(written, return_errors=True) == []
    choices, box = written["result"]
    assert (choices["id"], choices["type"], choices["score"]) == ("a1", "choices", 0.8)
    assert choices["value"] == {"choices": ["Car", "Sun"]}
    assert box["id"] == "a2"


def test_classes_of_two_tags_are_two_results() -> None:
    more = {**TAGS, "weather": ControlTag("Choices", "weather", "image", "$image", ("Sun",))}
    regions = [region(control=control, geometry=None) for control in ("kinds", "weather", "kinds")]
    results = prediction_to_json(prediction(*regions), more)["result"]
    assert [(r["from_name"], len(r["value"]["choices"])) for r in results] == [("kinds", 2), ("weather", 1)]


def test_rotated_box_is_turned_about_its_top_left_corner_and_measured_along_its_sides() -> None:
    # 40 x 20 about (50, 100), turned by 90 degrees: its top left corner comes to lie at (60, 80).
    assert value("boxes", RotatedBox(50, 100, 40, 20, 90)) == {
        "x": pytest.approx(60),
        "y": pytest.approx(40),
        "width": pytest.approx(40),
        "height": pytest.approx(10),
        "rotation": 90,
        "rectanglelabels": ["Car"],
    }


def test_box_that_is_not_turned_is_written_as_an_upright_one() -> None:
    rotated = rotated_box_to_percent(RotatedBox(70, 35, 100, 50, 0), SIZE)
    assert rotated == box_to_percent(Box(20, 10, 120, 60), SIZE)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(RotatedBox(50, 100, 180, 20, 90), id="longer than the image is wide"),
        pytest.param(RotatedBox(95, 50, 40, 20, 90), id="turned about a corner beyond the right edge"),
    ],
)
def test_box_is_written_from_a_corner_that_label_studio_accepts(box: RotatedBox) -> None:
    written = value("boxes", box)
    assert written["rotation"] != 90
    assert are_the_same(corners_of(written, TALL), rotated_box_corners(box))


@given(*[st.floats(20, 80)] * 2, *[st.floats(1, 30)] * 2, st.floats(-720, 720))
def test_rotated_box_covers_the_same_pixels_as_the_sdk_makes_of_its_corners(
    x: float, y: float, width: float, height: float, angle: float
) -> None:
    box = RotatedBox(x, y, width, height, angle)
    ours = rotated_box_to_percent(box, SIZE)
    theirs = convert_yolo_obb_to_annotation(
        [value for corner in rotated_box_corners(box) for value in corner], SIZE.width, SIZE.height
    )
    assert are_the_same(corners_of(ours, SIZE), corners_of(theirs, SIZE))
    assert 0 <= ours["rotation"] <= 360


@given(st.floats(0, 200), st.floats(0, 100), st.floats(0, 200), st.floats(0, 100))
def test_percent_of_a_box_in_the_image_is_from_0_to_100(x1: float, y1: float, x2: float, y2: float) -> None:
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    percent = box_to_percent(box, SIZE)
    assert all(0 <= percent[key] <= 100 for key in ("x", "y", "width", "height"))
    assert percent["x"] + percent["width"] <= 100 + 1e-9
    assert percent["x"] * 2 + percent["width"] * 2 == pytest.approx(box.x2)


@given(ID, ID, st.text(max_size=20), st.integers(0, 1000))
def test_region_id_is_letters_and_digits_and_always_the_same(
    project: int | None, task: int | None, version: str, index: int
) -> None:
    identity = region_id(project, task, version, index)
    assert identity.isalnum() and identity.isascii() and len(identity) == 12
    assert identity == region_id(project, task, version, index)


def test_region_ids_differ_by_project_task_version_and_place() -> None:
    places = [(p, t, v, i) for p in (1, 11) for t in (1, 11) for v in ("a", "b") for i in range(50)]
    assert len({region_id(*place) for place in places}) == len(places)
