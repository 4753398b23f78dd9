"""Which of an annotation's results are regions, with which labels, and what is said of the others."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import Box, ImageSize, Point, Region
from backend.labelstudio.annotated_regions import read_regions
from backend.labelstudio.label_config import parse_label_config
from backend.labelstudio.results import regions_to_json
from backend.review.entities import AnnotatedRegions
from backend.rle import encode_mask

TRAFFIC = Path(__file__).parents[2] / "data" / "traffic"
SIZE = ImageSize(200, 100)
PLACE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
BOX = {
    "id": "b1",
    "from_name": "label",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 200,
    "original_height": 100,
    "image_rotation": 0,
    "value": {**PLACE, "rectanglelabels": ["Car"]},
}
CHOICE = {
    "id": "c1",
    "from_name": "kind",
    "to_name": "image",
    "type": "choices",
    "value": {"choices": ["Day"]},
}
REGION = Region("b1", "label", "Car", 1.0, Box(20, 20, 80, 60), SIZE)
CLASS = Region("c1", "kind", "Day", 1.0, None, ImageSize(0, 0))
TYPES = [
    *("rectanglelabels", "polygonlabels", "brushlabels", "bitmasklabels", "keypointlabels", "ellipselabels"),
    *("rectangle", "polygon", "brush", "bitmask", "keypoint", "ellipse"),
    *("labels", "choices", "textarea", "relation", "vectorlabels"),
]
KEYS = [
    *("id", "from_name", "to_name", "type", "value", "original_width", "original_height", "parentID"),
    *("x", "y", "width", "height", "rotation", "radiusX", "radiusY", "points", "format", "rle"),
    *("labels", "choices", "rectanglelabels", "polygonlabels", "brushlabels", "imageDataURL"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(TYPES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=20,
)


def box(**changes: Any) -> dict[str, Any]:
    return {**BOX, **changes}


def labelled(*regions: Region) -> AnnotatedRegions:
    """Return regions that were read without a problem."""
    return AnnotatedRegions(regions, {region.control: "image" for region in regions}, ())


def test_recorded_annotation_has_its_moved_and_its_new_box() -> None:
    body = json.loads((TRAFFIC / "008-webhook-annotation-updated.json").read_text())["body"]
    size = ImageSize(640, 480)
    assert read_regions(body["annotation"]["result"]) == labelled(
        Region("pred1", "label", "Car", 1.0, Box(76.8, 48, 204.8, 144), size),
        Region("m1", "label", "Person", 1.0, Box(320, 240, 384, 288), size),
    )


def test_region_is_read_and_the_models_score_is_not() -> None:
    assert read_regions([box(score=0.3, item_index=0, origin="prediction", meta={})]) == labelled(REGION)


def test_no_results_are_no_regions() -> None:
    assert read_regions([]) == labelled()


def test_region_with_two_labels_is_two_regions_with_its_id() -> None:
    found = read_regions([box(value={**PLACE, "rectanglelabels": ["Car", "Red", "Car"]})])
    assert [(region.id, region.label) for region in found.regions] == [("b1", "Car"), ("b1", "Red")]


def test_two_labels_of_a_mask_share_its_pixels() -> None:
    value = {"format": "rle", "rle": encode_mask(np.ones((100, 200), bool)), "brushlabels": ["Car", "Red"]}
    one, other = read_regions([box(type="brushlabels", value=value)]).regions
    assert one.geometry is other.geometry


def test_key_point_names_its_box() -> None:
    value = {"x": 50, "y": 50, "width": 1, "keypointlabels": ["Nose"], "labels": ["Nose"]}
    found = read_regions(
        [BOX, box(id="k1", from_name="kp", type="keypointlabels", value=value, parentID="b1")]
    )
    assert found == labelled(REGION, Region("k1", "kp", "Nose", 1.0, Point(100, 50), SIZE, parent="b1"))


@pytest.mark.parametrize(
    "results",
    [
        pytest.param(
            [
                box(type="rectangle", from_name="rect", value=PLACE),
                box(type="labels", value={**PLACE, "labels": ["Car"]}),
            ],
            id="partner after",
        ),
        pytest.param(
            [
                box(type="labels", value={"labels": ["Car"]}),
                box(type="rectangle", from_name="rect", value=PLACE),
            ],
            id="partner before",
        ),
        pytest.param(
            [box(type="rectangle", from_name="rect", value={**PLACE, "labels": ["Car"]})], id="own labels"
        ),
    ],
)
def test_shape_drawn_with_a_tag_of_labels_has_that_label(results: list[dict[str, Any]]) -> None:
    assert read_regions(results) == labelled(Region("b1", "rect", "Car", 1.0, REGION.geometry, SIZE))


def test_choices_of_the_whole_image_are_a_region_each() -> None:
    assert read_regions([{**CHOICE, "value": {"choices": ["Day", "Rain"]}}]) == labelled(
        CLASS, Region("c1", "kind", "Rain", 1.0, None, ImageSize(0, 0))
    )


def test_choice_has_the_size_that_it_names() -> None:
    [region] = read_regions([{**CHOICE, "original_width": 200, "original_height": 100}]).regions
    assert region.size == SIZE


def test_choice_within_a_choice_is_its_path() -> None:
    [region] = read_regions([{**CHOICE, "value": {"choices": [["Day", "Rain"]]}}]).regions
    assert region.label == "Day/Rain"


def test_no_choice_made_is_no_region_and_no_problem() -> None:
    assert read_regions([{**CHOICE, "value": {"choices": []}}]) == labelled()


@pytest.mark.parametrize(
    "result",
    [
        pytest.param({**CHOICE, "id": "b1"}, id="choice about a region"),
        pytest.param({**CHOICE, "value": {**PLACE, "choices": ["x"]}}, id="choice with a place"),
        pytest.param({**CHOICE, "value": {"start": 1, "end": 5, "choices": ["x"]}}, id="choice about a text"),
        pytest.param(box(type="textarea", value={**PLACE, "text": ["x"]}), id="text about a region"),
        pytest.param(box(type="rating", value={**PLACE, "rating": 3}), id="rating of a region"),
        pytest.param({"id": "t", "type": "textarea", "value": {"text": ["x"]}}, id="text"),
        pytest.param({"id": "t", "type": "taxonomy", "value": {"taxonomy": [["x"]]}}, id="taxonomy"),
        pytest.param({"id": "t", "type": "number", "value": {"number": 3}}, id="number"),
        pytest.param({"id": "t", "type": "datetime", "value": {"datetime": "x"}}, id="datetime"),
        pytest.param(
            {"type": "relation", "from_id": "b1", "to_id": "b2", "direction": "right"}, id="relation"
        ),
        pytest.param({"id": "t", "type": "labels", "value": {"start": 1, "labels": ["x"]}}, id="word"),
        pytest.param({"id": "t", "type": "videorectangle", "value": {"sequence": []}}, id="film"),
        pytest.param({}, id="nothing at all"),
    ],
)
def test_result_that_is_no_region_is_left_out_silently(result: dict[str, Any]) -> None:
    assert read_regions([BOX, result]) == labelled(REGION)
    assert read_regions([result, BOX]) == labelled(REGION)


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        pytest.param(5, "Result 5 is no object", id="no object"),
        pytest.param(box(value=None), "Region 'b1' ('rectanglelabels'): its value is None", id="no value"),
        pytest.param(box(value={}), "its labels are None", id="neither label nor geometry"),
        pytest.param(box(value=PLACE), "its labels are None; expected", id="no label"),
        pytest.param(box(value={**PLACE, "rectanglelabels": []}), "its labels are []", id="empty labels"),
        pytest.param(
            box(value={**PLACE, "rectanglelabels": [1]}), "its labels are [1]", id="label as number"
        ),
        pytest.param(box(value={**PLACE, "rectanglelabels": "Car"}), "labels are 'Car'", id="label as text"),
        pytest.param(box(value={"rectanglelabels": ["Car"]}), "x is None; expected a number", id="no place"),
        pytest.param(box(original_width=None), "original_width and original_height", id="no size"),
        pytest.param(box(from_name=None), "its from_name is None; expected the name", id="no control tag"),
        pytest.param(box(to_name=[]), "its to_name is []", id="no object tag"),
        pytest.param(box(type="vectorlabels", value={"vertices": []}), "expected one of rect", id="vector"),
        pytest.param(box(type="cuboid"), "('cuboid'): this type has no known geometry", id="unknown type"),
        pytest.param(box(type=None), "(None): this type has no known geometry", id="no type"),
        pytest.param(box(type="labels", value=PLACE), "no known geometry", id="labels of no shape"),
        pytest.param(
            box(type="rectangle", from_name="rect", value=PLACE),
            "its labels are None",
            id="shape of no labels",
        ),
        pytest.param({**CHOICE, "value": {"choices": [1]}}, "its choices are [1]", id="choice as a number"),
        pytest.param({**CHOICE, "value": None}, "its choices are None", id="choice of nothing"),
        pytest.param({**CHOICE, "to_name": None}, "its to_name is None", id="choice of no tag"),
    ],
)
def test_what_should_be_a_region_and_is_none_is_a_problem_that_names_it(result: Any, problem: str) -> None:
    good = box(id="good")
    found = read_regions([result, good])
    assert [region.id for region in found.regions] == ["good"]
    assert len(found.problems) == 1
    assert problem in found.problems[0]
    assert not isinstance(result, dict) or repr(result["id"]) in found.problems[0]


def test_region_without_an_id_gets_its_place_which_no_shown_region_can_have() -> None:
    found = read_regions([box(id="b1"), box(id=None), box(id=""), box(id=7)])
    assert [region.id for region in found.regions] == ["b1", "#2", "#3", "7"]


def test_each_control_tag_names_its_image() -> None:
    found = read_regions([BOX, box(id="b2", from_name="other", to_name="second"), box(id="b3", from_name=5)])
    assert found.images == {"label": "image", "other": "second"}


def test_shown_prediction_that_is_submitted_unchanged_is_read_as_it_was_shown() -> None:
    config = """<View><Image name="image" value="$image"/>
      <RectangleLabels name="label" toName="image"><Label value="Car"/></RectangleLabels>
      <KeyPointLabels name="kp" toName="image"><Label value="Nose"/></KeyPointLabels>
      <Choices name="kind" toName="image"><Choice value="Day"/><Choice value="Rain"/></Choices></View>"""
    shown = [
        REGION,
        Region("k1", "kp", "Nose", 1.0, Point(50, 25), SIZE, parent="b1"),
        Region("c1", "kind", "Day", 1.0, None, SIZE),
        Region("c1", "kind", "Rain", 1.0, None, SIZE),
    ]
    tags = {control.name: control for control in parse_label_config(config)}
    assert read_regions(regions_to_json(shown, tags)) == labelled(*shown)


@given(st.lists(JSON, max_size=5))
def test_any_json_is_read_without_an_exception(result: list[Any]) -> None:
    found = read_regions(result)
    assert all(problem for problem in found.problems)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(TYPES), "value": st.dictionaries(st.sampled_from(KEYS), JSON)},
            optional={
                "id": st.just("b1") | JSON,
                "from_name": st.just("label") | JSON,
                "to_name": st.just("image") | JSON,
                "original_width": st.integers(1, 200) | JSON,
                "original_height": st.integers(1, 200) | JSON,
                "parentID": JSON,
            },
        ),
        max_size=4,
    )
)
def test_anything_that_looks_like_results_is_read_without_an_exception(result: list[Any]) -> None:
    found = read_regions(result)
    assert {region.control for region in found.regions} == set(found.images)
    assert all(region.id and region.label and region.score == 1 for region in found.regions)
