"""The one way to Label Studio's API: label-studio-sdk with our address and token, errors translated."""

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import httpx
from label_studio_sdk.client import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from backend.errors import LabelStudioError

P = ParamSpec("P")
T = TypeVar("T")


def translate_errors(call: Callable[P, T]) -> Callable[P, T]:
    """Turn the SDK's errors into LabelStudioError, in words that name the remedy."""

    @functools.wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except ApiError as error:
            raise LabelStudioError(_explain(error)) from error
        except httpx.HTTPError as error:
            raise LabelStudioError(
                f"Label Studio does not answer ({type(error).__name__}: {error}). Is it running, and is "
                "LABEL_STUDIO_URL its address as seen from here?"
            ) from error

    return wrapped


def _explain(error: ApiError) -> str:
    body = error.body
    detail = body.get("detail", body) if isinstance(body, dict) else body
    if error.status_code == 401:
        return (
            f"Label Studio refused the token: {detail}. Set LABEL_STUDIO_API_KEY to a personal access token "
            "(Account & Settings in Label Studio)."
        )
    if error.status_code == 404:
        return "Label Studio has no such project or object, or the token's user may not see it."
    return f"Label Studio answered {error.status_code}: {str(detail)[:500]}"


class LabelStudioClient:
    """Label Studio's API for one user. The SDK refreshes personal access tokens by itself.

    Nothing is sent until the first call, so a server starts while Label Studio is down.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        self._api_key = api_key
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
                # The SDK joins paths to its base address, which drops a sub-path without the closing slash.
                self._sdk = LabelStudio(base_url=self.url + "/", api_key=self._api_key)
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
