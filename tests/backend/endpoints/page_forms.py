"""A page's question answered as a browser does: the form is fetched, and sent back with its hidden field."""

import html
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_TOKEN = re.compile(r'name="csrf" value="([^"]*)"')
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_MESSAGE = re.compile(r'<p class="message[^>]*>(.*?)(?: <a href="([^"]*)">.*?)?</p>', re.DOTALL)


def token_of(page: TestResponse) -> str:
    """Return the hidden field of a page's form."""
    found = _TOKEN.search(page.text)
    assert found, page.text
    return found[1]


def hidden_of(page: TestResponse) -> dict[str, str]:
    """Return all hidden fields of a page's form."""
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(page.text)}


def answer(
    client: FlaskClient, address: str, headers: dict[str, str] | None = None, **fields: Any
) -> TestResponse:
    """Open the page that asks, and send its form with these fields filled in."""
    page = client.get(address, headers=headers)
    assert page.status_code == 200, page.text
    return client.post(address, data={**hidden_of(page), **fields}, headers=headers)


def message_of(page: TestResponse) -> str:
    """Return the line that stands above a page."""
    found = _MESSAGE.search(page.text)
    return html.unescape(found[1]) if found else ""


def link_of_message(page: TestResponse) -> str | None:
    """Return where the line above a page leads on to; None where it does not."""
    found = _MESSAGE.search(page.text)
    return found[2] if found else None
