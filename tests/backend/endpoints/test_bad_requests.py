"""Whatever comes in, the answer is JSON with a stable code, a message, and no traceback."""

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.backend.label_configs import BOXES, NO_BOXES, NO_COMMON_LABEL
from tests.backend.makers import MakeClient

POSTS = ["/setup", "/validate", "/predict", "/webhook", "/job_status"]
NINES = "9" * 5000


def predict_body(**changes: Any) -> dict[str, Any]:
    return {"tasks": [{"id": 1, "data": {}}], "project": "1.1", "label_config": BOXES, **changes}


def assert_refused(answer: TestResponse, status: int, code: str) -> str:
    """Return the message of a refusal that keeps the rules."""
    assert (answer.status_code, answer.json["error"]) == (status, code)
    message = answer.json["message"]
    assert set(answer.json) == {"error", "message"}
    assert "Traceback" not in answer.text
    # Label Studio shows people the status line of a failed call and nothing of its body.
    shown = " ".join(message.encode("ascii", "replace").decode().split())
    assert answer.status.startswith(f"{status} {shown[:100]}")
    return str(message)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"tasks=1", id="a form"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"\xff\xfe\x00{", id="not text"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="Infinity"),
        pytest.param(b'{"action": "A", "job": "j", "a": 1e999}', id="a number beyond all floats"),
        pytest.param(b'{"a":' * 100_000, id="deep nesting"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"text"', id="text"),
    ],
)
def test_body_that_is_no_json_object_is_a_bad_request_everywhere(client: FlaskClient, body: bytes) -> None:
    for path in POSTS:
        assert_refused(client.post(path, data=body), 400, "bad_request")


def test_any_depth_of_nesting_is_stored_or_refused(client: FlaskClient) -> None:
    for depth in range(500, 1000, 10):
        body = b'{"action": "A", "x": ' + b"[" * depth + b"]" * depth + b"}"
        assert client.post("/webhook", data=body).status_code in (201, 400), depth


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/predict", predict_body(tasks=None), id="tasks missing"),
        pytest.param("/predict", predict_body(tasks=[]), id="no tasks"),
        pytest.param("/predict", predict_body(tasks={"id": 1}), id="tasks an object"),
        pytest.param("/predict", predict_body(tasks=[1]), id="a task that is a number"),
        pytest.param("/predict", predict_body(tasks=[{"id": "1", "data": {}}]), id="a task id of text"),
        pytest.param("/predict", predict_body(tasks=[{"id": True, "data": {}}]), id="a task id of true"),
        pytest.param("/predict", predict_body(tasks=[{"id": -1, "data": {}}]), id="a negative task id"),
        pytest.param(
            "/predict", predict_body(tasks=[{"id": 2**63, "data": {}}]), id="a task id over 63 bits"
        ),
        pytest.param("/predict", predict_body(tasks=[{"id": 1, "data": []}]), id="task data a list"),
        pytest.param("/predict", predict_body(label_config=None), id="label_config missing"),
        pytest.param("/predict", predict_body(label_config={}), id="label_config an object"),
        pytest.param("/predict", predict_body(params=[1]), id="params a list"),
        pytest.param("/predict", predict_body(params={"context": "x"}), id="context text"),
        pytest.param("/predict", predict_body(project="seven"), id="project a word"),
        pytest.param("/predict", predict_body(project=str(2**63)), id="project over 63 bits"),
        pytest.param("/predict", predict_body(project=NINES), id="project of 5000 digits"),
        pytest.param("/predict", predict_body(project=True), id="project true"),
        pytest.param("/setup", {}, id="setup without schema"),
        pytest.param("/setup", {"schema": 1}, id="schema a number"),
        pytest.param("/setup", {"schema": BOXES, "project": [1]}, id="setup with project a list"),
        pytest.param("/validate", {"label_config": None}, id="validate without config"),
        pytest.param("/webhook", {}, id="action missing"),
        pytest.param("/webhook", {"action": 1}, id="action a number"),
        pytest.param("/webhook", {"action": ""}, id="action empty"),
        pytest.param("/webhook", {"action": "A" * 65}, id="action too long"),
        pytest.param("/webhook", {"action": "A\x00"}, id="action with NUL"),
        pytest.param("/webhook", {"action": "A", "project": 1}, id="event's project a number"),
        pytest.param("/webhook", {"action": "A", "project": {"id": "x"}}, id="event's project id a word"),
        pytest.param("/webhook", {"action": "A", "project": {"id": NINES}}, id="project id of 5000 digits"),
        pytest.param("/job_status", {}, id="job missing"),
        pytest.param("/job_status", {"job": 1}, id="job a number"),
    ],
)
def test_missing_key_or_wrong_type_is_a_bad_request(
    client: FlaskClient, path: str, body: dict[str, Any]
) -> None:
    message = assert_refused(client.post(path, json=body), 400, "bad_request")
    assert "expected" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"action": "\\ud800"}', id="in the action"),
        pytest.param(b'{"action": "A", "annotation": {"id": "\\ud800"}}', id="in an annotation's id"),
        pytest.param(b'{"action": "A", "tasks": [{"id": 1, "updated_at": "\\ud800"}]}', id="in a time"),
        pytest.param(b'{"action": "A", "x": "\\ud800"}', id="in the payload"),
    ],
)
def test_half_a_surrogate_pair_in_an_event_is_stored_or_refused(client: FlaskClient, body: bytes) -> None:
    assert client.post("/webhook", data=body).status_code in (201, 400)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"project": None}, id="no project"),
        pytest.param({"tasks": [{"data": {}}] * 500}, id="no task ids"),
        pytest.param({"tasks": [{"id": 1, "data": {}}] * 500}, id="one task again and again"),
    ],
)
def test_too_many_tasks_that_cannot_become_a_job_are_refused(
    client: FlaskClient, changes: dict[str, Any]
) -> None:
    tasks = [{"id": n, "data": {}} for n in range(500)]
    message = assert_refused(
        client.post("/predict", json=predict_body(**{"tasks": tasks, **changes})), 413, "too_many_tasks"
    )
    assert "500 tasks" in message and "PREDICT_MAX_TASKS" in message and "fewer" in message
    assert client.get("/jobs").json == {"jobs": []}


def test_body_over_the_limit_is_refused_and_the_setting_named(make_client: MakeClient) -> None:
    client = make_client(max_body_mb=1)
    answer = client.post("/predict", data=json.dumps(predict_body(x="x" * 2**20)))
    assert "MAX_BODY_MB" in assert_refused(answer, 413, "payload_too_large")


@pytest.mark.parametrize("path", ["/nothing", "/predict/", "/backend/../etc/passwd", "/%00"])
def test_unknown_address_is_not_found_in_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/predict"), ("DELETE", "/versions"), ("PUT", "/webhook")]
)
def test_wrong_method_is_refused_in_json_with_the_right_ones(
    client: FlaskClient, method: str, path: str
) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.json["error"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param("", id="empty"),
        pytest.param("not xml", id="text"),
        pytest.param("<View><Image</View>", id="broken tag"),
        pytest.param("<View>", id="not closed"),
        pytest.param("<View>\x00</View>", id="NUL"),
        pytest.param("x" * 1_000_001, id="over a million characters"),
    ],
)
def test_invalid_xml_is_a_label_config_error(client: FlaskClient, xml: str) -> None:
    for path in ("/setup", "/predict", "/validate"):
        answer = client.post(path, json=predict_body(label_config=xml, schema=xml))
        assert_refused(answer, 422, "label_config_invalid")


def xml_in(message: str) -> ElementTree.Element:
    found = re.search(r"<(?:Image|Label) .*>", message)
    assert found is not None
    return ElementTree.fromstring(f"<View>{found.group()}</View>")


def test_config_without_boxes_gets_classes_and_xml_to_paste(client: FlaskClient) -> None:
    answer = client.post("/setup", json={"schema": NO_BOXES, "project": "1.1"})
    message = assert_refused(answer, 422, "label_config_invalid")
    assert '<Choices name="weather">' in message
    assert "car, person, traffic light" in message
    pasted = xml_in(message)
    assert pasted.find("RectangleLabels").attrib["toName"] == pasted.find("Image").attrib["name"]
    fixed = f"<View>{''.join(ElementTree.tostring(part, 'unicode') for part in pasted)}</View>"
    assert client.post("/setup", json={"schema": fixed}).status_code == 200


def test_config_without_a_common_label_gets_labels_classes_and_a_line_to_paste(client: FlaskClient) -> None:
    config = NO_COMMON_LABEL.replace("&", "&amp;")
    answer = client.post("/setup", json={"schema": config, "project": "1.1"})
    message = assert_refused(answer, 422, "label_config_invalid")
    assert "Zebra & co, Lion" in message
    assert "car, person, traffic light" in message
    line = xml_in(message).find("Label")
    assert line.attrib == {"value": "Zebra & co", "predicted_values": "car"}
    fixed = config.replace('<Label value="Zebra &amp; co"/>', ElementTree.tostring(line, "unicode"))
    assert client.post("/setup", json={"schema": fixed}).status_code == 200


def test_unexpected_failure_says_nothing_of_its_cause(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("hidden detail")

    monkeypatch.setattr("backend.endpoints.protocol.list_model_versions", fail)
    answer = client.get("/versions")
    assert_refused(answer, 500, "internal_error")
    assert "hidden detail" not in answer.text + answer.status
