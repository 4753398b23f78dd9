"""The sync job on a real Redis: run by name, again and again until the pass is done."""

import pytest
from pydantic import SecretStr
from rq import Queue, SimpleWorker

from backend.queue import EVENTS, JobQueue
from backend.review.sync_request import ask_for_sync
from backend.services import Services
from backend.settings import Settings
from backend.store.syncs import get_sync
from tests.backend.makers import MakeSettings
from tests.backend.review.fake_annotated_project import PROJECT, FakeAnnotatedProject


@pytest.fixture
def settings(make_settings: MakeSettings, redis_address: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = make_settings(redis_url=redis_address, label_studio_api_key=SecretStr("token"))
    monkeypatch.setattr("retrain.jobs.read_settings", lambda: made)
    return made


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> FakeAnnotatedProject:
    made = FakeAnnotatedProject(100)
    monkeypatch.setattr("retrain.jobs.ProjectAnnotations", lambda client, project_id: made)
    return made


def work(queue: JobQueue) -> int:
    """Run all waiting jobs in this process; return how many failed."""
    events = Queue(EVENTS, connection=queue.redis)
    SimpleWorker([events], connection=queue.redis).work(burst=True, logging_level="ERROR")
    return len(events.failed_job_registry)


def test_sync_that_was_asked_for_is_done_in_turns(
    services: Services, queue: JobQueue, project: FakeAnnotatedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrain.jobs._TURN_SECONDS", 0.0)
    ask_for_sync(queue, PROJECT)
    assert work(queue) == 0
    state = get_sync(services.database, PROJECT)
    assert (state.tasks, state.is_running) == (100, False)
    assert project.calls.count("label_config") == 6  # once for each turn


def test_nothing_is_tried_without_a_token(
    make_settings: MakeSettings,
    services: Services,
    queue: JobQueue,
    project: FakeAnnotatedProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = make_settings(redis_url=services.settings.redis_url)
    monkeypatch.setattr("retrain.jobs.read_settings", lambda: bare)
    ask_for_sync(queue, PROJECT)
    assert work(queue) == 0 and project.calls == []
