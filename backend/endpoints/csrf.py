"""Forms that only our own pages can send: a random value both in a cookie and in a field of the form.

Another site's page can send a form here, and the browser adds the cookie, but such a page knows the value of
neither (OWASP, Cross-Site Request Forgery Prevention: double-submit cookie). `auth.require_caller` looks
besides at what the browser says of where the request comes from.
"""

import hmac
import re
import secrets

from flask import Response, g, request

from backend.errors import Forbidden

FIELD = COOKIE = "csrf"
_PATH = "/dashboard"
_BYTES = 32
# What `secrets.token_urlsafe` makes of so many bytes.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def csrf_token() -> str:
    """Return the value for the form's field; that of the browser's cookie, or a new one."""
    known = request.cookies.get(COOKIE, "")
    if _TOKEN.fullmatch(known):
        return known
    if "csrf_token" not in g:
        g.csrf_token = secrets.token_urlsafe(_BYTES)
    token: str = g.csrf_token
    return token


def check_form() -> None:
    """Let a form of ours pass.

    Raises:
        Forbidden: its value is missing, or is not that of the browser's cookie.
    """
    known, given = request.cookies.get(COOKIE, ""), request.form.get(FIELD, "")
    is_ours = hmac.compare_digest(known.encode("utf-8", "replace"), given.encode("utf-8", "replace"))
    if not (is_ours and _TOKEN.fullmatch(known)):
        raise Forbidden(
            "The form was not made by this page, or its cookie is gone. Open the page anew, with cookies "
            "allowed, and send the form again."
        )


def keep_token(response: Response) -> Response:
    """Send a new value to the browser with the page that holds it."""
    if "csrf_token" in g:
        set_page_cookie(response, COOKIE, g.csrf_token)
    return response


def set_page_cookie(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set a cookie that scripts cannot read, and that no other site's request carries.

    Args:
        response: The answer.
        name: Of the cookie.
        value: In characters that need no quotes.
        max_age: Seconds for which it is kept; None: until the browser is closed.
    """
    # A proxy that speaks TLS for us says so.
    is_secure = request.is_secure or request.headers.get("X-Forwarded-Proto", "") == "https"
    response.set_cookie(
        name, value, max_age=max_age, path=_PATH, secure=is_secure, httponly=True, samesite="Strict"
    )
