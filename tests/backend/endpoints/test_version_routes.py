"""Trained versions over HTTP: listed, promoted, rolled back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.errors import DatabaseUnavailable
from backend.services import Services
from backend.store.jobs import list_jobs
from backend.store.project_settings import set_project_settings
from backend.store.projects import store_project
from backend.store.promotions import list_promotions, wanted_prelabels
from backend.store.versions import alias_moves, champion_of
from backend.training.entities import TrainedVersion
from tests.backend.label_configs import BOXES
from tests.backend.makers import MakeClient
from tests.backend.registry.makers import NOW, PROJECT, store_version

URL = f"/projects/{PROJECT}"
OTHER = 8


@pytest.fixture(autouse=True)
def known_projects(services: Services) -> None:
    for project_id in (PROJECT, OTHER):
        store_project(services.database, project_id, label_config=BOXES, model_version=None, now=NOW)


@pytest.fixture
def store(services: Services, tiny_weights: Path) -> Callable[..., TrainedVersion]:
    return lambda **options: store_version(
        services.database, services.artifacts, PROJECT, tiny_weights, **options
    )


def test_versions_are_listed_newest_first_with_what_was_measured(
    client: FlaskClient, store: Callable[..., TrainedVersion]
) -> None:
    first = store(parent="tiny-1a2b3c4d")
    second = store(parent=first.version)
    client.post(f"{URL}/promote", json={"version": first.version})
    listed = client.get(f"{URL}/versions").json
    assert (listed["project"], listed["champion"]) == (PROJECT, first.version)
    assert listed["settings_version"].startswith("tiny-")
    assert [each["version"] for each in listed["versions"]] == [second.version, first.version]
    each = listed["versions"][1]
    assert (each["number"], each["state"], each["images"], each["has_weights"]) == (1, "champion", 100, True)
    assert (each["verdict"], each["verdict_reasons"]) == ("hold", ["too few test images"])
    assert each["comparison"]["challenger"]["map50"] == 0.8
    assert each["comparison"]["class_differences"]["Car"] == {"value": 0.1, "low": 0.0, "high": 0.2}


def test_project_without_versions_lists_none(client: FlaskClient) -> None:
    listed = client.get(f"/projects/{OTHER}/versions").json
    assert (listed["champion"], listed["versions"]) == (None, [])


def test_promotion_and_rollback_change_what_serves_and_start_prelabelling(
    client: FlaskClient, services: Services, store: Callable[..., TrainedVersion]
) -> None:
    first = store()
    promoted = client.post(f"{URL}/promote", json={"version": first.version, "reason": " looks fine "})
    [job] = list_jobs(services.database, project_id=PROJECT)
    assert promoted.json == {
        "project": PROJECT,
        "champion": first.version,
        "changed": True,
        "prelabel_job": job.id,
        "prelabel_waits": False,
    }
    again = client.post(f"{URL}/promote", json={"version": first.version}).json
    assert (again["changed"], again["prelabel_job"]) == (False, None)
    back = client.post(f"{URL}/rollback").json
    assert (back["champion"], back["changed"]) == (None, True)
    assert champion_of(services.database, PROJECT) is None
    with services.database.read() as session:
        reasons = [each.reason for each in list_promotions(session, PROJECT)]
    assert reasons == ["looks fine", "rolled back by hand"]


def test_null_is_the_weights_of_the_settings(
    client: FlaskClient, services: Services, store: Callable[..., TrainedVersion]
) -> None:
    client.post(f"{URL}/promote", json={"version": store().version})
    assert client.post(f"{URL}/promote", json={"version": None}).json["changed"]
    assert champion_of(services.database, PROJECT) is None


def test_project_may_want_no_prelabelling(
    client: FlaskClient, services: Services, store: Callable[..., TrainedVersion]
) -> None:
    set_project_settings(services.database, PROJECT, {"PROMOTE_PRELABEL": False}, services.settings)
    answer = client.post(f"{URL}/promote", json={"version": store().version}).json
    assert (answer["changed"], answer["prelabel_job"], answer["prelabel_waits"]) == (True, None, False)
    assert list_jobs(services.database) == []


@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        pytest.param("promote", {}, 400, id="no version"),
        pytest.param("promote", {"version": ""}, 400, id="empty version"),
        pytest.param("promote", {"version": 3}, 400, id="number"),
        pytest.param("promote", {"version": "a\x00b"}, 400, id="NUL"),
        pytest.param("promote", {"version": "none"}, 404, id="unknown version"),
        pytest.param("promote", {"version": None, "reason": 3}, 400, id="reason that is no text"),
        pytest.param("promote", {"version": None, "why": "x"}, 400, id="unknown field"),
        pytest.param("promote", ["v1"], 400, id="list"),
        pytest.param("rollback", {}, 404, id="nothing to go back to"),
        pytest.param("rollback", {"version": "v1"}, 400, id="rollback to a version"),
    ],
)
def test_what_cannot_be_done_is_refused(client: FlaskClient, route: str, body: Any, status: int) -> None:
    answer = client.post(f"{URL}/{route}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json["message"]


def test_version_of_another_project_is_refused(
    client: FlaskClient, services: Services, store: Callable[..., TrainedVersion]
) -> None:
    answer = client.post(f"/projects/{OTHER}/promote", json={"version": store().version})
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")


@pytest.mark.parametrize("project", [9, 2**63, 10**30], ids=["never seen", "beyond 64 bits", "huge"])
def test_unknown_project_is_not_found_and_leaves_no_trace(
    client: FlaskClient, services: Services, project: int
) -> None:
    url = f"/projects/{project}"
    answers = [
        client.get(f"{url}/versions"),
        client.post(f"{url}/promote", json={"version": None}),
        client.post(f"{url}/rollback"),
    ]
    assert [each.status_code for each in answers] == [404, 404, 404]
    assert alias_moves(services.database) == {}


def test_promotion_counts_though_its_prelabelling_cannot_be_started_at_once(
    client: FlaskClient,
    services: Services,
    store: Callable[..., TrainedVersion],
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr("backend.registry.change.start_wanted_prelabels", refuse)
    version = store().version
    answer = client.post(f"{URL}/promote", json={"version": version})
    assert (answer.status_code, answer.json["changed"], answer.json["prelabel_waits"]) == (200, True, True)
    assert "prelabel_not_started" in read_log()
    assert [each.version for each in wanted_prelabels(services.database)] == [version]


def test_callers_without_the_password_are_refused(make_client: MakeClient) -> None:
    client = make_client(basic_auth_user="label-studio", basic_auth_pass="secret")
    assert client.get(f"{URL}/versions").status_code == 401
    for route in ("promote", "rollback"):
        assert client.post(f"{URL}/{route}", json={"version": None}).status_code == 401
