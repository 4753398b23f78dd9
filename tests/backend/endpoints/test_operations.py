"""What operators and the settings page ask: readiness, metrics, versions, a config's check, jobs."""

import re
from contextlib import closing

import pytest
from flask.testing import FlaskClient
from rq import Queue

from backend.inference.checkpoint import Checkpoint
from backend.queue import JobQueue
from backend.services import Services
from tests.backend.label_configs import BOXES
from tests.backend.makers import MakeClient


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_touches_neither_model_nor_database(
    client: FlaskClient, services: Services, path: str
) -> None:
    services.database.close()
    services.settings.data_dir.rename(services.settings.data_dir.with_name("gone"))
    answer = client.get(path)
    assert (answer.status_code, answer.json["status"]) == (200, "UP")


def test_server_is_ready_once_its_model_is_loaded(client: FlaskClient, services: Services) -> None:
    before = client.get("/ready")
    assert (before.status_code, before.json["checks"]["model"]) == (503, "model_unavailable")
    services.pipeline.warm_up()
    after = client.get("/ready")
    assert (after.status_code, after.json["status"]) == (200, "ready")
    assert after.json["checks"] == {"database": "ok", "redis": "queue_unavailable", "model": "ok"}


def test_ready_names_redis_that_answers(make_client: MakeClient, redis_address: str) -> None:
    assert make_client(redis_url=redis_address).get("/ready").json["checks"]["redis"] == "ok"


def test_metrics_count_requests_by_endpoint_and_status(client: FlaskClient) -> None:
    client.get("/health")
    client.post("/setup", data="not json")
    client.get("/nothing")
    text = client.get("/metrics").text
    assert 'yolo_sam_requests_total{endpoint="health.health",status="200"} 1.0' in text
    assert 'yolo_sam_requests_total{endpoint="protocol.setup",status="400"} 1.0' in text
    assert 'yolo_sam_requests_total{endpoint="unknown",status="404"} 1.0' in text
    assert 'yolo_sam_request_seconds_count{endpoint="protocol.setup"} 1.0' in text


def test_metrics_count_events_by_action_and_outcome(client: FlaskClient) -> None:
    event = {"action": "TASKS_DELETED", "tasks": [{"id": 1}], "project": {"id": 1}}
    for body in (event, event, {**event, "project": 1}, {"action": "OF_TOMORROW"}, {"action": 1}, []):
        client.post("/webhook", json=body)
    text = client.get("/metrics").text
    counted = dict(re.findall(r"^yolo_sam_events_total\{(.*)\} (.*)$", text, re.MULTILINE))
    assert counted == {
        'action="TASKS_DELETED",outcome="stored"': "1.0",
        'action="TASKS_DELETED",outcome="duplicate"': "1.0",
        'action="TASKS_DELETED",outcome="bad_request"': "1.0",
        'action="other",outcome="stored"': "1.0",
        'action="other",outcome="bad_request"': "2.0",
    }


def test_actions_that_nobody_knows_share_one_counter(client: FlaskClient) -> None:
    for number in range(20):
        assert client.post("/webhook", json={"action": f"NEW_{number}"}).status_code == 201
    counted = [line for line in client.get("/metrics").text.splitlines() if "yolo_sam_events_total{" in line]
    assert counted == ['yolo_sam_events_total{action="other",outcome="stored"} 20.0']


def test_validate_tells_which_class_fills_which_label(
    client: FlaskClient, tiny_checkpoint: Checkpoint
) -> None:
    answer = client.post("/validate", json={"config": BOXES})
    assert answer.json == {
        "status": "ok",
        "model_version": tiny_checkpoint.version,
        "label_maps": {"label": {"car": "Car", "person": "Person"}},
    }
    assert client.get("/versions").json == {"versions": []}


def test_job_status_tells_the_state_of_a_job(make_client: MakeClient, redis_address: str) -> None:
    client = make_client(redis_url=redis_address)
    with closing(JobQueue(redis_address)) as queue:
        job = Queue("test-job-status", connection=queue.redis).enqueue_call("retrain.jobs.process_events")
    answer = client.post("/job_status", json={"job": job.id})
    assert (answer.status_code, answer.json["job_id"], answer.json["job_status"]) == (200, job.id, "queued")
    assert answer.json["created_at"] and answer.json["ended_at"] is None


@pytest.mark.parametrize("job", ["nothing", "x" * 500, "a:b*?[c]", "\x00", "\ud800"])
def test_job_that_does_not_exist_is_not_found(make_client: MakeClient, redis_address: str, job: str) -> None:
    answer = make_client(redis_url=redis_address).post("/job_status", json={"job": job})
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")
