"""Conditions as people write them, in the Data Manager's words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadRequest
from backend.labelstudio.task_filter import ACCEPTED, TaskFilter, parse_filter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id>100", ("id", "greater", "Number", 100)),
        ("  id <= 500 ", ("id", "less_or_equal", "Number", 500)),
        ("id!=7", ("id", "not_equal", "Number", 7)),
        ("total_annotations==0", ("total_annotations", "equal", "Number", 0)),
        ("predictions_score<0.4", ("predictions_score", "less", "Number", 0.4)),
        ("data.camera=fog", ("data.camera", "equal", "String", "fog")),
        ("camera=fog", ("data.camera", "equal", "String", "fog")),
        ("data.id=5", ("data.id", "equal", "Number", 5)),
        ("data.code='007'", ("data.code", "equal", "String", "007")),
        ("data.a=b = c", ("data.a", "equal", "String", "b = c")),
        ("image contains night", ("data.image", "contains", "String", "night")),
        ("image contains 12", ("data.image", "contains", "String", "12")),
        ("data.image not  contains day one", ("data.image", "not_contains", "String", "day one")),
        ("created_at>2026-01-01", ("created_at", "greater", "Datetime", "2026-01-01T00:00:00.000000Z")),
        (
            "updated_at<=2026-07-01T08:30:00+02:00",
            ("updated_at", "less_or_equal", "Datetime", "2026-07-01T06:30:00.000000Z"),
        ),
        ("storage_filename contains x", ("storage_filename", "contains", "String", "x")),
        (
            "predictions_model_versions not contains yolo",
            ("predictions_model_versions", "not_contains", "List", ("yolo",)),
        ),
    ],
)
def test_condition_becomes_a_filter(text: str, expected: tuple[Any, ...]) -> None:
    assert parse_filter(text) == TaskFilter(*expected)


def test_item_is_what_the_data_manager_takes() -> None:
    assert parse_filter("predictions_model_versions contains a").to_item() == {
        "filter": "filter:tasks:predictions_model_versions",
        "operator": "contains",
        "type": "List",
        "value": ["a"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "id",
        "id>",
        "id 5",
        ">5",
        "id=>5",
        "data.a b=1",
        "id>nan",
        "id>1e999",
        None,
        5,
        ["id>1"],
        "x" * 999,
    ],
)
def test_what_is_no_condition_is_refused_with_the_accepted_forms(text: object) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_filter(text)
    assert ACCEPTED in caught.value.message and len(caught.value.message) < 900


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("totl_annotations=0", "did you mean total_annotations?", id="misspelt column"),
        pytest.param("meta.camera=fog", "names meta.camera", id="dot without data"),
        pytest.param("annotators=3", "names annotators", id="column without text"),
        pytest.param("created_at=2026-01-01", "compared by < <= > >=", id="time compared exactly"),
        pytest.param("created_at>yesterday", "2026-01-31", id="no date"),
        pytest.param("id contains 5", "compared by != < <= = > >=", id="part of a number"),
        pytest.param("id>many", "what is no number", id="no number"),
        pytest.param("predictions_model_versions=a", "compared by contains not contains", id="versions"),
    ],
)
def test_refusal_names_the_filter_and_what_is_wrong_with_it(text: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_filter(text)
    assert words in caught.value.message and repr(text) in caught.value.message


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        item = parse_filter(text).to_item()
    except BadRequest as error:
        assert error.message
    else:
        assert item["filter"].startswith("filter:tasks:")
