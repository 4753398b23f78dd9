"""A line that stands above the next page: what became of what somebody just did, and where that is seen.

It travels in a cookie of a minute, so that no address holds it and a page that is loaded again is free of it.
"""

import base64
import binascii
import re

from flask import Response, g, request
from markupsafe import Markup, escape

from backend.endpoints.csrf import set_page_cookie

COOKIE = "notice"
_SECONDS = 60
# Browsers keep 4096 bytes of a cookie, of which base64 takes a quarter.
_MOST_BYTES = 2400
_SECTION = re.compile(r"[a-z][a-z-]{0,40}")


def leave_notice(response: Response, text: str, *, section: str = "") -> Response:
    """Let the page that comes next show a line, cut at what a cookie holds.

    Args:
        response: The answer that leads there.
        text: The line.
        section: The part of that page, by its element's id, which the line leads on to; "" for none.
    """
    cut = f"{section}\n{text}".encode("utf-8", "replace")[:_MOST_BYTES]
    set_page_cookie(response, COOKIE, base64.urlsafe_b64encode(cut).decode(), max_age=_SECONDS)
    return response


def take_notice() -> str:
    """Return the line that is to be shown, once, with its link; "" where there is none."""
    given = request.cookies.get(COOKIE)
    if given is None:
        return ""
    g.is_notice_taken = True
    try:
        section, _, text = base64.urlsafe_b64decode(given).decode("utf-8", "ignore").partition("\n")
    except (binascii.Error, ValueError):  # nothing that we have written
        return ""
    if not _SECTION.fullmatch(section):
        return text
    return escape(text) + Markup(' <a href="#{}">See it below</a>').format(section)


def forget_notice(response: Response) -> Response:
    """Take the line that a page has shown out of the browser, unless a new one follows."""
    is_renewed = any(header.startswith(f"{COOKIE}=") for header in response.headers.getlist("Set-Cookie"))
    if g.get("is_notice_taken") and not is_renewed:
        set_page_cookie(response, COOKIE, "", max_age=0)
    return response
