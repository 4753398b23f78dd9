"""Label Studio 1.23.2's own requests, as recorded, answered by the app on both databases.

`data/traffic` holds one request a file, in the order in which they came. The requests of one project: set
up, retrieve predictions, annotate, skip, delete, a smart tool's click, train.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.app import create_app
from backend.inference.checkpoint import Checkpoint
from backend.services import Services
from backend.store.event_log import count_events
from backend.store.prediction_log import count_predictions
from backend.store.projects import list_projects
from backend.store.tables import SqlEvent
from tests.backend.image_server import ImageServer
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.pictures import png
from tests.backend.sam.tiny_sam import save_tiny_sam

TRAFFIC = sorted((Path(__file__).parent / "data" / "traffic").glob("*.json"))
REQUESTS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in TRAFFIC}
PROJECT = 2
EVENTS = {
    "ANNOTATION_CREATED": 3,
    "ANNOTATION_UPDATED": 2,
    "ANNOTATIONS_CREATED": 1,
    "ANNOTATIONS_DELETED": 2,
    "PROJECT_UPDATED": 1,
    "START_TRAINING": 1,
    "TASKS_DELETED": 1,
}


class StoppedClock:
    """A clock that stands still until a test moves it on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def now(self, zone: Any) -> datetime:
        return self.time.astimezone(zone)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    """The inbox's clock: events without ids are known by the second of their arrival."""
    stopped = StoppedClock()
    monkeypatch.setattr("backend.review.inbox.datetime", stopped)
    return stopped


@pytest.fixture
def services(
    make_settings: MakeSettings, make_services: MakeServices, database_address: str, tmp_path: Path
) -> Services:
    """Parts on each kind of database, with a SAM."""
    sam = save_tiny_sam(tmp_path / "tiny_sam.pt")
    return make_services(make_settings(database_url=database_address, sam_model=str(sam)))


@pytest.fixture
def replayed(services: Services, image_server: ImageServer, clock: StoppedClock) -> Iterator[FlaskClient]:
    """The app after the whole recording."""
    app: Flask = create_app(services)
    for task in REQUESTS["006-predict"]["body"]["tasks"]:
        image_server.serve(task["data"]["image"], png(640, 480, seed=task["id"]))
    client = app.test_client()
    for name in REQUESTS:
        answer = send(client, name)
        assert answer.status_code == (201 if "webhook" in name else 200), (name, answer.text)
    yield client


def send(client: FlaskClient, name: str) -> Any:
    request = REQUESTS[name]
    return client.open(request["path"], method=request["method"], json=request["body"])


def events(services: Services) -> dict[str, int]:
    counts = count_events(services.database)
    assert {project for project, _ in counts} == {PROJECT}
    return {action: count for (_, action), count in counts.items()}


def test_recording_is_whole() -> None:
    assert len(REQUESTS) == 22
    assert [int(name[:3]) for name in REQUESTS] == list(range(22))
    assert all(set(request) == {"method", "path", "body"} for request in REQUESTS.values())


def test_version_of_every_setup_is_that_of_every_prediction(
    replayed: FlaskClient, tiny_checkpoint: Checkpoint
) -> None:
    setups = {send(replayed, name).json["model_version"] for name in REQUESTS if "setup" in name}
    results = send(replayed, "006-predict").json["results"]
    assert setups == {result["model_version"] for result in results} == {tiny_checkpoint.version}
    assert send(replayed, "017-versions").json == {"versions": [tiny_checkpoint.version]}


def test_retrieved_predictions_are_one_per_task_in_order(replayed: FlaskClient, services: Services) -> None:
    results = send(replayed, "006-predict").json["results"]
    again = send(replayed, "006-predict").json["results"]
    labels = [[region["value"]["rectanglelabels"] for region in result["result"]] for result in results]
    assert labels == [[["Car"], ["Person"]]] * 3
    assert {region["from_name"] for result in results for region in result["result"]} == {"label"}
    assert results == again
    ids = [region["id"] for result in results for region in result["result"]]
    assert len(set(ids)) == 6


def test_every_served_prediction_is_logged(
    replayed: FlaskClient, services: Services, tiny_checkpoint: Checkpoint
) -> None:
    assert count_predictions(services.database) == {(PROJECT, tiny_checkpoint.version): (3, 0)}


def test_click_of_a_smart_tool_is_answered_by_sam_alone(replayed: FlaskClient) -> None:
    [result] = send(replayed, "015-predict").json["results"]
    assert result["model_version"].startswith("tiny_sam-")
    assert len(result["result"]) <= 1


def test_all_events_are_stored_in_order_with_their_whole_payload(
    replayed: FlaskClient, services: Services
) -> None:
    sent = [request["body"] for name, request in REQUESTS.items() if "webhook" in name]
    with services.database.read() as session:
        stored = list(session.scalars(select(SqlEvent.payload).order_by(SqlEvent.id)))
    assert stored == sent
    assert events(services) == EVENTS


def test_events_that_are_delivered_twice_are_stored_once(replayed: FlaskClient, services: Services) -> None:
    for name in REQUESTS:
        if "webhook" in name:
            answer = send(replayed, name)
            assert (answer.status_code, answer.json) == (200, {"status": "duplicate"}), name
    assert events(services) == EVENTS


def test_only_events_without_ids_are_new_facts_when_they_come_later(
    replayed: FlaskClient, services: Services, clock: StoppedClock
) -> None:
    clock.time += timedelta(minutes=1)
    new = {
        REQUESTS[name]["body"]["action"]
        for name in REQUESTS
        if "webhook" in name and send(replayed, name).status_code == 201
    }
    assert new == {"PROJECT_UPDATED", "START_TRAINING"}


def test_project_is_known_after_setup(
    replayed: FlaskClient, services: Services, tiny_checkpoint: Checkpoint
) -> None:
    [(project, version, _)] = list_projects(services.database)
    assert (project, version) == (PROJECT, tiny_checkpoint.version)
