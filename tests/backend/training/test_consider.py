"""A run that is due begins once, and whoever asked for one gets one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from rq import Queue

from backend.queue import EVENTS, TRAIN, JobQueue
from backend.settings import Settings
from backend.store.database import Database
from backend.store.decisions import read_decision
from backend.store.ledger_tables import SqlSync
from backend.store.project_settings import set_project_settings
from backend.store.runs import list_runs
from backend.store.training_requests import is_training_asked
from backend.store.training_tables import SqlTrainingDecision
from backend.training.consider import consider
from backend.training.entities import RunState
from backend.training.request import ask_for_training
from tests.backend.review_rows import PROJECT, store_rows
from tests.backend.training.projects import NOW, begin, end, plan_for, review

MINUTE = timedelta(minutes=1)


@pytest.fixture
def consider_now(database: Database, queue: JobQueue, settings: Settings) -> Any:
    def go(**changes: Any) -> str | None:
        return consider(database, queue, settings, PROJECT, **{"now": NOW, **changes})

    return go


def reason_of(database: Database) -> str:
    with database.read() as session:
        decision = read_decision(session, PROJECT)
    assert decision is not None
    return decision.reason


def is_asked(database: Database) -> bool:
    with database.read() as session:
        return is_training_asked(session, PROJECT)


def ask(database: Database, queue: JobQueue, times: int = 1) -> None:
    for _ in range(times):
        ask_for_training(database, queue, PROJECT, now=NOW)


def test_due_run_begins_once_with_its_reason_and_settings(
    database: Database, queue: JobQueue, settings: Settings, consider_now: Any
) -> None:
    review(database, range(6))
    set_project_settings(database, PROJECT, {"TRAIN_EPOCHS": 3}, settings)
    run_id = consider_now()
    assert consider_now() is None
    [run] = list_runs(database)
    assert (run.id, run.project_id, run.settings.train_epochs) == (run_id, PROJECT, 3)
    assert run.reason == "6 of 6 reviewed tasks, 24 regions corrected in them."
    [job] = Queue(TRAIN, connection=queue.redis).jobs
    assert (job.args, job.timeout) == ((run_id,), -1)


def test_project_that_is_not_due_gets_the_reason_alone(database: Database, consider_now: Any) -> None:
    review(database, range(5))
    assert consider_now() is None
    assert list_runs(database) == []
    assert reason_of(database) == "5 of 6 reviewed tasks; 20 of 100 corrected regions."


def test_decision_is_stored_only_when_it_changed(database: Database, consider_now: Any) -> None:
    review(database, range(5))
    for minute in range(3):
        consider_now(now=NOW + minute * MINUTE)
    with database.read() as session:
        row = session.get(SqlTrainingDecision, PROJECT)
        assert row is not None and row.decided_at == NOW


def test_asked_run_begins_at_once_and_the_request_is_answered(
    database: Database, queue: JobQueue, consider_now: Any
) -> None:
    review(database, range(4))
    ask(database, queue)
    assert consider_now() is not None
    assert not is_asked(database) and reason_of(database).startswith("Asked for: 4 reviewed tasks new")


def test_request_that_is_refused_is_answered_too(
    database: Database, queue: JobQueue, consider_now: Any
) -> None:
    review(database, range(3))
    consider_now()
    ask(database, queue)
    assert consider_now() is None
    assert not is_asked(database) and "3 of the 4" in reason_of(database)


def test_asked_three_times_while_a_run_is_active_gives_one_that_follows(
    database: Database, queue: JobQueue, consider_now: Any
) -> None:
    review(database, range(4))
    active = begin(database)
    ask(database, queue, times=3)
    assert consider_now() is None and is_asked(database)
    assert "follows it" in reason_of(database)
    end(database, active)
    following = consider_now(now=NOW + MINUTE)
    assert following is not None and consider_now(now=NOW + MINUTE) is None
    end(database, following, now=NOW + MINUTE)
    assert consider_now(now=NOW + 2 * MINUTE) is None
    assert len(list_runs(database)) == 2


def test_two_at_once_begin_one_run(
    database: Database, queue: JobQueue, settings: Settings, consider_now: Any
) -> None:
    review(database, range(6))
    ask(database, queue)
    threads = 4
    barrier = Barrier(threads)

    def go() -> str | None:
        barrier.wait()
        return consider(database, queue, settings, PROJECT, now=NOW)

    with ThreadPoolExecutor(threads) as pool:
        begun = [future.result() for future in [pool.submit(go) for _ in range(threads)]]
    [run] = list_runs(database)
    assert sorted(begun, key=str) == sorted([run.id, *[None] * (threads - 1)], key=str)
    assert not is_asked(database)


def test_run_begins_though_redis_is_down(database: Database, settings: Settings, consider_now: Any) -> None:
    review(database, range(6))
    run_id = consider(database, JobQueue("redis://127.0.0.1:1"), settings, PROJECT, now=NOW)
    assert [run.id for run in list_runs(database)] == [run_id]


def test_cron_begins_a_run_where_anything_is_new(database: Database, consider_now: Any) -> None:
    review(database, range(4))
    assert consider_now() is None
    run_id = consider_now(is_cron=True)
    assert run_id is not None
    end(database, run_id)
    assert consider_now(is_cron=True, now=NOW + MINUTE) is None


def test_run_that_failed_is_not_followed_by_the_same_again(database: Database, consider_now: Any) -> None:
    review(database, range(6))
    run_id = consider_now()
    end(database, run_id, state=RunState.FAILED)
    assert consider_now(now=NOW + MINUTE) is None
    assert "since the last run, which failed" in reason_of(database)


def test_project_that_is_gone_is_not_considered(
    database: Database, queue: JobQueue, consider_now: Any
) -> None:
    review(database, range(6))
    ask(database, queue)
    store_rows(
        database,
        SqlSync(
            project_id=PROJECT, gone_at=NOW, cursor=0, tasks=0, annotations=0, missing=0, changed=0, deleted=0
        ),
    )
    assert consider_now() is None
    assert list_runs(database) == [] and not is_asked(database)


def test_setting_of_the_project_wins_over_that_of_all(
    database: Database, settings: Settings, consider_now: Any
) -> None:
    review(database, range(4))
    set_project_settings(database, PROJECT, {"RETRAIN_MIN_REVIEWED": 4}, settings)
    assert consider_now() is not None


def test_no_run_begins_where_no_tag_is_for_training_however_it_is_asked_for(
    database: Database, queue: JobQueue, consider_now: Any
) -> None:
    review(database, range(6))
    plan_for(database, is_for_training=False)
    assert consider_now() is None and consider_now(is_cron=True) is None
    ask(database, queue)
    assert consider_now() is None
    assert list_runs(database) == [] and queue.lengths()[TRAIN] == 0
    assert not is_asked(database) and 'model_train="true"' in reason_of(database)


def test_run_begins_once_a_tag_is_for_training(database: Database, consider_now: Any) -> None:
    review(database, range(6))
    plan_for(database, is_for_training=False)
    assert consider_now() is None
    plan_for(database, is_for_training=True)
    assert consider_now() is not None


def test_no_other_job_is_queued(database: Database, queue: JobQueue, consider_now: Any) -> None:
    review(database, range(6))
    consider_now()
    assert (queue.lengths()[TRAIN], queue.lengths()[EVENTS]) == (1, 0)
