"""Bodies of requests become values, or a refusal that says what was expected."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import Task
from backend.errors import BadRequest
from backend.labelstudio.tasks import parse_predict, parse_project_id, parse_setup, parse_task

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("value", "project"),
    [
        ("2.1795345561", 2),
        ("2", 2),
        (2, 2),
        ("2.0.1", 2),
        (None, None),
        ("", None),
        (0, 0),
        (str(2**63 - 1), 2**63 - 1),
    ],
)
def test_project_is_read_from_label_studios_mark(value: object, project: int | None) -> None:
    assert parse_project_id(value) == project


@pytest.mark.parametrize(
    "value",
    ["x", ".5", "-1", "²", "٣", "1 ", "1e3", True, [], {"id": 1}, 2**63, "9" * 4999, "9" * 5001],
)
def test_project_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_project_id(value)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("key", ["schema", "label_config", "config"])
def test_config_is_read_under_each_of_its_names(key: str) -> None:
    asked = parse_setup({key: "<View/>", "project": "3.1", "access_token": "t"})
    assert (asked.project_id, asked.label_config) == (3, "<View/>")
    assert not hasattr(asked, "access_token")


def test_predict_request_is_read() -> None:
    body = {
        "tasks": [{"id": 1, "data": {"image": "a"}}],
        "project": "2.5",
        "label_config": "<View/>",
        "params": {"login": None, "password": None, "context": {"result": []}},
    }
    asked = parse_predict(body)
    assert (asked.project_id, asked.label_config, asked.context) == (2, "<View/>", {"result": []})
    assert [task["id"] for task in asked.tasks] == [1]


@pytest.mark.parametrize("params", [None, {}, {"context": None}])
def test_context_is_none_unless_a_smart_tool_asks(params: Any) -> None:
    body = {"tasks": [{}], "label_config": "", "params": params}
    assert parse_predict(body).context is None


def test_task_is_read() -> None:
    assert parse_task({"id": 7, "data": {"image": "a"}, "meta": {}}) == Task(7, {"image": "a"})
    assert parse_task({"data": {"image": "a"}}).id is None


def test_task_without_data_is_the_data_itself() -> None:
    assert parse_task({"image": "a"}).data == {"image": "a"}


@given(JSON)
def test_any_json_is_a_request_or_a_refusal(body: object) -> None:
    for read in (parse_setup, parse_task, parse_predict):
        try:
            read(body)
        except BadRequest as error:
            assert "expected" in error.message
