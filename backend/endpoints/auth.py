"""Who may call: HTTP basic for the protocol, a secret header for webhooks.

Without basic auth only this machine may call, whatever address the server listens on. What changes something
is never done for a page of another site, since a browser names the password to whatever page asks.
"""

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Request, request

from backend.endpoints.context import get_services
from backend.errors import Forbidden, Unauthorized
from backend.settings import Settings, is_loopback

if TYPE_CHECKING:
    from pydantic import SecretStr

SECRET_HEADER = "X-Webhook-Secret"
# Of a caller who need not name a password.
NO_NAME = "this machine"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def require_caller() -> None:
    """Let the request pass, or refuse it. A blueprint registers this before its requests.

    Raises:
        Unauthorized: basic auth is set up, and the request names other credentials or none.
        Forbidden: it is not set up, and the caller is another machine; or another site's page asks for a
            change.
    """
    _refuse_other_sites()
    settings = get_services().settings
    if settings.has_basic_auth:
        if not _has_basic_auth(request, settings):
            raise Unauthorized("User name and password are missing or wrong (HTTP basic).")
    else:
        _require_this_machine(settings)


def require_webhook_caller() -> None:
    """Let a webhook pass: the secret header, or basic auth, which the Start Training button sends.

    Raises:
        Unauthorized, Forbidden: as `require_caller`.
    """
    _refuse_other_sites()
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
    _require_this_machine(settings)


def caller_name() -> str:
    """Return the name that the caller has proved; `NO_NAME` where none is asked for."""
    given = request.authorization
    if not get_services().settings.has_basic_auth or given is None:
        return NO_NAME
    return given.username or NO_NAME


def _refuse_other_sites() -> None:
    """Refuse a change that a browser asks for on behalf of a page that is not ours.

    Programs such as Label Studio and curl send neither header. Where a browser names both, the first alone
    decides: a proxy may have written another host into the request.
    """
    if request.method in _SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_ours = site in ("same-origin", "none") if site else not origin or _host_of(origin) == request.host
    if not is_ours:
        raise Forbidden(
            f"A page of another site ({(origin or 'unnamed')[:80]}) asked for this; expected one of "
            f"{request.host}. Open the page of this server and do it there."
        )


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # no address at all
        return None


def _require_this_machine(settings: Settings) -> None:
    """Refuse other machines, and names that are not this machine's: a page may have its own name lead here.

    Raises:
        Forbidden: refused.
    """
    if not is_loopback(request.remote_addr or ""):
        raise Forbidden(
            "This server has no password, so it answers this machine alone. "
            "Set BASIC_AUTH_USER and BASIC_AUTH_PASS."
        )
    name = _name_of(f"//{request.host}")
    if not is_loopback(name) and name != _name_of(settings.public_url):
        raise Forbidden(
            f"This server has no password, so it answers to localhost alone, and was called {name[:80]!r}. "
            "Open it as localhost, or set BASIC_AUTH_USER and BASIC_AUTH_PASS."
        )


def _name_of(address: str) -> str:
    """Return the host's name of an address, without its port; empty where there is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _has_basic_auth(caller: Request, settings: Settings) -> bool:
    given = caller.authorization
    if given is None or given.type != "basic":
        return False
    # Both are compared always, so that the time taken tells nothing.
    is_user = hmac.compare_digest((given.username or "").encode(), settings.basic_auth_user.encode())
    return _equal(given.password, settings.basic_auth_pass) and is_user


def _equal(given: str | None, secret: "SecretStr") -> bool:
    return hmac.compare_digest((given or "").encode(), secret.get_secret_value().encode())
