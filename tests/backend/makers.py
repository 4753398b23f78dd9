"""Types of the fixtures that make parts of the application."""

from collections.abc import Callable

from click.testing import Result
from flask.testing import FlaskClient

from backend.services import Services
from backend.settings import Settings

RunCommand = Callable[..., Result]
MakeSettings = Callable[..., Settings]
MakeServices = Callable[[Settings], Services]
MakeClient = Callable[..., FlaskClient]
