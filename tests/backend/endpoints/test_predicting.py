"""`/predict` and `/setup`: one result per task, in order, whatever becomes of its neighbours."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.errors import ModelError
from backend.inference.checkpoint import Checkpoint
from backend.services import Services
from backend.store.event_log import count_events
from backend.store.prediction_log import count_predictions
from backend.store.projects import list_projects
from tests.backend.engines import FixedEngine
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES
from tests.backend.makers import MakeClient
from tests.backend.pictures import encoded, picture, png, png_header
from tests.backend.servers import free_port

# What the fixed engine finds, in percent: car, person; nobody asks for traffic lights.
CAR = {"x": 10, "y": 20, "width": 40, "height": 40, "rotation": 0, "rectanglelabels": ["Car"]}
PERSON = {"x": 50, "y": 50, "width": 25, "height": 50, "rotation": 0, "rectanglelabels": ["Person"]}


def predict(client: FlaskClient, *images: Any, project: object = "7.123") -> list[dict[str, Any]]:
    tasks = [{"id": n, "data": {"image": image}} for n, image in enumerate(images, start=1)]
    body = {"tasks": tasks, "project": project, "label_config": BOXES, "params": {"context": None}}
    answer = client.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json["results"])


def values(result: dict[str, Any]) -> list[dict[str, Any]]:
    rounded = [region["value"] for region in result["result"]]
    return [{k: round(v, 6) if isinstance(v, float) else v for k, v in value.items()} for value in rounded]


def test_result_is_what_the_engine_found_as_label_studio_writes_it(
    client: FlaskClient, image_server: ImageServer, tiny_checkpoint: Checkpoint
) -> None:
    image_server.serve("/data/upload/1/a.png", png(200, 100))
    [result] = predict(client, "/data/upload/1/a.png")
    assert values(result) == [CAR, PERSON]
    assert result["model_version"] == tiny_checkpoint.version
    assert result["score"] == pytest.approx(0.75)
    first = result["result"][0]
    assert (first["from_name"], first["to_name"], first["type"]) == ("label", "image", "rectanglelabels")
    assert (first["original_width"], first["original_height"], first["score"]) == (200, 100, 0.9)
    assert first["id"].isalnum()


def test_setup_names_the_version_of_the_predictions_and_loads_no_weights(
    client: FlaskClient, image_server: ImageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_server.serve("/data/upload/1/a.png", png())

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were loaded")

    with monkeypatch.context() as patch:
        patch.setattr("backend.inference.yolo.YoloEngine", fail)
        version = client.post("/setup", json={"schema": BOXES, "project": "7.123"}).json["model_version"]
    assert predict(client, "/data/upload/1/a.png")[0]["model_version"] == version


def test_setup_remembers_the_project(client: FlaskClient, services: Services) -> None:
    version = client.post("/setup", json={"schema": BOXES, "project": "7.123"}).json["model_version"]
    assert [(project, v) for project, v, _ in list_projects(services.database)] == [(7, version)]
    assert client.get("/versions").json == {"versions": [version]}
    assert client.post("/versions").json == {"versions": [version]}


@pytest.mark.parametrize("project", ["404.9", 404, None, ""])
def test_project_that_never_called_before_is_predicted(
    client: FlaskClient, image_server: ImageServer, project: object
) -> None:
    image_server.serve("/data/upload/1/a.png", png())
    assert values(predict(client, "/data/upload/1/a.png", project=project)[0]) == [CAR, PERSON]


def test_region_ids_are_stable_and_differ_by_task(client: FlaskClient, image_server: ImageServer) -> None:
    image = "/data/upload/1/a.png"
    image_server.serve(image, png())
    ids = [[r["id"] for r in result["result"]] for _ in range(2) for result in predict(client, image, image)]
    assert ids[:2] == ids[2:]
    assert len({identity for task in ids[:2] for identity in task}) == 4


def test_smart_tool_whose_prompts_are_gone_gets_an_empty_result_of_sam(client: FlaskClient) -> None:
    body = {"tasks": [{"id": 1, "data": {}}], "label_config": BOXES, "params": {"context": {"result": []}}}
    results = client.post("/predict", json=body).json["results"]
    assert results == [{"result": [], "score": 0.0, "model_version": "mobile_sam-6dbb9052"}]


BAD_IMAGES = [
    pytest.param("/data/upload/1/missing.png", "http_status", id="not found"),
    pytest.param("/data/upload/1/page.html", "unreadable", id="no image"),
    pytest.param("/data/upload/1/huge.png", "too_many_pixels", id="200 megapixels"),
    pytest.param("file:///etc/passwd", "bad_scheme", id="file of this machine"),
    pytest.param("/etc/passwd", "bad_address", id="path of this machine"),
    pytest.param("/data/upload/../../etc/passwd", "bad_path", id="path that climbs"),
    pytest.param("/data/local-files/?d=..%2F..%2Fetc%2Fpasswd", "bad_path", id="query that climbs"),
    pytest.param("http://10.0.0.1/a.png", "private_address", id="private address"),
    pytest.param("http://169.254.169.254/latest/meta-data", "private_address", id="cloud's metadata"),
    pytest.param("http://example.com/\x07.png", "", id="control character"),
    pytest.param("http://exa mple.com/a.png", "", id="space in the host"),
    pytest.param("http://example.com/" + "x" * 70_000, "", id="very long address"),
    pytest.param("http://xn--a.invalid/", "", id="host that is no name"),
    pytest.param("http://[::1", "bad_address", id="half an IPv6 address"),
    pytest.param(None, "no_image", id="null"),
    pytest.param(7, "no_image", id="number"),
    pytest.param({"a": 1}, "no_image", id="object"),
    pytest.param("", "no_image", id="empty"),
]


# Threads that silence this warning can undo each other's silence; test_decode.py has that rule.
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("image", "reason"), BAD_IMAGES)
def test_image_that_cannot_be_had_gets_an_empty_result_and_harms_no_neighbour(
    client: FlaskClient,
    services: Services,
    image_server: ImageServer,
    tiny_checkpoint: Checkpoint,
    image: Any,
    reason: str,
) -> None:
    good = "/data/upload/1/a.png"
    image_server.serve(good, png())
    image_server.serve("/data/upload/1/page.html", b"<html>log in</html>", kind="text/html")
    image_server.serve("/data/upload/1/huge.png", png_header(20_000, 10_000))
    before, failed, after = predict(client, good, image, good)
    assert values(before) == values(after) == [CAR, PERSON]
    assert failed == {"result": [], "score": 0.0, "model_version": f"{tiny_checkpoint.version}.failed"}
    assert count_predictions(services.database) == {(7, tiny_checkpoint.version): (3, 1)}
    counted = client.get("/metrics").text
    assert f'yolo_sam_task_failures_total{{reason="{reason}' in counted


def test_many_tasks_keep_their_order(client: FlaskClient, image_server: ImageServer) -> None:
    sizes = [(40 + n, 30 + n) for n in range(30)]
    for number, (width, height) in enumerate(sizes):
        image_server.serve(f"/data/upload/1/{number}.png", png(width, height))
    results = predict(client, *(f"/data/upload/1/{number}.png" for number in range(30)))
    found = [(r["result"][0]["original_width"], r["result"][0]["original_height"]) for r in results]
    assert found == sizes


def test_label_studio_that_is_down_fails_tasks_and_not_the_request(make_client: MakeClient) -> None:
    client = make_client(label_studio_url=f"http://127.0.0.1:{free_port()}")
    [result] = predict(client, "/data/upload/1/a.png")
    assert result["model_version"].endswith(".failed")
    assert 'reason="unreachable"' in client.get("/metrics").text


def test_redis_that_is_down_stops_neither_predictions_nor_events(
    client: FlaskClient, services: Services, image_server: ImageServer
) -> None:
    image_server.serve("/data/upload/1/a.png", png())
    assert client.get("/ready").json["checks"]["redis"] == "queue_unavailable"
    assert values(predict(client, "/data/upload/1/a.png")[0]) == [CAR, PERSON]
    event = {"action": "PROJECT_UPDATED", "project": {"id": 7}}
    assert client.post("/webhook", json=event).status_code == 201
    assert count_events(services.database) == {(7, "PROJECT_UPDATED"): 1}
    assert client.post("/job_status", json={"job": "x"}).json["error"] == "queue_unavailable"


def test_locked_database_refuses_what_it_cannot_keep(
    make_client: MakeClient, image_server: ImageServer, tmp_path: Path
) -> None:
    image_server.serve("/data/upload/1/a.png", png())
    client = make_client(database_timeout=0.1)
    body = {"tasks": [{"id": 1, "data": {"image": "/data/upload/1/a.png"}}], "label_config": BOXES}
    with closing(sqlite3.connect(tmp_path / "data" / "backend.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = [
            client.post("/predict", json=body),
            client.post("/webhook", json={"action": "A", "project": {"id": 7}}),
            client.post("/setup", json={"schema": BOXES, "project": "7.123"}),
        ]
        other.execute("ROLLBACK")
    assert [(a.status_code, a.json["error"]) for a in answers] == [(503, "database_unavailable")] * 3
    assert all("locked" in a.status for a in answers)
    assert client.post("/webhook", json={"action": "A", "project": {"id": 7}}).status_code == 201


def test_weights_that_cannot_be_loaded_fail_the_request_and_say_so(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> FixedEngine:
        raise ModelError("no such device")

    monkeypatch.setattr("backend.inference.yolo.YoloEngine", refuse)
    answer = client.post("/predict", json={"tasks": [{"id": 1, "data": {}}], "label_config": BOXES})
    assert (answer.status_code, answer.json["error"]) == (503, "model_unavailable")
    assert answer.status == "503 no such device"


def test_tag_may_not_name_weights_outside_the_model_folder(client: FlaskClient) -> None:
    xml = BOXES.replace("toName=", 'model_path="../../etc/passwd" toName=')
    answer = client.post("/setup", json={"schema": xml})
    assert (answer.status_code, answer.json["error"]) == (503, "model_unavailable")
    assert "leads out" in answer.json["message"]


def test_rotated_photo_gets_boxes_on_the_upright_picture(
    client: FlaskClient, image_server: ImageServer
) -> None:
    upright = picture(64, 48)
    exif = upright.getexif()
    exif[0x0112] = 6
    image_server.serve("/data/upload/1/a.jpg", encoded(upright, "JPEG", exif=exif))
    [result] = predict(client, "/data/upload/1/a.jpg")
    assert result["result"][0]["original_width"] == 48
    assert result["result"][0]["original_height"] == 64
