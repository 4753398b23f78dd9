"""What is kept of an annotation, in whichever of Label Studio's shapes it comes."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadRequest
from backend.labelstudio.annotations import annotation_digest, excerpt, parse_annotation, storable
from backend.labelstudio.tasks import MAX_ID

TRAFFIC = Path(__file__).parents[2] / "data" / "traffic"
MOVED = datetime(2026, 11, 22, 11, 6, 2, 684624, tzinfo=UTC)
REGION = {"id": "a", "type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["Car"]}}
PLAIN = {
    "id": 7,
    "task": 4,
    "project": 2,
    "result": [REGION],
    "completed_by": 3,
    "created_at": "2026-11-22T11:06:02.558343Z",
    "updated_at": "2026-11-22T11:06:02.684624Z",
    "lead_time": 5.0,
    "was_cancelled": False,
    "ground_truth": False,
    "parent_prediction": 9,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in PLAIN.items() if key not in keys}


def digest(**changes: Any) -> str:
    return annotation_digest(parse_annotation({**PLAIN, **changes}))


def test_recorded_webhook_is_read_whole() -> None:
    body = json.loads((TRAFFIC / "008-webhook-annotation-updated.json").read_text())["body"]
    read = parse_annotation(body["annotation"])
    assert (read.id, read.project_id, read.task_id, read.annotator, read.parent_prediction) == (1, 2, 4, 1, 1)
    assert read.created_at == datetime(2026, 11, 22, 11, 6, 2, 558343, tzinfo=UTC)
    assert read.updated_at == MOVED
    assert (read.lead_time, read.is_cancelled, read.is_ground_truth) == (5.0, False, False)
    assert list(read.result) == body["annotation"]["result"]


def test_recorded_skip_and_star_are_told() -> None:
    skipped = json.loads((TRAFFIC / "010-webhook-annotation-created.json").read_text())["body"]["annotation"]
    starred = json.loads((TRAFFIC / "009-webhook-annotation-updated.json").read_text())["body"]["annotation"]
    assert parse_annotation(skipped).is_cancelled
    assert parse_annotation(skipped).lead_time is None
    assert parse_annotation(starred).is_ground_truth


def test_annotation_within_a_task_belongs_to_that_task_and_project() -> None:
    read = parse_annotation(without("task", "project"), project_id=20, task_id=40)
    assert (read.project_id, read.task_id) == (20, 40)


def test_task_and_project_of_the_annotation_itself_win() -> None:
    read = parse_annotation(PLAIN, project_id=20, task_id=40)
    assert (read.project_id, read.task_id) == (2, 4)


@pytest.mark.parametrize(
    ("key", "written", "name", "expected"),
    [
        pytest.param("completed_by", {"id": 3, "email": "a@b"}, "annotator", 3, id="annotator as an object"),
        pytest.param("completed_by", None, "annotator", None, id="annotator gone"),
        pytest.param("result", None, "result", (), id="result null"),
        pytest.param("result", json.dumps([REGION]), "result", (REGION,), id="result as text"),
        pytest.param("result", [1, REGION, None, "x"], "result", (REGION,), id="items that are no objects"),
        pytest.param("created_at", None, "created_at", MOVED, id="created unknown"),
        pytest.param("updated_at", "2026-11-22T12:06:02.684624+01:00", "updated_at", MOVED, id="other zone"),
        pytest.param("updated_at", "2026-11-22T11:06:02.684624", "updated_at", MOVED, id="no zone is UTC"),
        pytest.param("lead_time", 0, "lead_time", 0.0, id="whole lead time"),
        pytest.param("lead_time", -1, "lead_time", None, id="negative lead time"),
        pytest.param("lead_time", math.nan, "lead_time", None, id="lead time that is no number"),
        pytest.param("lead_time", math.inf, "lead_time", None, id="endless lead time"),
        pytest.param("lead_time", 10**400, "lead_time", None, id="lead time beyond floats"),
        pytest.param("lead_time", "3", "lead_time", None, id="lead time as text"),
        pytest.param("lead_time", True, "lead_time", None, id="lead time as a boolean"),
        pytest.param("was_cancelled", None, "is_cancelled", False, id="skip unknown"),
        pytest.param("parent_prediction", None, "parent_prediction", None, id="made from nothing"),
    ],
)
def test_value_is_read_in_each_shape(key: str, written: object, name: str, expected: object) -> None:
    assert getattr(parse_annotation({**PLAIN, key: written}), name) == expected


def test_times_are_utc() -> None:
    read = parse_annotation(
        {**PLAIN, "updated_at": MOVED.astimezone(timezone(timedelta(hours=3))).isoformat()}
    )
    assert read.updated_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param([], "a list; expected a JSON object", id="a list"),
        pytest.param(None, "missing; expected a JSON object", id="nothing"),
        pytest.param(without("id"), "has no id", id="no id"),
        pytest.param(without("task"), "names no task", id="no task"),
        pytest.param(without("project"), "names no project", id="no project"),
        pytest.param({**PLAIN, "id": "7"}, "id is '7'; expected a whole number", id="id as text"),
        pytest.param({**PLAIN, "id": True}, "id is True", id="id as a boolean"),
        pytest.param({**PLAIN, "id": MAX_ID + 1}, "expected a whole number from 0", id="id out of range"),
        pytest.param({**PLAIN, "task": 1.5}, '"task" is 1.5', id="task of parts"),
        pytest.param({**PLAIN, "project": -1}, '"project" is -1', id="negative project"),
        pytest.param({**PLAIN, "completed_by": "x"}, "\"completed_by\" is 'x'", id="annotator as text"),
        pytest.param({**PLAIN, "parent_prediction": []}, '"parent_prediction" is', id="prediction as a list"),
        pytest.param(without("updated_at"), '"updated_at" is None; expected a time', id="no time"),
        pytest.param({**PLAIN, "updated_at": "soon"}, "\"updated_at\" is 'soon'", id="unreadable time"),
        pytest.param({**PLAIN, "updated_at": 1.0}, '"updated_at" is 1.0', id="time as a number"),
        pytest.param(
            {**PLAIN, "updated_at": "0001-01-01T00:00:00+09:00"}, "expected a time", id="time before all"
        ),
        pytest.param({**PLAIN, "created_at": "soon"}, "\"created_at\" is 'soon'", id="creation unreadable"),
        pytest.param({**PLAIN, "result": {}}, '"result" is no list', id="result as an object"),
        pytest.param({**PLAIN, "result": "["}, '"result" is text that is no JSON', id="result as other text"),
        pytest.param({**PLAIN, "result": "3"}, '"result" is no list', id="result as a text's number"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(value: object, message: str) -> None:
    with pytest.raises(BadRequest) as error:
        parse_annotation(value)
    assert message in error.value.message


@pytest.mark.parametrize("depth", [pytest.param(100_000, id="100 000"), pytest.param(900, id="900")])
def test_result_nested_too_deeply_is_refused_or_kept(depth: int) -> None:
    text = '[{"value": ' + "[" * depth + '"\\u0000"' + "]" * depth + "}]"
    try:
        assert len(parse_annotation({**PLAIN, "result": text}).result) == 1
    except BadRequest as error:
        assert "JSON" in error.message or "deep" in error.message


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("a\x00b", "a?b", id="NUL"),
        pytest.param("a\ud800b", "a?b", id="half a surrogate pair"),
        pytest.param("\U0001f600 \\u0000 ü NaN", "\U0001f600 \\u0000 ü NaN", id="what only looks alike"),
        pytest.param({"\x00": ["\x00", {"x": "\udfff"}]}, {"?": ["?", {"x": "?"}]}, id="within"),
        pytest.param([math.nan, math.inf, -math.inf, 1.5], [None, None, None, 1.5], id="no numbers"),
    ],
)
def test_what_no_database_holds_is_replaced(given: object, kept: object) -> None:
    assert storable(given) == kept


def test_content_that_needs_no_change_stays_the_same_object() -> None:
    assert storable(PLAIN) is PLAIN


def test_annotation_holds_nothing_that_postgresql_refuses() -> None:
    given = {"id": "a\x00", "value": {"text": ["\ud83d"]}}
    assert parse_annotation({**PLAIN, "result": [given]}).result == ({"id": "a?", "value": {"text": ["?"]}},)


@given(JSON)
def test_any_json_becomes_strict_json_without_nul_and_halves_of_pairs(value: object) -> None:
    text = json.dumps(storable(value), allow_nan=False, ensure_ascii=False)
    assert "\x00" not in text and "\\u0000" not in text.replace("\\\\", "")
    assert text.encode("utf-8")


def test_digest_ignores_id_time_of_change_and_order_of_keys() -> None:
    turned = {key: REGION[key] for key in reversed(REGION)}
    assert digest(result=[turned], id=8, updated_at="2027-01-01T00:00:00Z") == digest()
    assert len(digest()) == 64


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"result": []}, id="result"),
        pytest.param({"was_cancelled": True}, id="skipped"),
        pytest.param({"ground_truth": True}, id="starred"),
        pytest.param({"lead_time": 6}, id="lead time"),
        pytest.param({"completed_by": 4}, id="annotator"),
        pytest.param({"task": 5}, id="task"),
        pytest.param({"project": 5}, id="project"),
        pytest.param({"created_at": "2026-01-01T00:00:00Z"}, id="creation"),
    ],
)
def test_digest_tells_other_content(changes: dict[str, Any]) -> None:
    assert digest(**changes) != digest()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"id": 77}, id="id"),
        pytest.param({"updated_at": "2027-01-01T00:00:00Z"}, id="time of the last update"),
        pytest.param({"parent_prediction": None}, id="parent that Label Studio forgot"),
    ],
)
def test_digest_leaves_out_what_is_no_content(changes: dict[str, Any]) -> None:
    assert digest(**changes) == digest()


@given(JSON)
def test_excerpt_of_anything_is_short_and_printable(value: object) -> None:
    assert len(excerpt([value] * 1000)) < 4000
    assert excerpt(value).isprintable()


@given(st.fixed_dictionaries({}, optional={key: JSON | st.just(value) for key, value in PLAIN.items()}))
def test_any_json_is_an_annotation_or_a_bad_request(value: dict[str, Any]) -> None:
    try:
        read = parse_annotation(value, project_id=1, task_id=1)
    except BadRequest as error:
        assert error.message
    else:
        assert 0 <= read.id <= MAX_ID
        assert len(annotation_digest(read)) == 64
