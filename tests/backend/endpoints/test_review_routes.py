"""The review table over HTTP: pages, filters, totals, CSV, and what is refused."""

import csv
import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.errors import DatabaseUnavailable
from backend.review.table import COLUMNS
from backend.services import Services
from backend.store.projects import store_project
from tests.backend.makers import MakeClient
from tests.backend.review_rows import NOON, PROJECT, log_predictions, open_task, store_rows, viewed_task

ROUTE = f"/projects/{PROJECT}/reviews"


def tasks(client: FlaskClient, query: str = "") -> list[int]:
    return [row["task"] for row in get(client, query)["reviews"]]


def get(client: FlaskClient, query: str = "") -> dict[str, Any]:
    answer = client.get(ROUTE + query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.fixture
def table(services: Services) -> None:
    """Four tasks of the project: not viewed, viewed, viewed blind, in training; and one of another."""
    store_rows(
        services.database,
        open_task(1),
        viewed_task(2),
        viewed_task(3, annotator=9, is_blind=True),
        viewed_task(4, state="taken_in_training", version="v2", image="=1+1"),
        open_task(5, project_id=PROJECT + 1),
    )
    log_predictions(services.database, [(1, 6)])


@pytest.mark.usefixtures("table")
def test_rows_come_with_totals_and_links(client: FlaskClient, services: Services) -> None:
    body = get(client)
    assert list(body) == ["reviews", "next_after", "totals"]
    assert body["totals"] == {"not_viewed": 1, "viewed": 2, "taken_in_training": 1}
    assert body["next_after"] is None
    first = body["reviews"][0]
    assert tuple(first) == COLUMNS
    assert (first["state"], first["predicted"], first["kept"], first["reviewed_at"]) == (
        "not_viewed",
        6,
        None,
        None,
    )
    assert first["link"] == f"{services.settings.label_studio_url}/projects/{PROJECT}/data?task=1"
    assert body["reviews"][1]["reviewed_at"] == NOON.isoformat()


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("?state=viewed", [2, 3], id="state"),
        pytest.param("?annotator=9", [3], id="annotator"),
        pytest.param("?version=v2", [4], id="version"),
        pytest.param("?corrected=true", [2, 3, 4], id="corrected"),
        pytest.param("?blind=true", [3], id="blind"),
        pytest.param("?blind=false&state=viewed", [2], id="two filters"),
        pytest.param("?since=2025-03-01", [2, 3, 4], id="since a day"),
        pytest.param("?since=2025-03-02", [], id="since a later day"),
    ],
)
def test_filters_choose_rows_and_leave_totals_alone(
    client: FlaskClient, query: str, found: list[int]
) -> None:
    assert tasks(client, query) == found
    assert get(client, query)["totals"] == get(client)["totals"]
    assert [int(row["task"]) for row in rows_of(client.get(f"{ROUTE}{query}&format=csv").text)] == found


@pytest.mark.usefixtures("table")
def test_pages_end_with_the_last_row_and_not_with_an_empty_page(client: FlaskClient) -> None:
    first = get(client, "?limit=2")
    assert ([row["task"] for row in first["reviews"]], first["next_after"]) == ([1, 2], 2)
    second = get(client, "?limit=2&after=2")
    assert ([row["task"] for row in second["reviews"]], second["next_after"]) == ([3, 4], None)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        pytest.param("", None, "application/json", id="nothing said"),
        pytest.param("", "*/*", "application/json", id="anything"),
        pytest.param("", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json", id="browser"),
        pytest.param("", "text/csv", "text/csv", id="accept csv"),
        pytest.param("", "text/csv;q=0.5,application/json", "application/json", id="accept both"),
        pytest.param("?format=csv", "application/json", "text/csv", id="format before accept"),
        pytest.param("?format=json", "text/csv", "application/json", id="json by format"),
    ],
)
def test_format_or_accept_chooses(client: FlaskClient, query: str, accept: str | None, kind: str) -> None:
    answer = client.get(ROUTE + query, headers={"Accept": accept} if accept else {})
    assert answer.mimetype == kind


@pytest.mark.usefixtures("table")
def test_csv_is_a_file_that_excel_reads_as_utf_8(client: FlaskClient) -> None:
    answer = client.get(f"{ROUTE}?format=csv")
    assert answer.data.startswith(b"\xef\xbb\xbftask,image,")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="reviews-project-{PROJECT}.csv"'
    assert "charset=utf-8" in answer.headers["Content-Type"]
    assert rows_of(answer.text)[3]["image"] == "'=1+1"


@pytest.mark.usefixtures("table")
def test_csv_holds_all_rows_whatever_the_page(client: FlaskClient) -> None:
    answer = client.get(f"{ROUTE}?format=csv&limit=1&after=2")
    assert [row["task"] for row in rows_of(answer.text)] == ["1", "2", "3", "4"]


def test_csv_streams_page_by_page(client: FlaskClient, services: Services) -> None:
    store_rows(services.database, *(open_task(task_id) for task_id in range(1, 2502)))
    answer = client.get(f"{ROUTE}?format=csv", buffered=False)
    pieces = [piece.decode().count("\r\n") for piece in answer.response]
    assert pieces == [0, 1, 1000, 1000, 501]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("state=seen", "\"state\" is 'seen'; expected one of not_viewed, viewed,", id="state"),
        pytest.param("state=", "\"state\" is ''; expected one of", id="empty state"),
        pytest.param("annotator=anna", "\"annotator\" is 'anna'; expected a whole number", id="annotator"),
        pytest.param("annotator=" + "9" * 30, "expected a whole number", id="number beyond any id"),
        pytest.param("after=-1", "\"after\" is '-1'; expected a whole number", id="after"),
        pytest.param("limit=0", '"limit" is 0; expected 1 to 1000', id="limit too small"),
        pytest.param("limit=1001", '"limit" is 1001; expected 1 to 1000', id="limit too large"),
        pytest.param("corrected=yes", "\"corrected\" is 'yes'; expected true or false", id="corrected"),
        pytest.param("blind=1", "\"blind\" is '1'; expected true or false", id="blind"),
        pytest.param("blind=", "\"blind\" is ''; expected true or false", id="empty truth"),
        pytest.param("since=monday", "\"since\" is 'monday'; expected an ISO 8601 date", id="since"),
        pytest.param("format=xlsx", "\"format\" is 'xlsx'; expected csv or json", id="format"),
        pytest.param("version=%00", '"version" is', id="version that no text column holds"),
        pytest.param("sate=viewed", '"sate" is no parameter; expected any of state,', id="misspelt filter"),
    ],
)
def test_bad_parameter_is_refused_with_what_was_expected(client: FlaskClient, query: str, words: str) -> None:
    answer = client.get(f"{ROUTE}?{query}")
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert words in answer.json["message"]


def test_unknown_project_is_not_found(client: FlaskClient) -> None:
    for project in (PROJECT, 10**30):
        answer = client.get(f"/projects/{project}/reviews?format=csv")
        assert (answer.status_code, answer.json["error"]) == (404, "not_found")


def test_known_project_without_tasks_has_an_empty_table(client: FlaskClient, services: Services) -> None:
    store_project(services.database, PROJECT, label_config="<View/>", model_version=None, now=NOON)
    assert get(client) == {
        "reviews": [],
        "next_after": None,
        "totals": {"not_viewed": 0, "viewed": 0, "taken_in_training": 0},
    }
    assert rows_of(client.get(f"{ROUTE}?format=csv").text) == []


def test_database_that_is_away_is_an_error_and_not_half_a_file(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise DatabaseUnavailable("The database does not answer.")

    monkeypatch.setattr(services.database, "read", away)
    assert client.get(f"{ROUTE}?format=csv").status_code == 503


def test_caller_needs_the_password(make_client: MakeClient) -> None:
    guarded = make_client(basic_auth_user="me", basic_auth_pass="secret")
    assert guarded.get(ROUTE).status_code == 401
    assert guarded.get(ROUTE, auth=("me", "secret")).status_code == 404
