"""The worker's jobs on a real Redis: from a webhook to the project's row, and again after an outage."""

from pathlib import Path

from rq import Queue, SimpleWorker

from backend.app import create_app
from backend.inference.checkpoint import Checkpoint
from backend.queue import EVENTS, JobQueue
from backend.services import Services
from backend.settings import Settings
from backend.store.projects import list_projects
from retrain.jobs import process_events
from retrain.worker import queue_lost_work
from tests.backend.label_configs import BOXES, NO_BOXES
from tests.backend.makers import MakeServices, MakeSettings


def report(services: Services, config: str, *, title: str = "") -> None:
    """Let Label Studio report that a project changed."""
    body = {"action": "PROJECT_UPDATED", "project": {"id": 7, "title": title, "label_config": config}}
    assert create_app(services).test_client().post("/webhook", json=body).status_code == 201


def work(queue: JobQueue) -> int:
    """Run all waiting jobs in this process; return how many failed."""
    events = Queue(EVENTS, connection=queue.redis)
    SimpleWorker([events], connection=queue.redis).work(burst=True, logging_level="ERROR")
    return len(events.failed_job_registry)


def versions(services: Services) -> list[tuple[int, str | None]]:
    return [(project, version) for project, version, _ in list_projects(services.database)]


def test_changed_project_is_processed_by_one_job(
    services: Services, queue: JobQueue, tiny_checkpoint: Checkpoint
) -> None:
    for number in range(5):
        report(services, BOXES, title=str(number))
    assert queue.lengths()["events"] == 1
    assert work(queue) == 0
    assert versions(services) == [(7, tiny_checkpoint.version)]


def test_change_after_the_job_gets_a_job_of_its_own(services: Services, queue: JobQueue) -> None:
    report(services, BOXES)
    work(queue)
    report(services, NO_BOXES)
    assert queue.lengths()["events"] == 1
    assert work(queue) == 0
    assert versions(services) == [(7, None)]


def test_job_may_run_twice(services: Services, queue: JobQueue) -> None:
    report(services, BOXES)
    assert [process_events(7), process_events(7)] == [1, 0]


def test_worker_takes_along_what_came_while_redis_was_down(
    services: Services, queue: JobQueue, settings: Settings, tiny_checkpoint: Checkpoint
) -> None:
    report(services, BOXES)
    queue.redis.flushdb()  # as lost as if it had never been queued
    assert work(queue) == 0 and versions(services) == []
    queue_lost_work(services.database, queue)
    assert work(queue) == 0
    assert versions(services) == [(7, tiny_checkpoint.version)]


def test_worker_has_nothing_to_queue_on_a_new_database(
    make_settings: MakeSettings, make_services: MakeServices, queue: JobQueue, tmp_path: Path
) -> None:
    fresh = make_services(make_settings(data_dir=tmp_path / "new"))
    queue_lost_work(fresh.database, queue)
    assert set(queue.lengths().values()) == {0}
