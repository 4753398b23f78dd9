"""Filling the cache for a project: turns, what fails, what is there, and a worker that dies at any line."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backend.entities import JobState
from backend.errors import LabelStudioError, QueueUnavailable
from backend.queue import PREDICT, JobQueue
from backend.sam.embed_progress import EmbedJobs, EmbedProgress
from backend.sam.embed_project import ProjectEmbedding
from backend.sam.embed_start import embed_after_prelabel, queue_waiting_embeddings, start_embedding
from backend.sam.task_embeddings import TaskEmbeddings
from backend.services import Services
from backend.store.leases import LeaseLost
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES, NO_BOXES, SMART_BOXES
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject
from tests.backend.sam.counting_sam import CountingHolder, CountingSam, embeddings_in

PROJECT = 7
COUNT = 12


class Killed(BaseException):
    """Ends a process at once: nothing catches it."""


@pytest.fixture
def queue(redis_address: str) -> Iterator[JobQueue]:
    with closing(JobQueue(redis_address)) as opened:
        opened.redis.flushdb()
        yield opened


@pytest.fixture
def jobs(queue: JobQueue) -> EmbedJobs:
    return EmbedJobs(queue.redis)


@pytest.fixture
def sam() -> CountingSam:
    return CountingSam()


@pytest.fixture
def project(image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """Tasks 1 to 12 with an image each, read five at a time; that of task n is 10 + n pixels wide."""
    monkeypatch.setattr("backend.sam.embed_project.PAGE", 5)
    for number in range(1, COUNT + 1):
        image_server.serve(f"/data/{number}.png", png(10 + number, 8))
    return FakeProject({n: {"image": f"/data/{n}.png"} for n in range(1, COUNT + 1)}, config=SMART_BOXES)


Work = Callable[..., EmbedProgress]


@pytest.fixture
def holder(sam: CountingSam) -> CountingHolder:
    return CountingHolder(sam)


@pytest.fixture
def work(
    services: Services, jobs: EmbedJobs, project: FakeProject, holder: CountingHolder, tmp_path: Path
) -> Work:
    """Work on the project's pass as one job would; return how it stands."""

    def call(**changes: Any) -> EmbedProgress:
        given: dict[str, Any] = {
            "jobs": jobs,
            "project": project,
            "embeddings": TaskEmbeddings(holder, embeddings_in(tmp_path), services.media),
            "cache_bytes": 2**20,
            "pause": lambda: None,
            "is_time_up": lambda: False,
            **changes,
        }
        found = ProjectEmbedding(PROJECT, **given).work()
        assert found is not None
        return found

    return call


def counts(progress: EmbedProgress) -> tuple[int, int, int]:
    return progress.encoded, progress.ready, progress.failed


def test_all_images_are_encoded_once(jobs: EmbedJobs, work: Work, sam: CountingSam) -> None:
    jobs.begin(PROJECT)
    progress = work()
    assert (progress.state, progress.total, progress.done) == (JobState.DONE, COUNT, COUNT)
    assert sorted(width for width, _ in sam.encoded) == list(range(11, 11 + COUNT))


def test_second_pass_finds_all_there_and_loads_no_model(
    jobs: EmbedJobs, work: Work, sam: CountingSam, holder: CountingHolder
) -> None:
    jobs.begin(PROJECT)
    work()
    jobs.begin(PROJECT)
    holder.asked = 0
    assert counts(work()) == (0, COUNT, 0)
    assert (holder.asked, len(sam.encoded)) == (0, COUNT)


def test_each_turn_gets_further_however_short_it_is(jobs: EmbedJobs, work: Work, sam: CountingSam) -> None:
    jobs.begin(PROJECT)
    for done in range(1, COUNT + 1):
        progress = work(is_time_up=lambda: True)
        assert (progress.state, progress.cursor) == (JobState.QUEUED, done)
    assert work(is_time_up=lambda: True).state == JobState.DONE
    assert len(sam.encoded) == COUNT


def test_image_that_cannot_be_had_fails_its_task_alone(
    jobs: EmbedJobs, work: Work, image_server: ImageServer, project: FakeProject
) -> None:
    image_server.serve("/data/3.png", b"no image")
    project.tasks[5] = {"text": "no image here"}
    jobs.begin(PROJECT)
    progress = work()
    assert (progress.state, counts(progress)) == (JobState.DONE, (COUNT - 2, 0, 2))
    assert progress.reasons[0].startswith("task 3: ") and progress.reasons[1].startswith("task 5: ")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("task", [1, 5, 6, COUNT])
def test_worker_that_is_killed_is_followed_by_one_that_goes_on(
    jobs: EmbedJobs,
    work: Work,
    sam: CountingSam,
    queue: JobQueue,
    monkeypatch: pytest.MonkeyPatch,
    task: int,
    when: str,
) -> None:
    """Killed just before or after a task is noted as done."""

    def die(self: EmbedJobs, before: EmbedProgress, task_id: int, *rest: Any, owner: str) -> EmbedProgress:
        if (task_id, when) == (task, "before"):
            raise Killed
        progress = task_done(self, before, task_id, *rest, owner=owner)
        if task_id == task:
            raise Killed
        return progress

    jobs.begin(PROJECT)
    task_done = EmbedJobs.task_done
    with monkeypatch.context() as patch:
        patch.setattr(EmbedJobs, "task_done", die)
        with pytest.raises(Killed):
            work()
    assert work().state == JobState.RUNNING  # the lease is still the dead one's
    assert jobs.without_worker() == []
    queue.redis.delete(f"embed:{PROJECT}:worker")  # as it runs out by itself
    assert jobs.without_worker() == [PROJECT]
    progress = work()
    assert (progress.state, progress.done) == (JobState.DONE, COUNT)
    assert len(sam.encoded) == COUNT


def test_image_that_kills_every_worker_ends_the_pass(
    jobs: EmbedJobs, work: Work, sam: CountingSam, queue: JobQueue
) -> None:
    def die() -> None:
        raise Killed

    jobs.begin(PROJECT)
    sam.before = die
    for _ in range(5):
        with pytest.raises(Killed):
            work()
        queue.redis.delete(f"embed:{PROJECT}:worker")
    progress = work()
    assert progress.state == JobState.FAILED and "died 5 times" in progress.error


def test_label_studio_that_is_away_is_waited_for_and_asked_again_once_a_minute(
    jobs: EmbedJobs, queue: JobQueue, work: Work, project: FakeProject, read_log: Callable[[], str]
) -> None:
    def be_away(call: str) -> None:
        if call == "read_after":
            raise LabelStudioError("Label Studio does not answer.")

    project.before = be_away
    jobs.begin(PROJECT)
    progress = work()
    assert (progress.state, progress.error) == (JobState.QUEUED, "Label Studio does not answer.")
    assert jobs.without_worker() == [] and "embedding_stopped" in read_log()
    queue.redis.delete(f"embed:{PROJECT}:rest")  # as it runs out by itself
    assert jobs.without_worker() == [PROJECT]
    project.before = lambda call: None
    progress = work()
    assert (progress.state, progress.error) == (JobState.DONE, "")


def refuse(call: str) -> None:
    raise LabelStudioError("Label Studio has no such project.", refused_with=404)


@pytest.mark.parametrize(
    ("prepare", "changes", "words"),
    [
        pytest.param(lambda p, h: setattr(p, "before", refuse), {}, "no such project", id="project"),
        pytest.param(lambda p, h: setattr(p, "config", NO_BOXES), {}, "takes masks", id="labeling config"),
        pytest.param(lambda p, h: setattr(h, "is_missing", True), {}, "counting.pt", id="weights"),
        pytest.param(lambda p, h: None, {"cache_bytes": 0}, "SAM_CACHE_MB is 0", id="no cache"),
    ],
)
def test_what_keeps_all_images_from_being_encoded_fails_the_pass_in_words(
    jobs: EmbedJobs,
    work: Work,
    project: FakeProject,
    holder: CountingHolder,
    prepare: Callable[[FakeProject, CountingHolder], None],
    changes: dict[str, Any],
    words: str,
) -> None:
    prepare(project, holder)
    jobs.begin(PROJECT)
    progress = work(**changes)
    assert progress.state == JobState.FAILED and words in progress.error
    assert jobs.without_worker() == []


def test_what_nobody_foresaw_fails_the_pass_and_stands_in_the_log(
    jobs: EmbedJobs, work: Work, sam: CountingSam, read_log: Callable[[], str]
) -> None:
    def fail() -> None:
        raise RuntimeError("a convolution of no size")

    sam.before = fail
    jobs.begin(PROJECT)
    assert "RuntimeError: a convolution of no size" in work().error
    assert "Traceback" in read_log()


def test_cache_that_is_too_small_for_the_project_is_noted(jobs: EmbedJobs, work: Work) -> None:
    jobs.begin(PROJECT)
    assert "holds about 10 embeddings, and the project has 12 images" in work(cache_bytes=330).note


def test_cancelled_pass_ends_before_the_next_task_and_can_begin_anew(
    jobs: EmbedJobs, work: Work, sam: CountingSam
) -> None:
    def cancel() -> None:
        if len(sam.encoded) == 3:
            jobs.ask_to_cancel(PROJECT)

    jobs.begin(PROJECT)
    progress = work(pause=cancel)
    assert (progress.state, progress.done) == (JobState.CANCELLED, 4)
    assert jobs.begin(PROJECT) and counts(work()) == (COUNT - 4, 4, 0)


def test_pass_that_is_begun_again_before_it_came_to_cancel_goes_on(
    jobs: EmbedJobs, work: Work, sam: CountingSam
) -> None:
    def change_ones_mind() -> None:
        if len(sam.encoded) == 3:
            assert jobs.ask_to_cancel(PROJECT) and not jobs.begin(PROJECT)

    jobs.begin(PROJECT)
    progress = work(pause=change_ones_mind)
    assert (progress.state, progress.encoded) == (JobState.DONE, COUNT)


def test_mind_that_is_changed_as_the_pass_is_about_to_end_counts(jobs: EmbedJobs) -> None:
    jobs.begin(PROJECT)
    jobs.claim(PROJECT, owner="worker")
    jobs.ask_to_cancel(PROJECT)
    assert not jobs.begin(PROJECT) and not jobs.cancel(PROJECT, owner="worker")
    jobs.ask_to_cancel(PROJECT)
    assert jobs.cancel(PROJECT, owner="worker") and jobs.begin(PROJECT)


def test_pass_that_nobody_works_on_is_cancelled_at_once(jobs: EmbedJobs, work: Work) -> None:
    jobs.begin(PROJECT)
    assert jobs.ask_to_cancel(PROJECT) and not jobs.ask_to_cancel(PROJECT)
    assert work().state == JobState.CANCELLED


def test_serving_goes_first_before_each_task(jobs: EmbedJobs, work: Work) -> None:
    pauses: list[None] = []
    jobs.begin(PROJECT)
    work(pause=lambda: pauses.append(None))
    assert len(pauses) == COUNT


def test_two_workers_never_work_on_one_pass(jobs: EmbedJobs, work: Work, sam: CountingSam) -> None:
    jobs.begin(PROJECT)
    seen: list[EmbedProgress] = []
    work(pause=lambda: seen.append(work()))
    assert {progress.state for progress in seen} == {JobState.RUNNING} and len(sam.encoded) == COUNT


def test_worker_whose_lease_went_to_another_stores_nothing_more(
    jobs: EmbedJobs, work: Work, queue: JobQueue, sam: CountingSam, read_log: Callable[[], str]
) -> None:
    def take_over() -> None:
        if len(sam.encoded) == 3:
            queue.redis.set(f"embed:{PROJECT}:worker", "another")

    jobs.begin(PROJECT)
    assert work(pause=take_over).done == 3
    assert "embedding_taken_over" in read_log()
    with pytest.raises(LeaseLost):
        jobs.end(PROJECT, JobState.DONE, owner="me")


def test_lease_is_renewed_while_one_image_takes_long(
    jobs: EmbedJobs, work: Work, queue: JobQueue, sam: CountingSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.sam.embed_project._BEAT_SECONDS", 0.01)
    beats = threading.Event()

    def beat(self: EmbedJobs, project_id: int, *, owner: str, **values: object) -> None:
        if not values:
            beats.set()
        store(self, project_id, owner=owner, **values)

    store = EmbedJobs.store
    monkeypatch.setattr(EmbedJobs, "store", beat)
    sam.before = lambda: None if beats.wait(10.0) else pytest.fail("no beat")
    jobs.begin(PROJECT)
    assert work().state == JobState.DONE


def test_unfinished_pass_is_joined_and_queued_once(queue: JobQueue) -> None:
    assert start_embedding(queue, PROJECT)
    assert not start_embedding(queue, PROJECT)
    queue_waiting_embeddings(queue)
    assert queue.lengths()[PREDICT] == 1


def test_pass_whose_job_was_lost_is_queued_again(queue: JobQueue) -> None:
    EmbedJobs(queue.redis).begin(PROJECT)
    queue_waiting_embeddings(queue)
    assert queue.lengths()[PREDICT] == 1


@pytest.mark.parametrize(
    ("config", "state", "is_missing", "is_queued"),
    [
        pytest.param(SMART_BOXES, JobState.DONE, False, True, id="smart tools"),
        pytest.param(BOXES, JobState.DONE, False, False, id="no smart tools"),
        pytest.param(SMART_BOXES, JobState.DONE, True, False, id="weights not there yet"),
        pytest.param(SMART_BOXES, JobState.CANCELLED, False, False, id="cancelled"),
        pytest.param("<View", JobState.DONE, False, False, id="no labeling config"),
    ],
)
def test_prelabelled_project_is_encoded_where_smart_tools_are_used(
    queue: JobQueue, tmp_path: Path, config: str, state: JobState, is_missing: bool, is_queued: bool
) -> None:
    weights = tmp_path / "sam.pt"
    if not is_missing:
        weights.touch()
    embed_after_prelabel(queue, FakeProject({}, config=config), PROJECT, weights, state=state)
    assert queue.lengths()[PREDICT] == is_queued


def test_redis_that_is_down_is_told_as_such(tmp_path: Path) -> None:
    with closing(JobQueue(f"unix://{tmp_path}/none.sock")) as dead:
        jobs = EmbedJobs(dead.redis)
        for use in (jobs.begin, jobs.get, jobs.ask_to_cancel, lambda _: jobs.without_worker()):
            with pytest.raises(QueueUnavailable, match="Redis does not answer"):
                use(PROJECT)
