"""Each project has times of its own; a time counts once, and not when nobody was there."""

from datetime import UTC, datetime, timedelta

import pytest
from rq import Queue

from backend.errors import QueueUnavailable
from backend.queue import EVENTS, JobQueue
from backend.settings import Settings
from backend.store.database import Database
from backend.store.ledger_tables import SqlSync
from backend.store.project_settings import set_project_settings
from backend.store.projects import store_project
from backend.training.names import CONSIDER_JOB
from backend.training.schedule import TrainingSchedule
from tests.backend.review_rows import store_rows

START = datetime(2100, 3, 2, 1, 59, tzinfo=UTC)
TWO, THREE = START + timedelta(minutes=1), START + timedelta(minutes=61)
SECOND = timedelta(seconds=1)


@pytest.fixture
def schedule() -> TrainingSchedule:
    return TrainingSchedule(now=START)


@pytest.fixture
def nightly(clean_environment: None) -> Settings:
    return Settings(_env_file=None, retrain_cron="0 2 * * *")


def know(database: Database, *project_ids: int) -> None:
    for project_id in project_ids:
        store_project(database, project_id, label_config="<View/>", model_version=None, now=START)


def test_every_project_comes_due_once_at_the_time_of_all(
    database: Database, queue: JobQueue, schedule: TrainingSchedule, nightly: Settings
) -> None:
    know(database, 7, 8)
    schedule.queue_due(database, queue, nightly, now=TWO - SECOND)
    assert queue.lengths()[EVENTS] == 0
    schedule.queue_due(database, queue, nightly, now=TWO + SECOND)
    jobs = Queue(EVENTS, connection=queue.redis).jobs
    assert [(job.func_name, job.args) for job in jobs] == [(CONSIDER_JOB, (n, True)) for n in (7, 8)]
    assert schedule.due_projects(database, nightly, now=THREE) == []


def test_project_has_times_of_its_own_or_none(
    database: Database, queue: JobQueue, schedule: TrainingSchedule, nightly: Settings
) -> None:
    know(database, 7, 8, 9)
    set_project_settings(database, 8, {"RETRAIN_CRON": "0 3 * * *"}, nightly)
    set_project_settings(database, 9, {"RETRAIN_CRON": "off"}, nightly)
    assert schedule.due_projects(database, nightly, now=TWO) == [7]
    schedule.queue_due(database, queue, nightly, now=TWO)
    assert schedule.due_projects(database, nightly, now=THREE) == [8]


def test_times_that_are_changed_hold_from_the_next_look(
    database: Database, queue: JobQueue, schedule: TrainingSchedule, settings: Settings
) -> None:
    know(database, 7)
    schedule.queue_due(database, queue, settings, now=TWO)
    set_project_settings(database, 7, {"RETRAIN_CRON": "30 2 * * *"}, settings)
    assert schedule.due_projects(database, settings, now=THREE) == [7]


def test_time_that_went_by_without_a_worker_is_not_made_up_for(database: Database, nightly: Settings) -> None:
    know(database, 7)
    assert TrainingSchedule(now=TWO + SECOND).due_projects(database, nightly, now=THREE) == []


def test_time_at_which_redis_was_down_stays_due(
    database: Database, queue: JobQueue, schedule: TrainingSchedule, nightly: Settings
) -> None:
    know(database, 7)
    with pytest.raises(QueueUnavailable):
        schedule.queue_due(database, JobQueue("redis://127.0.0.1:1"), nightly, now=TWO)
    schedule.queue_due(database, queue, nightly, now=TWO + SECOND)
    assert queue.lengths()[EVENTS] == 1


def test_project_that_is_gone_never_comes_due(
    database: Database, schedule: TrainingSchedule, nightly: Settings
) -> None:
    know(database, 7)
    counts = dict.fromkeys(("cursor", "tasks", "annotations", "missing", "changed", "deleted"), 0)
    store_rows(database, SqlSync(project_id=7, gone_at=START, **counts))
    assert schedule.due_projects(database, nightly, now=TWO) == []
