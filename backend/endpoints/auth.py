"""Who may call: HTTP basic for the protocol, a secret header for webhooks.

Without basic auth only this machine may call, whatever address the server listens on.
"""

import hmac
from typing import TYPE_CHECKING

from flask import Request, request

from backend.endpoints.context import get_services
from backend.errors import Forbidden, Unauthorized
from backend.settings import Settings, is_loopback

if TYPE_CHECKING:
    from pydantic import SecretStr

SECRET_HEADER = "X-Webhook-Secret"


def require_caller() -> None:
    """Let the request pass, or refuse it. A blueprint registers this before its requests.

    Raises:
        Unauthorized: basic auth is set up, and the request names other credentials or none.
        Forbidden: it is not set up, and the caller is another machine.
    """
    settings = get_services().settings
    if settings.has_basic_auth:
        if not _has_basic_auth(request, settings):
            raise Unauthorized("User name and password are missing or wrong (HTTP basic).")
    elif not is_loopback(request.remote_addr or ""):
        raise _no_auth_set_up()


def require_webhook_caller() -> None:
    """Let a webhook pass: the secret header, or basic auth, which the Start Training button sends.

    Raises:
        Unauthorized, Forbidden: as `require_caller`.
    """
    settings = get_services().settings
    secret = settings.webhook_secret
    if secret.get_secret_value() and _equal(request.headers.get(SECRET_HEADER), secret):
        return
    if settings.has_basic_auth and _has_basic_auth(request, settings):
        return
    if secret.get_secret_value() or settings.has_basic_auth:
        raise Unauthorized(
            f"The header {SECRET_HEADER} is missing or wrong. `connect` sets it in Label Studio."
        )
    if not is_loopback(request.remote_addr or ""):
        raise _no_auth_set_up()


def _no_auth_set_up() -> Forbidden:
    return Forbidden(
        "This server has no password, so it answers this machine alone. "
        "Set BASIC_AUTH_USER and BASIC_AUTH_PASS."
    )


def _has_basic_auth(caller: Request, settings: Settings) -> bool:
    given = caller.authorization
    if given is None or given.type != "basic":
        return False
    # Both are compared always, so that the time taken tells nothing.
    is_user = hmac.compare_digest((given.username or "").encode(), settings.basic_auth_user.encode())
    return _equal(given.password, settings.basic_auth_pass) and is_user


def _equal(given: str | None, secret: "SecretStr") -> bool:
    return hmac.compare_digest((given or "").encode(), secret.get_secret_value().encode())
