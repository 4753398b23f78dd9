"""What the worker's tests share: settings with a real Redis, which jobs read too, and an empty queue."""

from collections.abc import Iterator

import pytest

from backend.queue import JobQueue
from backend.services import Services
from backend.settings import Settings
from tests.backend.makers import MakeSettings


@pytest.fixture
def settings(make_settings: MakeSettings, redis_address: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with Redis, which jobs read too."""
    made = make_settings(redis_url=redis_address)
    monkeypatch.setattr("retrain.jobs.read_settings", lambda: made)
    return made


@pytest.fixture
def queue(services: Services) -> Iterator[JobQueue]:
    """The server's queue, emptied."""
    services.queue.redis.flushdb()
    yield services.queue
    services.queue.redis.flushdb()
