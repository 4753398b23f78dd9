"""Label Studio's errors in our words, and a token that goes nowhere by itself."""

import json

import httpx
import pytest
from label_studio_sdk.core.api_error import ApiError

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient, translate_errors
from backend.labelstudio.connect import PRIVATE_ADDRESS_HELP, explain_refusal
from tests.backend.image_server import ImageServer
from tests.backend.servers import free_port


def message_of(error: Exception) -> str:
    @translate_errors
    def fail() -> None:
        raise error

    with pytest.raises(LabelStudioError) as caught:
        fail()
    return caught.value.message


def test_legacy_token_is_sent_as_it_is_and_nobody_is_asked(image_server: ImageServer) -> None:
    client = LabelStudioClient(image_server.url, "legacy")
    assert client.auth_headers() == {"Authorization": "Token legacy"}
    assert image_server.seen == []


def test_no_token_is_no_header() -> None:
    client = LabelStudioClient("http://localhost:1", "")
    assert client.auth_headers() == {}
    with pytest.raises(LabelStudioError, match="LABEL_STUDIO_API_KEY is not set"):
        _ = client.sdk


def test_label_studio_under_a_path_is_asked_under_that_path(image_server: ImageServer) -> None:
    image_server.serve("/ls/api/version", json.dumps({"release": "1.23.2"}).encode(), kind="application/json")
    image_server.serve(
        "/ls/api/version/", json.dumps({"release": "1.23.2"}).encode(), kind="application/json"
    )
    assert LabelStudioClient(f"{image_server.url}/ls", "legacy").sdk.versions.get().release == "1.23.2"


def test_label_studio_that_is_down_is_named_with_the_setting() -> None:
    @translate_errors
    def ask() -> object:
        return LabelStudioClient(f"http://127.0.0.1:{free_port()}", "legacy").sdk.versions.get()

    with pytest.raises(LabelStudioError, match="LABEL_STUDIO_URL"):
        ask()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(
            ApiError(status_code=401, body={"detail": "expired"}), "personal access token", id="401"
        ),
        pytest.param(ApiError(status_code=404, body={}), "no such project", id="404"),
        pytest.param(ApiError(status_code=500, body="<html>" + "x" * 9999), "answered 500", id="500"),
        pytest.param(httpx.ReadTimeout("slow"), "does not answer", id="time out"),
    ],
)
def test_error_of_the_sdk_says_what_to_do(error: Exception, words: str) -> None:
    message = message_of(error)
    assert words in message and len(message) < 700


@pytest.mark.parametrize(
    "body",
    [
        {"url": ["URL resolves to a reserved network address (block: 127.0.0.0/8)"]},
        {"validation_errors": {"non_field_errors": ["The URL is blocked"]}},
    ],
)
def test_refusal_of_a_private_address_names_the_two_settings(body: dict[str, object]) -> None:
    message = explain_refusal(ApiError(status_code=400, body=body), "http://127.0.0.1:9090")
    assert PRIVATE_ADDRESS_HELP in message
    assert "ML_BLOCK_LOCAL_IP=false" in message and "SSRF_PROTECTION_ENABLED=false" in message


def test_other_refusal_is_told_as_it_is() -> None:
    message = explain_refusal(ApiError(status_code=400, body={"title": ["too long"]}), "http://h")
    assert "too long" in message and PRIVATE_ADDRESS_HELP not in message
