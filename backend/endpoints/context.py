"""What every endpoint needs from its request: the process's services, and the body as JSON."""

import json
from typing import NoReturn

from flask import Flask, current_app, request

from backend.errors import BadRequest
from backend.services import Services

_KEY = "services"


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
        BadRequest: not JSON, nested beyond what Python's decoder follows, or holding NaN or Infinity.
    """
    try:
        return json.loads(request.get_data(cache=False), parse_constant=_refuse)
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}. Expected a JSON object.") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
