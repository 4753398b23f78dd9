"""Forms of other sites are refused: by the form's hidden value, and by where browsers say they come from."""

from base64 import b64encode

import pytest
from flask.testing import FlaskClient

from backend.services import Services
from backend.store.audit import list_audit
from backend.store.training_requests import is_training_asked
from tests.backend.endpoints.page_forms import answer, token_of
from tests.backend.makers import MakeClient
from tests.backend.review_rows import store_rows, viewed_task
from tests.backend.tallies import PROJECT, know_project

PAGE = f"/dashboard/projects/{PROJECT}/train"
OTHER_TOKEN = "A" * 43
CROSS_SITE = [
    pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
    pytest.param({"Sec-Fetch-Site": "same-site"}, id="another port of this host"),
    pytest.param({"Origin": "https://evil.example"}, id="another host"),
    pytest.param({"Origin": "http://localhost:8080"}, id="Label Studio beside us"),
    pytest.param({"Origin": "null"}, id="a page without an origin"),
    pytest.param({"Origin": "http://[evil"}, id="no address"),
    pytest.param({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, id="site and own host"),
]
OWN = [
    pytest.param({}, id="Label Studio's server, or curl"),
    pytest.param({"Sec-Fetch-Site": "same-origin"}, id="own page"),
    pytest.param({"Sec-Fetch-Site": "none"}, id="an address that somebody typed"),
    pytest.param({"Origin": "http://localhost"}, id="own page of a browser that says no more"),
    pytest.param(
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://label.example"},
        id="behind a proxy of another name",
    ),
]


@pytest.fixture(autouse=True)
def project(services: Services) -> None:
    know_project(services.database)
    # As many as a run needs.
    store_rows(services.database, *map(viewed_task, range(1, 11)))


def is_asked(services: Services) -> bool:
    with services.database.read() as session:
        return is_training_asked(session, PROJECT)


def test_form_of_our_own_page_is_taken(client: FlaskClient, services: Services) -> None:
    assert answer(client, PAGE).status_code == 303
    assert is_asked(services)


def test_page_that_asks_changes_nothing(client: FlaskClient, services: Services) -> None:
    assert client.get(PAGE).status_code == 200
    assert not is_asked(services) and list_audit(services.database) == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="no value"),
        pytest.param({"csrf": ""}, id="empty value"),
        pytest.param({"csrf": OTHER_TOKEN}, id="another value"),
        pytest.param({"csrf": "ü" * 43}, id="letters that no value has"),
    ],
)
def test_form_without_the_cookies_value_is_refused(
    client: FlaskClient, services: Services, fields: dict[str, str]
) -> None:
    client.get(PAGE)
    refused = client.post(PAGE, data=fields)
    assert refused.status_code == 403 and "cookie" in refused.text
    assert not is_asked(services) and list_audit(services.database) == []


@pytest.mark.parametrize("value", ["", "short", OTHER_TOKEN])
def test_value_without_its_cookie_is_refused(client: FlaskClient, services: Services, value: str) -> None:
    assert client.post(PAGE, data={"csrf": value}).status_code == 403
    assert not is_asked(services)


def test_two_empty_values_are_not_equal_enough(client: FlaskClient, services: Services) -> None:
    client.set_cookie("csrf", "", path="/dashboard")
    assert client.post(PAGE, data={"csrf": ""}).status_code == 403
    assert not is_asked(services)


def test_refused_form_comes_back_and_works_then(client: FlaskClient, services: Services) -> None:
    refused = client.post(PAGE)
    assert client.post(PAGE, data={"csrf": token_of(refused)}).status_code == 303
    assert is_asked(services)


def test_several_open_pages_share_one_value(client: FlaskClient) -> None:
    first, second = client.get(PAGE), client.get(PAGE)
    assert token_of(first) == token_of(second)
    assert "Set-Cookie" not in second.headers


def test_each_browser_has_a_value_of_its_own(make_client: MakeClient, services: Services) -> None:
    application = make_client().application
    values = {token_of(application.test_client().get(PAGE)) for _ in range(3)}
    assert len(values) == 3 and all(len(value) == 43 for value in values)


@pytest.mark.parametrize(
    ("base", "headers", "is_secure"),
    [
        pytest.param("http://localhost", {}, False, id="http"),
        pytest.param("https://localhost", {}, True, id="https"),
        pytest.param("http://localhost", {"X-Forwarded-Proto": "https"}, True, id="a proxy speaks https"),
    ],
)
def test_cookie_is_hidden_from_scripts_and_from_other_sites(
    client: FlaskClient, base: str, headers: dict[str, str], is_secure: bool
) -> None:
    cookie = client.get(PAGE, base_url=base, headers=headers).headers["Set-Cookie"]
    parts = cookie.split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/dashboard"} <= set(parts)
    assert ("Secure" in parts) == is_secure


@pytest.mark.parametrize("headers", CROSS_SITE)
@pytest.mark.parametrize(
    "path",
    [f"/projects/{PROJECT}/train", f"/projects/{PROJECT}/promote", "/predict", "/setup", "/webhook", PAGE],
)
def test_change_for_a_page_of_another_site_is_refused(
    client: FlaskClient, services: Services, path: str, headers: dict[str, str]
) -> None:
    # A form may send JSON as text without asking first.
    refused = client.post(path, data='{"version": null}', headers={"Content-Type": "text/plain", **headers})
    assert refused.status_code == 403
    assert not is_asked(services) and list_audit(services.database) == []


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_other_sites_may_not_use_the_password_that_a_browser_adds(
    make_client: MakeClient, headers: dict[str, str]
) -> None:
    client = make_client(basic_auth_user="ada", basic_auth_pass="secret")
    password = {"Authorization": "Basic " + b64encode(b"ada:secret").decode()}
    assert client.post(f"/projects/{PROJECT}/train", headers={**password, **headers}).status_code == 403
    assert client.get("/runs", headers={**password, **headers}).status_code == 200


@pytest.mark.parametrize("headers", OWN)
def test_everybody_else_may_go_on(client: FlaskClient, services: Services, headers: dict[str, str]) -> None:
    assert client.post(f"/projects/{PROJECT}/train", headers=headers).status_code == 202
    assert is_asked(services)


def test_refusal_names_the_page_that_asked(client: FlaskClient) -> None:
    refused = client.post(f"/projects/{PROJECT}/train", headers={"Origin": "https://evil.example"})
    assert refused.json["error"] == "forbidden"
    assert "https://evil.example" in refused.json["message"] and "localhost" in refused.json["message"]
