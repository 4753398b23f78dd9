"""A queue without jobs, and settings under which six reviewed tasks make a run due."""

import pytest

from backend.queue import JobQueue
from backend.settings import Settings


@pytest.fixture
def queue(redis_address: str) -> JobQueue:
    made = JobQueue(redis_address)
    made.redis.flushdb()
    return made


@pytest.fixture
def settings(clean_environment: None) -> Settings:
    given = {"retrain_min_examples": 4, "retrain_min_reviewed": 6, "retrain_min_corrections": 100}
    return Settings(_env_file=None, **given)
