"""What every endpoint needs from its request: the process's services, and the body as JSON."""

import json
import math
from typing import NoReturn

from flask import Flask, current_app, request

from backend.errors import BadRequest
from backend.services import Services

_KEY = "services"
_MAX_DEPTH = 200


def attach_services(app: Flask, services: Services) -> None:
    """Make the services reachable from the app's requests."""
    app.extensions[_KEY] = services


def get_services() -> Services:
    """Return the services of the app that handles the current request."""
    services = current_app.extensions[_KEY]
    assert isinstance(services, Services)
    return services


def read_json() -> object:
    """Return the request's body, decoded as strict JSON.

    Raises:
        BadRequest, RequestEntityTooLarge: as `read_json_text`.
    """
    return read_json_text()[0]


def read_json_text() -> tuple[object, str | None]:
    """Return the request's body, decoded as strict JSON, and its text; None for one that is not all ASCII.

    Raises:
        BadRequest: not JSON, nested beyond what Python's decoder follows, or holding NaN or Infinity.
        RequestEntityTooLarge: longer than MAX_BODY_MB.
    """
    text = request.get_data(cache=False)
    if request.content_length is None:
        # A body in chunks is cut off at the limit without a word; one more byte tells.
        request.stream.read(1)
    try:
        body: object = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}. Expected a JSON object.") from None
    _check_depth(body)
    return body, text.decode("ascii") if text.isascii() else None


def _too_deep() -> BadRequest:
    return BadRequest(f"The body is nested too deeply; at most {_MAX_DEPTH} levels are read.")


def _check_depth(body: object) -> None:
    # What Python's decoder just followed, its encoder might not: it runs deeper in the stack.
    level = [body] if isinstance(body, (dict, list)) else []
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        _refuse(text[:40])
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
