"""Syncs are queued once, at their times, and come again until the pass is done."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.errors import LabelStudioError
from backend.queue import EVENTS, JobQueue
from backend.review.sync import ProjectSync
from backend.review.sync_request import ask_for_sync
from backend.review.sync_start import SyncSchedule, queue_all_syncs, work_on_sync
from backend.store.database import Database
from backend.store.projects import store_project
from backend.store.syncs import get_sync
from tests.backend.review.fake_annotated_project import PROJECT, FakeAnnotatedProject

NOW = datetime.now(UTC)
HOURLY = "17 * * * *"


@pytest.fixture
def queue(redis_address: str) -> JobQueue:
    made = JobQueue(redis_address)
    made.redis.flushdb()
    return made


def waiting(queue: JobQueue) -> int:
    return queue.lengths()[EVENTS]


def know(database: Database, *project_ids: int) -> None:
    for project_id in project_ids:
        store_project(database, project_id, label_config="<View/>", model_version=None, now=NOW)


def test_sync_is_queued_once(queue: JobQueue) -> None:
    for project_id in (7, 7, 8):
        ask_for_sync(queue, project_id)
    assert waiting(queue) == 2


def test_asking_without_redis_is_no_error() -> None:
    ask_for_sync(JobQueue("redis://127.0.0.1:1"), 7)


def test_every_known_project_is_queued_also_one_that_seemed_gone(database: Database, queue: JobQueue) -> None:
    know(database, 8, 9)
    project = FakeAnnotatedProject()
    project.is_there = False
    assert ProjectSync(database, project, PROJECT).run().gone_at is not None
    queue_all_syncs(database, queue)
    assert waiting(queue) == 3


def test_syncs_come_due_by_the_schedule_once_each_time(database: Database, queue: JobQueue) -> None:
    know(database, 7)
    start = datetime(2100, 3, 2, 12, 0, tzinfo=UTC)
    schedule = SyncSchedule(HOURLY, now=start)
    counts = []
    for minute in (16, 17, 18, 76, 77):
        schedule.queue_due(database, queue, now=start + timedelta(minutes=minute))
        counts.append(waiting(queue))
        queue.redis.flushdb()
    assert counts == [0, 1, 0, 0, 1]


def test_sync_that_a_worker_has_begun_is_not_due_for_another(database: Database, queue: JobQueue) -> None:
    schedule = SyncSchedule(HOURLY, now=datetime.now(UTC) - timedelta(hours=2))
    ProjectSync(database, FakeAnnotatedProject(1), PROJECT).run()
    schedule.queue_due(database, queue, now=datetime.now(UTC))
    assert waiting(queue) == 0


def test_project_that_is_gone_is_left_out_of_the_schedule(database: Database, queue: JobQueue) -> None:
    project = FakeAnnotatedProject()
    project.is_there = False
    ProjectSync(database, project, PROJECT).run()
    SyncSchedule(HOURLY, now=NOW).queue_due(database, queue, now=NOW + timedelta(hours=2))
    assert waiting(queue) == 0


def test_schedule_that_is_off_queues_nothing(database: Database, queue: JobQueue) -> None:
    know(database, 7)
    SyncSchedule(None, now=NOW).queue_due(database, queue, now=NOW + timedelta(days=400))
    assert waiting(queue) == 0


def test_turn_ends_with_the_rest_queued_until_all_is_read(database: Database, queue: JobQueue) -> None:
    project = FakeAnnotatedProject(100)
    turns = []
    while not turns or turns[-1].is_running:
        queue.redis.flushdb()
        turns.append(work_on_sync(database, queue, project, PROJECT, is_time_up=lambda: True))
        assert waiting(queue) == int(turns[-1].is_running)
    assert [turn.cursor for turn in turns] == [20, 40, 60, 80, 100, 100]


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_waits_for_the_next_sync(database: Database, queue: JobQueue, status: int) -> None:
    project = FakeAnnotatedProject(30)

    def refuse(call: str) -> None:
        if call == "read_after":
            raise LabelStudioError("Not with this token.", refused_with=status)

    project.before = refuse
    assert work_on_sync(database, queue, project, PROJECT, is_time_up=lambda: True).is_running
    assert waiting(queue) == 0 and get_sync(database, PROJECT).error == "Not with this token."


def test_label_studio_that_is_away_is_an_error_that_the_queue_tries_again(
    database: Database, queue: JobQueue
) -> None:
    project = FakeAnnotatedProject(30)
    project.most_tasks = 0
    with pytest.raises(LabelStudioError):
        work_on_sync(database, queue, project, PROJECT, is_time_up=lambda: True)
