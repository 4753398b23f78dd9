"""What may be sent again is, what may not is not, and a refusal is told from a breakdown."""

import base64
import json
import time
from collections.abc import Callable

import httpx
import pytest

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient

Ends = list[int | type[Exception]]


class Script:
    """Answers each request with the next status or error, then with 200."""

    def __init__(self, ends: Ends, *, content: bytes = b'{"ok": true}') -> None:
        self.ends = ends
        self.content = content
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def client(self) -> LabelStudioClient:
        transport = httpx.MockTransport(self._answer)
        return LabelStudioClient("http://h/ls", "token", transport=transport, sleep=self.slept.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        end = self.ends.pop(0) if self.ends else 200
        if isinstance(end, int):
            return httpx.Response(end, content=self.content)
        raise end("as told")


def refused(call: Callable[[], object]) -> LabelStudioError:
    with pytest.raises(LabelStudioError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("end", [429, 500, 502, 503, 504, httpx.ConnectError, httpx.ReadTimeout])
def test_failure_that_may_pass_is_tried_again(end: int | type[Exception]) -> None:
    script = Script([end, end])
    assert script.client().request("GET", "api/tasks/", params={"a": 1}) == {"ok": True}
    assert [str(request.url) for request in script.requests] == ["http://h/ls/api/tasks/?a=1"] * 3
    assert script.slept == sorted(script.slept) and len(script.slept) == 2


def test_failure_that_does_not_pass_is_told_after_four_attempts() -> None:
    script = Script([503] * 9)
    error = refused(lambda: script.client().request("GET", "api/tasks/"))
    assert error.refused_with is None and "503" in error.message and len(script.requests) == 4


@pytest.mark.parametrize("end", [503, httpx.ReadTimeout])
def test_what_must_not_happen_twice_is_sent_once(end: int | type[Exception]) -> None:
    script = Script([end])
    refused(lambda: script.client().request("POST", "api/dm/views/", body={}, is_repeatable=False))
    assert len(script.requests) == 1 and script.slept == []


@pytest.mark.parametrize(
    ("status", "refused_with"), [(400, 400), (401, 401), (404, 404), (408, None), (409, None)]
)
def test_refusal_is_final_and_names_its_status(status: int, refused_with: int | None) -> None:
    script = Script([status])
    error = refused(lambda: script.client().request("GET", "api/tasks/"))
    assert error.refused_with == refused_with and len(script.requests) == 1


def test_refusal_says_which_field_is_wrong() -> None:
    body = b'{"detail": "Validation error", "validation_errors": {"title": ["too short"]}}'
    error = refused(lambda: Script([400], content=body).client().request("GET", "api/tasks/"))
    assert "too short" in error.message


def test_answer_of_something_else_than_label_studio_is_told_as_such() -> None:
    error = refused(lambda: Script([], content=b"<html>").client().request("GET", "api/tasks/"))
    assert "LABEL_STUDIO_URL" in error.message


def test_empty_answer_is_none() -> None:
    assert Script([204], content=b"").client().request("DELETE", "api/predictions/1/") is None


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_plain_send_is_sent_once_and_gives_any_answer(status: int) -> None:
    script = Script([status])
    response = script.client().send("POST", "api/predictions/", content=b"[1]")
    assert response.status_code == status and len(script.requests) == 1
    assert script.requests[0].headers["content-type"] == "application/json"
    assert script.requests[0].headers["authorization"] == "Token token"
    assert script.requests[0].content == b"[1]"


def test_plain_send_does_not_send_again_when_the_connection_is_lost() -> None:
    script = Script([httpx.RemoteProtocolError])
    with pytest.raises(httpx.RemoteProtocolError):
        script.client().send("POST", "api/predictions/", content=b"{}")
    assert len(script.requests) == 1


def personal_token(number: int, *, seconds: int) -> str:
    """Return a token as Label Studio makes them; nobody here checks the signature."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"exp": int(time.time()) + seconds, "jti": str(number)}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


class PersonalTokens:
    """Plays Label Studio for a personal access token: knows only the newest of its access tokens."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.posts: list[str] = []

    def client(self) -> LabelStudioClient:
        key = personal_token(0, seconds=3600)
        return LabelStudioClient("http://h", key, transport=httpx.MockTransport(self._answer))

    def forget(self) -> None:
        """Let the access token in use run out by Label Studio's clock."""
        self.made.append("none that anybody was given")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/token/refresh/":
            self.made.append(personal_token(len(self.made) + 1, seconds=300))
            return httpx.Response(200, json={"access": self.made[-1]})
        self.posts.append(request.headers["Authorization"])
        return httpx.Response(200 if self.posts[-1] == f"Bearer {self.made[-1]}" else 401, json={})


def test_access_token_that_has_run_out_is_renewed_and_the_request_sent_once_more() -> None:
    tokens = PersonalTokens()
    client = tokens.client()
    assert client.request("GET", "api/tasks/") == {}
    tokens.forget()
    assert client.request("POST", "api/predictions/", body={}, is_repeatable=False) == {}
    assert len(tokens.posts) == 3 and tokens.posts[0] == tokens.posts[1] != tokens.posts[2]
