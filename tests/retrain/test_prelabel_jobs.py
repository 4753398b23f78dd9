"""The pre-labelling job on a real Redis: queued, run by name, and found again when its worker was killed."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from rq import Queue, SimpleWorker, Worker

from backend.entities import JobOptions, JobState
from backend.prelabel.start import start_prelabel
from backend.queue import PREDICT, JobQueue
from backend.sam.embed_progress import EmbedJobs
from backend.services import Services
from backend.store.jobs import ask_to_cancel, claim_job, get_job
from backend.store.leases import LEASE
from retrain.worker import queue_lost_work
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject


@pytest.fixture
def project(image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    image_server.serve("/data/a.png", png())
    made = FakeProject({n: {"image": "/data/a.png"} for n in range(1, 11)})
    monkeypatch.setattr("retrain.jobs.LabelStudioProject", lambda client, project_id: made)
    return made


def work(queue: JobQueue) -> int:
    """Run all waiting jobs in this process; return how many failed."""
    waiting = Queue(PREDICT, connection=queue.redis)
    SimpleWorker([waiting], connection=queue.redis).work(burst=True, logging_level="ERROR")
    return len(waiting.failed_job_registry)


def test_job_started_by_the_server_is_done_by_the_worker(
    services: Services, queue: JobQueue, project: FakeProject
) -> None:
    job, _ = start_prelabel(services.database, queue, 7, JobOptions())
    assert work(queue) == 0
    assert get_job(services.database, job.id).state == JobState.DONE
    assert set(project.pushed) == set(project.tasks)


def test_job_that_redis_lost_is_found_in_the_database(
    services: Services, queue: JobQueue, project: FakeProject
) -> None:
    job, _ = start_prelabel(services.database, queue, 7, JobOptions())
    queue.redis.flushdb()
    queue_lost_work(services.database, queue)
    queue_lost_work(services.database, queue)
    assert queue.lengths()[PREDICT] == 1
    assert work(queue) == 0
    assert get_job(services.database, job.id).state == JobState.DONE


def test_job_of_a_living_worker_is_left_to_it_and_that_of_a_dead_one_is_queued(
    services: Services, queue: JobQueue, project: FakeProject
) -> None:
    job, _ = start_prelabel(services.database, queue, 7, JobOptions())
    queue.redis.flushdb()
    now = datetime.now(UTC)
    claim_job(services.database, job.id, owner="alive", done=0, now=now)
    queue_lost_work(services.database, queue)
    assert queue.lengths()[PREDICT] == 0
    claim_job(services.database, job.id, owner="dead", done=0, now=now - 2 * LEASE)
    with services.database.write() as session:
        from backend.store.tables import SqlJob

        row = session.get(SqlJob, job.id)
        assert row is not None
        row.lease_until = now - timedelta(seconds=1)
    queue_lost_work(services.database, queue)
    assert queue.lengths()[PREDICT] == 1


def test_worker_that_is_asked_to_end_gives_its_job_back_and_another_finishes_it(
    services: Services, queue: JobQueue, project: FakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.prelabel.run._HEARTBEAT_SECONDS", 0.01)
    job, _ = start_prelabel(services.database, queue, 7, JobOptions())

    def ask_to_end(call: str) -> None:
        if call == "label_config":
            (worker,) = Worker.all(connection=queue.redis)
            queue.redis.hset(worker.key, "shutdown_requested_date", "now")  # as RQ does at SIGTERM
            threading.Event().wait(0.5)  # never set: gives the heartbeat time to see it

    project.before = ask_to_end
    assert work(queue) == 0
    assert get_job(services.database, job.id).state == JobState.QUEUED
    project.before = lambda _: None
    queue_lost_work(services.database, queue)
    assert work(queue) == 0
    assert get_job(services.database, job.id).state == JobState.DONE
    assert set(project.pushed) == set(project.tasks)


def test_ended_job_does_nothing_when_it_comes_again(
    services: Services, queue: JobQueue, project: FakeProject
) -> None:
    job, _ = start_prelabel(services.database, queue, 7, JobOptions())
    ask_to_cancel(services.database, job.id, now=datetime.now(UTC))
    assert work(queue) == 0
    assert project.calls == []


@pytest.mark.parametrize("has_weights", [True, False], ids=["weights", "no weights yet"])
def test_images_of_a_prelabelled_project_with_smart_tools_are_encoded_next(
    services: Services,
    queue: JobQueue,
    project: FakeProject,
    monkeypatch: pytest.MonkeyPatch,
    has_weights: bool,
) -> None:
    project.config = BOXES.replace("<RectangleLabels", '<RectangleLabels smart="true" model_train="true"')
    monkeypatch.setattr("retrain.jobs.embed_project", lambda _: None)
    if has_weights:
        services.settings.models_path.mkdir(parents=True, exist_ok=True)
        (services.settings.models_path / services.settings.sam_model).touch()
    job, _ = start_prelabel(services.database, queue, 7, JobOptions())
    assert work(queue) == 0
    assert get_job(services.database, job.id).state == JobState.DONE
    assert (EmbedJobs(queue.redis).get(7) is not None) == has_weights
