"""Regions as Label Studio stores them: percent of the image, stable ids, a version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import Box, ControlTag, ImageSize, Prediction, Region
from backend.labelstudio.results import box_to_percent, prediction_to_json, region_id, region_to_json

TAG = ControlTag("RectangleLabels", "label", "image", "image", ("Car",))
SIZE = ImageSize(200, 100)
ID = st.none() | st.integers(0, 2**63 - 1)


def region(**changes: object) -> Region:
    given = {"id": "a1", "control": "label", "label": "Car", "score": 0.87654321, "size": SIZE}
    return Region(**{**given, "geometry": Box(20, 10, 120, 60), **changes})


def prediction(*regions: Region, failure: str | None = None) -> Prediction:
    return Prediction(1, "tiny-12345678", SIZE, regions, 0.123456789, 0.1, failure)


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
