"""A webhook's natural key: equal for two deliveries of one fact, and for nothing else."""

from typing import Any

import pytest

from backend.errors import BadRequest
from backend.labelstudio.events import name_action, parse_event

PROJECT = {"id": 2, "title": "t"}
ANNOTATION = {"id": 5, "updated_at": "2026-01-01T00:00:00Z", "result": []}


def key(body: dict[str, Any], second: int = 0) -> str:
    return parse_event({"project": PROJECT, **body}, received_second=second).key


def created(**changes: Any) -> dict[str, Any]:
    return {"action": "ANNOTATION_CREATED", "annotation": {**ANNOTATION, **changes}, "task": {"id": 1}}


def test_event_holds_action_project_and_the_whole_payload() -> None:
    body = {**created(), "project": PROJECT}
    event = parse_event(body, received_second=0)
    assert (event.action, event.project_id, event.payload) == ("ANNOTATION_CREATED", 2, body)
    assert len(event.key) == 64


def test_second_delivery_of_an_annotation_is_the_same_fact_however_late() -> None:
    assert key(created()) == key(created(), second=1000)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(created(id=6), id="another annotation"),
        pytest.param(created(updated_at="2026-01-01T00:00:01Z"), id="later change"),
        pytest.param({**created(), "action": "ANNOTATION_UPDATED"}, id="another action"),
        pytest.param({**created(), "project": {"id": 3}}, id="another project"),
        pytest.param(
            {**created(), "annotation": [ANNOTATION, {**ANNOTATION, "id": 6}]}, id="one more annotation"
        ),
    ],
)
def test_another_fact_has_another_key(other: dict[str, Any]) -> None:
    assert key(other) != key(created())


def test_order_within_a_list_does_not_matter() -> None:
    items = [{"id": 1}, {"id": 2}]
    first = {"action": "ANNOTATIONS_DELETED", "annotations": items}
    assert key(first) == key({**first, "annotations": items[::-1]})


@pytest.mark.parametrize("action", ["PROJECT_UPDATED", "START_TRAINING"])
def test_event_without_ids_and_times_is_the_same_fact_within_one_second_only(action: str) -> None:
    body = {"action": action}
    assert key(body) == key(body)
    assert key(body) != key(body, second=1)
    assert key(body) != key({**body, "project": {"id": 3}})


def test_changed_project_is_another_fact_within_one_second() -> None:
    body = {"action": "PROJECT_UPDATED"}
    assert key(body) != key({**body, "project": {"id": 2, "title": "changed"}})


def test_training_is_asked_for_once_a_second_whatever_the_counters_say() -> None:
    asks = [
        {"action": "START_TRAINING", "project": {**PROJECT, "total_annotations_number": n}} for n in (1, 2)
    ]
    assert key(asks[0]) == key(asks[1])
    assert key(asks[0]) != key(asks[1], second=1)
    assert key(asks[0]) != key({**asks[0], "project": {**PROJECT, "id": 3}})


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param({"action": "ANNOTATION_CREATED"}, "ANNOTATION_CREATED", id="known"),
        pytest.param({"action": "START_TRAINING"}, "START_TRAINING", id="the training button"),
        pytest.param({"action": "OF_TOMORROW"}, "other", id="unknown"),
        pytest.param({"action": ["x"]}, "other", id="no text"),
        pytest.param({}, "other", id="none"),
        pytest.param([], "other", id="no object"),
    ],
)
def test_action_is_named_for_counters(body: object, name: str) -> None:
    assert name_action(body) == name


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"action": "TASKS_DELETED", "tasks": [{"id": 6}]}, id="tasks"),
        pytest.param({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 6}]}, id="annotations"),
        pytest.param(
            {"action": "ANNOTATIONS_CREATED", "annotation": [ANNOTATION], "task": [{"id": 1}]}, id="bulk"
        ),
    ],
)
def test_events_of_many_things_are_known_by_their_ids(body: dict[str, Any]) -> None:
    assert key(body) == key(body, second=9)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"annotation": None}, id="null"),
        pytest.param({"annotation": []}, id="empty list"),
        pytest.param({"annotation": "text"}, id="text"),
        pytest.param({"annotation": {"updated_at": 1}}, id="no id"),
        pytest.param({"tasks": [1, None, {"id": None}]}, id="list of no objects"),
        pytest.param({}, id="action alone"),
        pytest.param({"project": None}, id="project null"),
        pytest.param({"annotation": {"id": "\ud800"}}, id="half a surrogate pair"),
    ],
)
def test_strange_payload_is_an_event_or_a_bad_request(part: dict[str, Any]) -> None:
    try:
        assert key({"action": "NEW_ACTION", **part})
    except BadRequest:
        pass
