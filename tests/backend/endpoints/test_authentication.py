"""Who may call: everybody to health, callers to the protocol, webhooks to their one address."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.backend.makers import MakeClient

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
USER, PASSWORD, SECRET = "studio", "pass:wörd", "webhook-secret"
PASSWORD_SETTINGS = {"basic_auth_user": USER, "basic_auth_pass": PASSWORD}
EVENT = {"action": "PROJECT_UPDATED", "project": {"id": 1}}
GUARDED = [
    pytest.param("POST", "/setup", id="setup"),
    pytest.param("POST", "/validate", id="validate"),
    pytest.param("POST", "/predict", id="predict"),
    pytest.param("GET", "/versions", id="versions"),
    pytest.param("POST", "/versions", id="versions by POST"),
    pytest.param("POST", "/job_status", id="job status"),
    pytest.param("POST", "/webhook", id="webhook"),
    pytest.param("GET", "/metrics", id="metrics"),
]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_password_another_machine_is_forbidden(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method, json={}, environ_overrides=ELSEWHERE)
    assert answer.status_code == 403
    assert answer.json["error"] == "forbidden"
    assert "BASIC_AUTH_USER" in answer.json["message"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_without_a_password_this_machine_may_call(client: FlaskClient, address: str) -> None:
    assert client.get("/versions", environ_overrides={"REMOTE_ADDR": address}).status_code == 200
    assert client.post("/webhook", json=EVENT, environ_overrides={"REMOTE_ADDR": address}).status_code == 201


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
def test_health_is_open_to_everybody(make_client: MakeClient, path: str) -> None:
    answer = make_client(**PASSWORD_SETTINGS).get(path, environ_overrides=ELSEWHERE)
    assert answer.status_code in (200, 503)
    assert "checks" in answer.json or answer.json["status"] == "UP"


def test_right_password_opens_the_protocol_to_another_machine(make_client: MakeClient) -> None:
    client = make_client(**PASSWORD_SETTINGS)
    answer = client.get("/versions", headers=basic(USER, PASSWORD), environ_overrides=ELSEWHERE)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param(basic(USER, "wrong"), id="wrong password"),
        pytest.param(basic("other", PASSWORD), id="wrong user"),
        pytest.param(basic(USER, ""), id="empty password"),
        pytest.param({"Authorization": "Basic !!!"}, id="not base64"),
        pytest.param({"Authorization": "Basic " + b64encode(b"\xff:\xfe").decode()}, id="not UTF-8"),
        pytest.param({"Authorization": f"Bearer {PASSWORD.encode('ascii', 'ignore').decode()}"}, id="bearer"),
        pytest.param({"X-Webhook-Secret": SECRET}, id="the webhook's secret"),
    ],
)
def test_wrong_credentials_are_refused_even_on_this_machine(
    make_client: MakeClient, headers: dict[str, str]
) -> None:
    client = make_client(**PASSWORD_SETTINGS, webhook_secret=SECRET)
    answer = client.get("/versions", headers=headers)
    assert answer.status_code == 401
    assert answer.json["error"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_refusal_is_silent_about_the_secrets(make_client: MakeClient, read_log: Callable[[], str]) -> None:
    client = make_client(**PASSWORD_SETTINGS, webhook_secret=SECRET)
    answers = [
        client.get("/versions", headers=basic(USER, "guessed-one")),
        client.post("/webhook", json=EVENT, headers={"X-Webhook-Secret": "guessed-two"}),
    ]
    log = read_log()
    assert "unauthorized" in log
    said = "".join(a.text + a.status + str(a.headers) for a in answers) + log
    for secret in (PASSWORD, SECRET, "guessed-one", "guessed-two"):
        assert secret not in said


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"X-Webhook-Secret": SECRET}, 201, id="secret"),
        pytest.param(basic(USER, PASSWORD), 201, id="basic auth, as the Start Training button"),
        pytest.param({"X-Webhook-Secret": "wrong"}, 401, id="wrong secret"),
        pytest.param({"X-Webhook-Secret": ""}, 401, id="empty secret"),
        pytest.param({"X-Webhook-Secret": SECRET + "x"}, 401, id="secret and more"),
        pytest.param({}, 401, id="nothing"),
    ],
)
def test_webhook_takes_the_secret_or_basic_auth(
    make_client: MakeClient, headers: dict[str, str], status: int
) -> None:
    client = make_client(**PASSWORD_SETTINGS, webhook_secret=SECRET)
    answer = client.post("/webhook", json=EVENT, headers=headers, environ_overrides=ELSEWHERE)
    assert answer.status_code == status


def test_webhook_secret_alone_guards_the_webhook_and_opens_nothing_else(make_client: MakeClient) -> None:
    client = make_client(webhook_secret=SECRET)
    headers = {"X-Webhook-Secret": SECRET}
    assert client.post("/webhook", json=EVENT).status_code == 401
    sent = client.post("/webhook", json=EVENT, headers=headers, environ_overrides=ELSEWHERE)
    assert sent.status_code == 201
    asked = client.get("/versions", headers=headers, environ_overrides=ELSEWHERE)
    assert asked.status_code == 403


def test_refused_webhook_is_not_stored(make_client: MakeClient) -> None:
    client = make_client(webhook_secret=SECRET)
    client.post("/webhook", json=EVENT)
    stored = client.post("/webhook", json=EVENT, headers={"X-Webhook-Secret": SECRET})
    assert stored.json == {"status": "stored"}


@pytest.mark.parametrize("host", ["evil.example:9090", "localhost.evil.example", "192.0.2.7:9090", "[", ""])
@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_password_a_foreign_name_for_this_machine_is_forbidden(
    client: FlaskClient, method: str, path: str, host: str
) -> None:
    # A page may have its own name lead here, and then counts as one of ours in a browser.
    same_site = {"Host": host, "Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}"}
    answer = client.open(path, method=method, json=EVENT, headers=same_site)
    assert answer.status_code == 403 and "localhost" in answer.json["message"]


@pytest.mark.parametrize("host", ["localhost:9090", "127.0.0.1:9090", "[::1]:9090", "backend.lan:9090"])
def test_without_a_password_own_names_are_answered(make_client: MakeClient, host: str) -> None:
    client = make_client(backend_url="http://backend.lan:9090")
    assert client.get("/versions", headers={"Host": host}).status_code == 200


def test_with_a_password_any_name_is_answered(make_client: MakeClient) -> None:
    headers = {**basic(USER, PASSWORD), "Host": "backend.example"}
    assert make_client(**PASSWORD_SETTINGS).get("/versions", headers=headers).status_code == 200
