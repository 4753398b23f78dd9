"""The embedding job on a real Redis: run by name, in turns, and found again when its worker was killed."""

from pathlib import Path

import pytest
from rq import Queue, SimpleWorker

from backend.entities import JobState
from backend.queue import EVENTS, PREDICT, TRAIN, JobQueue
from backend.sam.embed_progress import EmbedJobs
from backend.sam.embed_start import start_embedding
from backend.sam.task_embeddings import TaskEmbeddings
from backend.services import Services
from retrain.worker import queue_lost_work
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import SMART_BOXES
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject
from tests.backend.sam.counting_sam import CountingHolder, CountingSam, embeddings_in

PROJECT = 7
COUNT = 5


@pytest.fixture
def sam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CountingSam:
    made = CountingSam()

    def build(services: Services) -> TaskEmbeddings:
        return TaskEmbeddings(CountingHolder(made), embeddings_in(tmp_path), services.media)

    monkeypatch.setattr("retrain.jobs._task_embeddings", build)
    return made


@pytest.fixture
def project(image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    for number in range(1, COUNT + 1):
        image_server.serve(f"/data/{number}.png", png(10 + number, 8))
    made = FakeProject({n: {"image": f"/data/{n}.png"} for n in range(1, COUNT + 1)}, config=SMART_BOXES)
    monkeypatch.setattr("retrain.jobs.LabelStudioProject", lambda client, project_id: made)
    return made


def work(queue: JobQueue, most: int | None = None, of: tuple[str, ...] = (PREDICT,)) -> int:
    """Run waiting jobs in this process, all or so many; return how many failed."""
    waiting = [Queue(name, connection=queue.redis) for name in of]
    SimpleWorker(waiting, connection=queue.redis).work(burst=True, logging_level="ERROR", max_jobs=most)
    return len(waiting[0].failed_job_registry)


def state(queue: JobQueue) -> JobState:
    found = EmbedJobs(queue.redis).get(PROJECT)
    assert found is not None
    return found.state


def test_job_that_was_asked_for_goes_on_while_nobody_else_waits(
    services: Services,
    queue: JobQueue,
    project: FakeProject,
    sam: CountingSam,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retrain.jobs._TURN_SECONDS", 0.0)
    start_embedding(queue, PROJECT)
    assert work(queue) == 0
    assert state(queue) == JobState.DONE and len(sam.encoded) == COUNT
    assert project.calls.count("label_config") == 1


def test_job_makes_room_for_others_and_comes_back(
    services: Services,
    queue: JobQueue,
    project: FakeProject,
    sam: CountingSam,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retrain.jobs._TURN_SECONDS", 0.0)
    start_embedding(queue, PROJECT)
    start_embedding(queue, PROJECT + 1)
    assert work(queue, 1) == 0
    assert (state(queue), len(sam.encoded)) == (JobState.QUEUED, 1)
    waiting = Queue(PREDICT, connection=queue.redis).jobs
    assert [job.args[0] for job in waiting] == [PROJECT + 1, PROJECT]
    assert work(queue) == 0
    assert state(queue) == JobState.DONE and len(sam.encoded) == COUNT


def test_job_of_a_killed_worker_is_found_again(
    services: Services, queue: JobQueue, project: FakeProject, sam: CountingSam
) -> None:
    jobs = EmbedJobs(queue.redis)
    jobs.begin(PROJECT)
    jobs.claim(PROJECT, owner="dead")
    queue_lost_work(services.database, queue)
    assert queue.lengths()[PREDICT] == 0
    queue.redis.delete(f"embed:{PROJECT}:worker")  # as it runs out by itself
    queue_lost_work(services.database, queue)
    assert queue.lengths()[PREDICT] == 1
    assert work(queue) == 0 and state(queue) == JobState.DONE


def test_job_that_another_worker_does_is_left_to_it(
    services: Services, queue: JobQueue, project: FakeProject, sam: CountingSam
) -> None:
    start_embedding(queue, PROJECT)
    EmbedJobs(queue.redis).claim(PROJECT, owner="alive")
    assert work(queue) == 0
    assert (state(queue), sam.encoded, queue.lengths()[PREDICT]) == (JobState.RUNNING, [], 0)


def test_training_that_waits_for_the_same_worker_has_its_turn_before_the_rest(
    services: Services,
    queue: JobQueue,
    project: FakeProject,
    sam: CountingSam,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retrain.jobs._TURN_SECONDS", 0.0)
    start_embedding(queue, PROJECT)
    queue.enqueue_once(TRAIN, "time.monotonic")
    assert work(queue, 1, of=(PREDICT, TRAIN)) == 0
    assert (state(queue), len(sam.encoded)) == (JobState.QUEUED, 1)
    queue_lost_work(services.database, queue)
    assert queue.lengths() == {EVENTS: 0, PREDICT: 0, TRAIN: 1}
    assert work(queue, of=(PREDICT, TRAIN)) == 0 and queue.lengths()[TRAIN] == 0
    queue.redis.delete(f"embed:{PROJECT}:rest")  # as it runs out by itself
    queue_lost_work(services.database, queue)
    assert work(queue, of=(PREDICT, TRAIN)) == 0 and state(queue) == JobState.DONE


def test_job_goes_on_where_others_wait_for_other_workers(
    services: Services,
    queue: JobQueue,
    project: FakeProject,
    sam: CountingSam,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retrain.jobs._TURN_SECONDS", 0.0)
    start_embedding(queue, PROJECT)
    for name in (EVENTS, TRAIN):
        queue.enqueue_once(name, "time.monotonic")
    assert work(queue, 1) == 0
    assert state(queue) == JobState.DONE
