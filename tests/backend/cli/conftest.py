"""The command line with the test's settings."""

import pytest
from click.testing import Result
from typer.testing import CliRunner

from backend.cli import app
from backend.services import Services
from backend.settings import Settings
from tests.backend.makers import RunCommand


@pytest.fixture
def run_command(services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Run a command with the test's settings, on the database of `services`."""
    monkeypatch.setattr("backend.cli.console.read_settings", lambda: settings)

    def call(*arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "120"}).invoke(app, list(arguments))

    return call
