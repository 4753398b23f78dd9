"""Alerts over HTTP: their shape, the filters, and what is refused."""

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from backend.services import Services
from backend.store.alerts import raise_alert, resolve_alert
from tests.backend.makers import MakeClient

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def alerts(services: Services) -> None:
    """One alert of project 7 that is resolved, one of project 8 that is open."""
    with services.database.write() as session:
        for project_id in (7, 8):
            raise_alert(session, project_id=project_id, kind="run_failed", key="", message="bad", now=NOW)
        resolve_alert(session, project_id=7, kind="run_failed", key="", message="good", now=NOW)


@pytest.mark.usefixtures("alerts")
def test_alert_comes_with_its_messages_and_times(client: FlaskClient) -> None:
    newest, oldest = client.get("/alerts").json["alerts"]
    assert (newest["project"], newest["open"], newest["resolved_at"]) == (8, True, None)
    assert oldest == {
        "alert": 1,
        "project": 7,
        "kind": "run_failed",
        "open": False,
        "message": "bad",
        "raised_at": "2026-05-01T12:00:00+00:00",
        "delivered_at": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_message": "good",
        "resolved_at": "2026-05-01T12:00:00+00:00",
        "resolved_delivered_at": None,
        "attempts": 0,
        "error": None,
        "next_attempt_at": None,
    }


@pytest.mark.usefixtures("alerts")
@pytest.mark.parametrize(
    ("query", "projects"),
    [
        pytest.param("?project=7", [7], id="project"),
        pytest.param("?open=true", [8], id="open"),
        pytest.param("?open=false", [7], id="resolved"),
        pytest.param("?project=7&open=true", [], id="both"),
    ],
)
def test_part_of_the_alerts_can_be_asked_for(client: FlaskClient, query: str, projects: list[int]) -> None:
    assert [each["project"] for each in client.get(f"/alerts{query}").json["alerts"]] == projects


@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param("?project=seven", "seven", id="no number"),
        pytest.param("?open=yes", "yes", id="neither true nor false"),
        pytest.param("?opne=true", "opne", id="misspelt parameter"),
    ],
)
def test_bad_parameter_is_refused_by_name(client: FlaskClient, query: str, named: str) -> None:
    answer = client.get(f"/alerts{query}")
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert named in answer.json["message"]


def test_caller_without_password_is_refused(make_client: MakeClient) -> None:
    assert make_client(basic_auth_user="me", basic_auth_pass="secret").get("/alerts").status_code == 401
