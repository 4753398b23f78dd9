"""The one way to Label Studio's API: label-studio-sdk with our address and token, errors translated."""

import functools
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import httpx
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.core.api_error import ApiError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_exponential

from backend.errors import LabelStudioError

P = ParamSpec("P")
T = TypeVar("T")

_TIMEOUT_SECONDS = 60.0
_ATTEMPTS = 4
_RETRY_SECONDS = 60.0
_LONGEST_WAIT_SECONDS = 8.0
# Answers after which the same request may work: too many requests, and all that a server or a proxy says
# when it broke down. 500 too: Label Studio's list of tasks fails so when one of them is deleted meanwhile.
_PASSING = frozenset({429, 500, 502, 503, 504})
# Of 400 to 499, those that say nothing about the request itself.
_NO_REFUSAL = frozenset({408, 409, 425, 429})


def translate_errors(call: Callable[P, T]) -> Callable[P, T]:
    """Turn the SDK's errors into LabelStudioError, in words that name the remedy."""

    @functools.wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except ApiError as error:
            refused_with = error.status_code if is_refusal(error.status_code) else None
            raise LabelStudioError(explain(error), refused_with=refused_with) from error
        except json.JSONDecodeError as error:  # the SDK's own calls, where a proxy answers with a page
            raise LabelStudioError(
                "Label Studio answered with what is no JSON. Is LABEL_STUDIO_URL its address?"
            ) from error
        except httpx.HTTPError as error:
            raise LabelStudioError(
                f"Label Studio does not answer ({type(error).__name__}: {error}). Is it running, and is "
                "LABEL_STUDIO_URL its address as seen from here?"
            ) from error

    return wrapped


def is_refusal(status: int | None) -> bool:
    """Tell whether the same request would get the same answer again."""
    return status is not None and 400 <= status < 500 and status not in _NO_REFUSAL


def explain(error: ApiError) -> str:
    """Say what Label Studio refused, and what to do about it."""
    if error.status_code == 401:
        return (
            f"Label Studio refused the token: {_detail(error.body)}. Set LABEL_STUDIO_API_KEY to a personal "
            "access token (Account & Settings in Label Studio)."
        )
    if error.status_code == 404:
        return "Label Studio has no such project or object, or the token's user may not see it."
    return f"Label Studio answered {error.status_code}: {_detail(error.body)[:500]}"


def _detail(body: object) -> str:
    if isinstance(body, Mapping):
        # Where a field is wrong, "detail" says no more than that there is an error.
        body = body.get("validation_errors") or body.get("detail", body)
    return str(body)


class LabelStudioClient:
    """Label Studio's API for one user. The SDK refreshes personal access tokens by itself.

    Nothing is sent until the first call, so a server starts while Label Studio is down.

    Args:
        url: Label Studio's address, without a closing slash.
        api_key: Personal access token or legacy token; empty where there is none.
        transport: Sends the requests; None for the network.
        sleep: Waits between two attempts, for so many seconds.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self.sleep = sleep
        self._api_key = api_key
        self._transport = transport
        self._sdk: LabelStudio | None = None
        self._lock = threading.Lock()

    @property
    @translate_errors
    def sdk(self) -> LabelStudio:
        """The SDK's client.

        Raises:
            LabelStudioError: no token is set, or it has expired.
        """
        if not self._api_key:
            raise LabelStudioError(
                "LABEL_STUDIO_API_KEY is not set. Make a personal access token in Label Studio (Account & "
                "Settings) and put it into .env or the environment."
            )
        with self._lock:
            if self._sdk is None:
                self._sdk = LabelStudio(
                    # The SDK joins paths to its base address, which drops a sub-path without the slash.
                    base_url=self.url + "/",
                    api_key=self._api_key,
                    timeout=_TIMEOUT_SECONDS,
                    httpx_client=httpx.Client(
                        timeout=_TIMEOUT_SECONDS, follow_redirects=True, transport=self._transport
                    ),
                )
            return self._sdk

    @translate_errors
    def auth_headers(self) -> dict[str, str]:
        """Return the authorization header for Label Studio's own addresses; empty without a token.

        Raises:
            LabelStudioError: the token cannot be refreshed.
        """
        if not self._api_key:
            return {}
        headers: dict[str, str] = self.sdk._client_wrapper.get_headers()
        return {name: value for name, value in headers.items() if name.lower() == "authorization"}

    @translate_errors
    def renew_auth(self, refused: Mapping[str, str]) -> dict[str, str]:
        """Return another authorization header than the refused one, or the same where there is no other.

        The SDK trusts the expiry in an access token and this machine's clock, so it would go on sending one
        that has run out by Label Studio's clock, or that Label Studio no longer knows.

        Raises:
            LabelStudioError: the token cannot be refreshed.
        """
        if not self._api_key:
            return {}
        tokens = self.sdk._client_wrapper._tokens_client
        with tokens._token_refresh_lock:
            # Only who comes first with the refused token has it dropped; the others get its successor.
            if refused.get("Authorization") == f"Bearer {tokens._access_token}":
                tokens._access_token = None
        return self.auth_headers()

    @translate_errors
    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: object = None,
        is_repeatable: bool = True,
    ) -> Any:
        """Call what the SDK has no method for, or a heavier one; return the answer's JSON, None without any.

        Args:
            method: Of HTTP.
            path: Without a leading slash, such as "api/tasks/".
            params: Of the address.
            body: Becomes JSON; None for no body.
            is_repeatable: Whether it may be sent again after a failure that may pass: twice must do no harm.

        Raises:
            LabelStudioError: refused, or out of reach.
        """
        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_exponential(multiplier=0.5, max=_LONGEST_WAIT_SECONDS),
            stop=stop_after_attempt(_ATTEMPTS if is_repeatable else 1) | stop_after_delay(_RETRY_SECONDS),
            sleep=self.sleep,
            reraise=True,
        )
        content = None if body is None else json.dumps(body).encode()
        response = retrying(self._accepted, method, path, params=params, content=content)
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise LabelStudioError(
                f"{self.url} answered {path} with what is no JSON. Is that Label Studio's address "
                "(LABEL_STUDIO_URL)?"
            ) from error

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        timeout: float = _TIMEOUT_SECONDS,
    ) -> httpx.Response:
        """Send a request exactly once, and return the answer whatever its status.

        The SDK's methods send again by themselves after 408, 409, 429, 5xx and lost connections. Only one
        that was refused for an access token which has run out is sent again, with the next token.

        Raises:
            httpx.TransportError: no answer; whether the request arrived depends on the error.
            ApiError: the token cannot be refreshed.
            LabelStudioError: no token is set, or it has expired.
        """
        used = self.auth_headers()
        response = self._send_once(method, path, params, content, timeout)
        if response.status_code == 401 and self.renew_auth(used) != used:
            return self._send_once(method, path, params, content, timeout)
        return response

    def _send_once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        content: bytes | None,
        timeout: float,
    ) -> httpx.Response:
        response: httpx.Response = self.sdk._client_wrapper.httpx_client.request(
            path,
            method=method,
            params=params,
            content=content,
            headers=None if content is None else {"Content-Type": "application/json"},
            request_options={"max_retries": 0, "timeout": timeout},
        )
        return response

    def close(self) -> None:
        """Close its connections; a later call opens new ones."""
        with self._lock:
            sdk, self._sdk = self._sdk, None
        if sdk is not None:
            sdk._client_wrapper.httpx_client.httpx_client.close()

    def _accepted(
        self, method: str, path: str, *, params: Mapping[str, str | int] | None, content: bytes | None
    ) -> httpx.Response:
        response = self.send(method, path, params=params, content=content)
        if not response.is_success:
            raise api_error(response)
        return response


def api_error(response: httpx.Response) -> ApiError:
    """Return the SDK's error for an answer that is none of success."""
    try:
        body = response.json()
    except ValueError:
        body = response.text
    return ApiError(status_code=response.status_code, body=body)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, ApiError):
        return error.status_code in _PASSING
    return isinstance(error, httpx.TransportError)
