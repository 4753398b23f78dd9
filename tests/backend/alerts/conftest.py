"""A place where alerts arrive."""

from collections.abc import Iterator

import pytest

from tests.backend.alerts.hook_server import HookServer, run_hook_server


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    """A server that takes messages."""
    with run_hook_server() as server:
        yield server
