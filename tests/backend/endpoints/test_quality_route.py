"""Quality over HTTP: its shape, its filters, and what is refused."""

import pytest
from flask.testing import FlaskClient

from backend.review.entities import Tally
from backend.services import Services
from tests.backend.makers import MakeClient
from tests.backend.tallies import NEXT_MONDAY, PROJECT, know_project, store_relabelled, store_tallies

ROUTE = f"/projects/{PROJECT}/quality"


@pytest.fixture
def corrected(services: Services) -> None:
    """One corrected annotation of version v1, two of v2 of which one is blind."""
    know_project(services.database)
    store_tallies(services.database, 1, {"cat": Tally(kept=2, adjusted=1, deleted=1)})
    store_tallies(services.database, 2, {"cat": Tally(kept=1)}, version="v2", week=NEXT_MONDAY)
    dogs = {"dog": Tally(added=1), "cat": Tally(relabelled_from=1), "bus": Tally(relabelled_to=1)}
    store_tallies(services.database, 3, dogs, version="v2", week=NEXT_MONDAY, is_blind=True, annotator=None)
    store_relabelled(services.database, 3, ("cat", "bus"), version="v2")


@pytest.mark.usefixtures("corrected")
def test_versions_come_with_figures_and_their_groups(client: FlaskClient) -> None:
    body = client.get(ROUTE).json
    assert body["project"] == PROJECT and [each["version"] for each in body["versions"]] == ["v2", "v1"]
    newest, oldest = body["versions"]
    assert (oldest["first_week"], oldest["last_week"], oldest["anchoring"]) == (
        "2024-11-04",
        "2024-11-04",
        None,
    )
    figures = oldest["corrected"]
    assert figures["precision"]["value"] == 0.75 and figures["recall"]["value"] == 1
    assert figures["precision"]["low"] < 0.75 < figures["precision"]["high"]
    rates = ("precision", "recall", "f1")
    assert {name: count for name, count in figures.items() if name not in rates} == {
        "annotations": 1,
        "tasks": 1,
        "ground_truth": 0,
        "kept": 2,
        "adjusted": 1,
        "relabelled": 0,
        "relabelled_to": 0,
        "deleted": 1,
        "added": 0,
        "tp": 3,
        "fp": 1,
        "fn": 0,
    }
    assert [each["label"] for each in newest["labels"]] == ["bus", "cat", "dog"]
    assert [each["annotator"] for each in newest["annotators"]] == [5, None]
    assert [each["week"] for each in newest["weeks"]] == ["2024-11-11"]
    assert newest["relabelled"] == [{"shown": "cat", "annotated": "bus", "count": 1}]
    assert newest["anchoring"]["precision"]["value"] == 1


@pytest.mark.usefixtures("corrected")
def test_rate_of_nothing_is_null(client: FlaskClient) -> None:
    blind = client.get(ROUTE).json["versions"][1]["blind"]
    assert (blind["annotations"], blind["precision"], blind["recall"], blind["f1"]) == (0, None, None, None)


@pytest.mark.usefixtures("corrected")
@pytest.mark.parametrize(
    ("query", "versions"),
    [
        pytest.param("?version=v1", ["v1"], id="version"),
        pytest.param("?version=v3", [], id="version without corrections"),
        pytest.param("?since=2024-11-13", ["v2"], id="since a day of the second week"),
        pytest.param("?since=2024-11-13&version=v1", [], id="both"),
    ],
)
def test_part_of_the_annotations_can_be_asked_for(
    client: FlaskClient, query: str, versions: list[str]
) -> None:
    assert [each["version"] for each in client.get(ROUTE + query).json["versions"]] == versions


def test_known_project_without_corrections_has_no_versions(client: FlaskClient, services: Services) -> None:
    know_project(services.database)
    answer = client.get(ROUTE)
    assert (answer.status_code, answer.json) == (200, {"project": PROJECT, "versions": []})


@pytest.mark.parametrize("project", [8, 2**70])
def test_unknown_project_is_not_found(client: FlaskClient, project: int) -> None:
    answer = client.get(f"/projects/{project}/quality")
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")


@pytest.mark.usefixtures("corrected")
@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param("?since=yesterday", "yesterday", id="no date"),
        pytest.param("?since=", "since", id="empty date"),
        pytest.param("?version=v%00", "version", id="NUL, which PostgreSQL refuses"),
        pytest.param("?sinse=2024-11-13", "sinse", id="misspelt parameter"),
    ],
)
def test_bad_parameter_is_refused_by_name(client: FlaskClient, query: str, named: str) -> None:
    answer = client.get(ROUTE + query)
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert named in answer.json["message"]


def test_caller_without_password_is_refused(make_client: MakeClient) -> None:
    client = make_client(basic_auth_user="me", basic_auth_pass="secret")
    assert client.get(ROUTE).status_code == 401
