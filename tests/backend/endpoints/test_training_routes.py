"""Training over HTTP: asked for, watched, cancelled; a project's own settings."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.services import Services
from backend.store.audit import list_audit
from backend.store.project_settings import own_settings
from backend.store.runs import claim_run, get_run, store_epoch
from backend.store.training_requests import is_training_asked
from backend.training.entities import EpochMetrics, RunState, SavedCheckpoint
from tests.backend.makers import MakeClient
from tests.backend.review_rows import PROJECT
from tests.backend.training.projects import begin, review

CHECKPOINT = SavedCheckpoint(1, "last.pt", "a" * 64, "best.pt", "b" * 64, is_last=False)
ROUTES = [
    ("POST", "/projects/7/train"),
    ("GET", "/runs"),
    ("GET", "/runs/a1b2"),
    ("POST", "/runs/a1b2/cancel"),
    ("GET", "/projects/7/settings"),
    ("PUT", "/projects/7/settings"),
]


def put(client: FlaskClient, **changes: Any) -> Any:
    return client.put("/projects/7/settings", json=changes)


def test_asking_is_accepted_and_noted(client: FlaskClient, services: Services) -> None:
    review(services.database, [1])
    answer = client.post("/projects/7/train")
    assert (answer.status_code, answer.json) == (
        202,
        {"project": 7, "state": "asked", "active_run": None},
    )
    with services.database.read() as session:
        assert is_training_asked(session, PROJECT)


def test_asking_during_a_run_names_it(client: FlaskClient, services: Services) -> None:
    review(services.database, [1])
    run_id = begin(services.database)
    assert client.post("/projects/7/train").json["active_run"] == run_id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/projects/8/train"),
        ("POST", f"/projects/{2**70}/train"),
        ("GET", "/runs/none"),
        ("POST", "/runs/none/cancel"),
        ("GET", "/projects/8/settings"),
        ("PUT", "/projects/8/settings"),
    ],
)
def test_what_is_not_known_is_not_found(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method, json={})
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_callers_alone_are_answered(make_client: MakeClient, method: str, path: str) -> None:
    client = make_client(basic_auth_user="studio", basic_auth_pass="secret")
    assert client.open(path, method=method, json={}).status_code == 401
    wrong = {"Authorization": "Basic " + b64encode(b"studio:other").decode()}
    assert client.open(path, method=method, json={}, headers=wrong).status_code == 401


def test_runs_are_listed_the_newest_first(client: FlaskClient, services: Services) -> None:
    here, there = begin(services.database), begin(services.database, project=8, now=datetime.now(UTC))
    assert [run["id"] for run in client.get("/runs").json["runs"]] == [there, here]
    assert [run["id"] for run in client.get("/runs?project=7").json["runs"]] == [here]
    assert client.get("/runs?projekt=7").status_code == 400


def test_run_is_shown_with_its_epochs(client: FlaskClient, services: Services) -> None:
    run_id, now = begin(services.database), datetime.now(UTC)
    claim_run(services.database, run_id, owner="me", now=now)
    epoch = EpochMetrics(1, 5.0, {"train/box_loss": 1.25, "metrics/mAP50(B)": 0.5})
    store_epoch(services.database, run_id, epoch, checkpoint=CHECKPOINT, owner="me", now=now)
    shown = client.get(f"/runs/{run_id}").json
    assert (shown["id"], shown["state"], shown["epoch"]) == (run_id, "running", 1)
    assert shown["finished_epochs"] == [
        {"epoch": 1, "seconds": 5.0, "losses": {"train/box_loss": 1.25}, "metrics": {"mAP50": 0.5}}
    ]


def test_run_is_cancelled(client: FlaskClient, services: Services) -> None:
    run_id = begin(services.database)
    answer = client.post(f"/runs/{run_id}/cancel")
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert get_run(services.database, run_id).state == RunState.CANCELLED


def test_settings_are_shown_changed_and_taken_away(client: FlaskClient, services: Services) -> None:
    review(services.database, [1])
    before = client.get("/projects/7/settings").json
    assert (before["project"], before["own"], before["settings"]["TRAIN_EPOCHS"]) == (7, {}, 30)
    changed = put(client, TRAIN_EPOCHS=3, SPLIT_GROUP="camera")
    assert (changed.status_code, changed.json["own"]) == (200, {"SPLIT_GROUP": "camera", "TRAIN_EPOCHS": 3})
    assert changed.json["settings"]["TRAIN_EPOCHS"] == 3
    assert put(client, TRAIN_EPOCHS=None).json["own"] == {"SPLIT_GROUP": "camera"}
    assert put(client).json == client.get("/projects/7/settings").json


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param('{"TRAIN_EPOCHS": 0}', "TRAIN_EPOCHS", id="out of range"),
        pytest.param('{"TRAIN_EPOCHS": 3, "PORT": 80}', "no setting", id="not a project's"),
        pytest.param("[]", "expected a JSON object", id="a list"),
        pytest.param("", "not JSON", id="nothing"),
    ],
)
def test_settings_that_cannot_be_used_change_nothing(
    client: FlaskClient, services: Services, body: str, words: str
) -> None:
    review(services.database, [1])
    answer = client.put("/projects/7/settings", data=body)
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert words in answer.json["message"] and own_settings(services.database, PROJECT) == {}


def test_changes_of_settings_stand_in_the_audit_log(client: FlaskClient, services: Services) -> None:
    review(services.database, [1])
    put(client, TRAIN_EPOCHS=3)
    put(client, TRAIN_EPOCHS=0)
    refused, done = list_audit(services.database, PROJECT)
    assert (done.action, done.detail, done.is_done) == ("settings", "TRAIN_EPOCHS=3", True)
    assert not refused.is_done and refused.detail.startswith("TRAIN_EPOCHS=0: ")
