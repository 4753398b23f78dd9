"""The OpenAPI document is valid, names every route, and what routes answer is as it says."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from backend.endpoints.openapi import describe
from backend.endpoints.report import PARTS
from backend.review.entities import Tally
from backend.services import Services
from backend.store.stored_reports import store_report
from tests.backend.report.makers import make_report
from tests.backend.tallies import PROJECT, know_project, store_tallies


@pytest.fixture
def described(app: Flask) -> dict[str, Any]:
    return describe(app)


def check(described: dict[str, Any], path: str, method: str, status: int, body: object) -> None:
    answer = described["paths"][path][method]["responses"][str(status)]
    reference = answer["content"]["application/json"]["schema"]
    Draft202012Validator({**reference, "components": described["components"]}).validate(body)


def test_document_is_valid(described: dict[str, Any]) -> None:
    validate(described)


def test_document_names_each_route_for_machines(app: Flask, client: FlaskClient) -> None:
    paths = client.get("/openapi.json").json["paths"]
    described = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    rules = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/dashboard")]
    expected = {
        (rule.rule.replace("<int:", "{").replace("<", "{").replace(">", "}"), method)
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule != "/openapi.json"
    }
    assert described == expected


def test_each_route_but_metrics_has_a_schema_for_its_answer(described: dict[str, Any]) -> None:
    without = [
        path
        for path, methods in described["paths"].items()
        for operation in methods.values()
        if not any("application/json" in each["content"] for code, each in operation["responses"].items()
                   if code != "default")
    ]  # fmt: skip
    assert without == ["/metrics"]


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/versions",
        "/jobs",
        "/runs",
        "/alerts",
        "/projects/{project_id}/quality",
        "/projects/{project_id}/versions",
        "/projects/{project_id}/settings",
        "/projects/{project_id}/reviews",
        "/projects/{project_id}/report",
    ],
)
def test_answer_is_as_described(
    client: FlaskClient, services: Services, described: dict[str, Any], path: str
) -> None:
    know_project(services.database)
    store_tallies(services.database, 1, {"cat": Tally(kept=3, deleted=1)})
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    answer = client.get(path.replace("{project_id}", str(PROJECT)))
    assert answer.status_code == 200
    check(described, path, "get", 200, answer.json)


def test_error_is_as_described(client: FlaskClient, described: dict[str, Any]) -> None:
    path = "/projects/{project_id}/report"
    answer = described["paths"][path]["get"]["responses"]["default"]
    reference = answer["content"]["application/json"]["schema"]
    body = client.get("/projects/404/report").json
    Draft202012Validator({**reference, "components": described["components"]}).validate(body)


@pytest.mark.parametrize("part", sorted(PARTS))
def test_part_of_a_report_is_as_described(
    client: FlaskClient, services: Services, described: dict[str, Any], part: str
) -> None:
    know_project(services.database)
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    answer = client.get(f"/projects/{PROJECT}/report/{part}")
    assert set(answer.json) == {"project_id", "made_at", PARTS[part]}
    check(described, "/projects/{project_id}/report/{part}", "get", 200, answer.json)


def test_unknown_part_is_refused_with_those_there_are(client: FlaskClient, services: Services) -> None:
    know_project(services.database)
    answer = client.get(f"/projects/{PROJECT}/report/nothing")
    assert answer.status_code == 404
    assert "agreement" in answer.json["message"]


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/projects/{project_id}/prelabel", "post", {"200", "202"}),
        ("/webhook", "post", {"200", "201"}),
        ("/ready", "get", {"200", "503"}),
    ],
)
def test_each_status_of_a_good_answer_is_described(
    described: dict[str, Any], path: str, method: str, statuses: set[str]
) -> None:
    assert set(described["paths"][path][method]["responses"]) == {*statuses, "default"}


def test_table_of_reviews_is_described_as_csv_too(described: dict[str, Any]) -> None:
    answer = described["paths"]["/projects/{project_id}/reviews"]["get"]["responses"]["200"]
    assert set(answer["content"]) == {"application/json", "text/csv"}
