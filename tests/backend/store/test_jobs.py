"""Pre-labelling jobs on both databases: one in a project, one runner each, every task once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from backend.entities import Box, ImageSize, Job, JobOptions, JobState, Prediction, Region, TaskState
from backend.errors import NotFound
from backend.store.database import Database
from backend.store.job_tasks import (
    add_page,
    add_tasks,
    count_tasks,
    list_tasks,
    mark_tasks,
    predicted_tasks,
    queued_tasks,
    retry_failed,
    store_job_predictions,
)
from backend.store.jobs import (
    active_job,
    add_note,
    ask_to_cancel,
    begin_scan,
    claim_job,
    create_job,
    end_job,
    get_job,
    jobs_without_runner,
    list_jobs,
    renew_lease,
)
from backend.store.leases import LEASE, LeaseLost
from backend.store.tables import SqlPrediction

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + LEASE + timedelta(seconds=1)
SIZE = ImageSize(100, 50)


def prediction(task_id: int, *, failure: str | None = None) -> Prediction:
    region = Region(f"r{task_id}", "label", "Car", 0.5, Box(1, 2, 3, 4), SIZE)
    return Prediction(
        task_id, "v1", SIZE, (region,), 0.5, 0.1, failure=failure, filtered={"nested": 1}, blind=True
    )


@pytest.fixture
def job(database: Database) -> Job:
    made = create_job(database, 7, JobOptions(filters=("id>1",)), now=NOW)
    assert made is not None
    return made


@pytest.fixture
def mine(database: Database, job: Job) -> Job:
    """The job, run by "me"."""
    claimed = claim_job(database, job.id, owner="me", done=0, now=NOW)
    assert claimed is not None
    return claimed


def test_project_has_one_active_job(database: Database, job: Job) -> None:
    assert create_job(database, 7, JobOptions(), now=NOW) is None
    assert create_job(database, 8, JobOptions(), now=NOW) is not None
    assert active_job(database, 7) == job == get_job(database, job.id)
    assert job.options == JobOptions(filters=("id>1",)) and job.state == JobState.QUEUED
    assert [found.project_id for found in list_jobs(database)].count(7) == 1
    assert list_jobs(database, project_id=9) == []


def test_ten_who_start_a_job_at_once_make_one(database: Database) -> None:
    made: list[Job | None] = []
    threads = [
        threading.Thread(target=lambda: made.append(create_job(database, 7, JobOptions(), now=NOW)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len([job for job in made if job is not None]) == 1 and len(made) == 10


def test_job_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound, match="python -m backend jobs"):
        get_job(database, "none")


def test_one_of_ten_claims_a_job(database: Database, job: Job) -> None:
    claimed: list[Job | None] = []
    threads = [
        threading.Thread(
            target=lambda n=n: claimed.append(claim_job(database, job.id, owner=f"{n}", done=0, now=NOW))
        )
        for n in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len([found for found in claimed if found is not None]) == 1 and len(claimed) == 10


def test_lease_keeps_others_out_until_it_ends(database: Database, mine: Job) -> None:
    assert mine.state == JobState.RUNNING and mine.run_started_at == NOW
    assert claim_job(database, mine.id, owner="other", done=0, now=NOW) is None
    assert jobs_without_runner(database, now=NOW) == []
    assert renew_lease(database, mine.id, owner="me", now=NOW + timedelta(seconds=10)) is False
    assert claim_job(database, mine.id, owner="other", done=0, now=LATER) is None
    much_later = LATER + LEASE
    assert [found.id for found in jobs_without_runner(database, now=much_later)] == [mine.id]
    assert claim_job(database, mine.id, owner="other", done=0, now=much_later) is not None


def test_run_without_its_lease_stores_nothing(database: Database, mine: Job) -> None:
    add_tasks(database, mine.id, {1})
    assert claim_job(database, mine.id, owner="other", done=0, now=LATER)
    stale = {"owner": "me", "now": LATER}
    for store in (
        lambda: renew_lease(database, mine.id, **stale),
        lambda: begin_scan(database, mine.id, version="v1", total=1, **stale),
        lambda: add_page(database, mine.id, [2], skipped=0, cursor=2, is_last=True, **stale),
        lambda: store_job_predictions(database, mine.id, [prediction(1)], **stale),
        lambda: mark_tasks(database, mine.id, {1: None}, **stale),
        lambda: add_note(database, mine.id, "note", **stale),
        lambda: end_job(database, mine.id, JobState.DONE, **stale),
    ):
        with pytest.raises(LeaseLost):
            store()
    assert count_tasks(database, mine.id)[TaskState.QUEUED] == 1
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SqlPrediction)) == 0


def test_runs_cut_off_before_they_finished_a_task_are_counted(database: Database, mine: Job) -> None:
    second = claim_job(database, mine.id, owner="second", done=0, now=LATER)
    assert second is not None and (mine.stalls, second.stalls) == (0, 1)
    third = claim_job(database, mine.id, owner="third", done=5, now=LATER + 2 * LEASE)
    assert third is not None and third.stalls == 0


def test_run_that_gave_the_job_back_was_not_cut_off(database: Database, mine: Job) -> None:
    assert end_job(database, mine.id, JobState.QUEUED, owner="me", now=NOW, error="away")
    waiting = get_job(database, mine.id)
    assert (waiting.state, waiting.error, waiting.finished_at) == (JobState.QUEUED, "away", None)
    again = claim_job(database, mine.id, owner="second", done=0, now=NOW)
    assert again is not None and (again.stalls, again.error) == (0, None)


def test_page_is_stored_with_the_cursor_and_a_task_once(database: Database, mine: Job) -> None:
    add_tasks(database, mine.id, {3})
    page = {"owner": "me", "now": NOW}
    add_page(database, mine.id, [1, 2, 3], skipped=4, cursor=7, is_last=False, **page)
    add_page(database, mine.id, [8], skipped=1, cursor=8, is_last=True, **page)
    read = get_job(database, mine.id)
    assert (read.cursor, read.skipped, read.is_scanned) == (8, 5, True)
    assert queued_tasks(database, mine.id, after=0, limit=10) == [1, 2, 3, 8]
    assert queued_tasks(database, mine.id, after=1, limit=2) == [2, 3]


def test_prediction_waits_with_its_task_until_it_is_pushed(database: Database, mine: Job) -> None:
    add_tasks(database, mine.id, {1, 2, 3})
    found = [prediction(1), prediction(2, failure="timeout: slow"), prediction(3)]
    store_job_predictions(database, mine.id, found, owner="me", now=NOW)
    assert predicted_tasks(database, mine.id, limit=9) == [found[0], found[2]]
    assert predicted_tasks(database, mine.id, limit=1) == [found[0]]
    mark_tasks(database, mine.id, {1: None, 3: "gone"}, owner="me", now=NOW)
    assert predicted_tasks(database, mine.id, limit=9) == []
    assert list_tasks(database, mine.id, state=None, after=0, limit=9) == [
        (1, TaskState.DONE, None),
        (2, TaskState.FAILED, "timeout: slow"),
        (3, TaskState.FAILED, "gone"),
    ]
    assert get_job(database, mine.id).filtered == {"nested": 3}


def test_job_with_queued_tasks_is_not_done(database: Database, mine: Job) -> None:
    assert add_tasks(database, mine.id, {1})
    assert not end_job(database, mine.id, JobState.DONE, owner="me", now=NOW)
    assert get_job(database, mine.id).state == JobState.RUNNING
    mark_tasks(database, mine.id, {1: None}, owner="me", now=NOW)
    assert end_job(database, mine.id, JobState.DONE, owner="me", now=NOW)
    assert not add_tasks(database, mine.id, {2})
    assert create_job(database, 7, JobOptions(), now=NOW) is not None


def test_many_tasks_are_named_at_once(database: Database, mine: Job) -> None:
    assert add_tasks(database, mine.id, range(1, 25_001))
    assert count_tasks(database, mine.id)[TaskState.QUEUED] == 25_000


def test_cancel_reaches_the_run_at_its_next_sign_of_life(database: Database, mine: Job) -> None:
    ask_to_cancel(database, mine.id, now=NOW)
    assert get_job(database, mine.id).state == JobState.RUNNING
    assert renew_lease(database, mine.id, owner="me", now=NOW) is True
    assert end_job(database, mine.id, JobState.CANCELLED, owner="me", now=NOW)
    ended = get_job(database, mine.id)
    assert (ended.state, ended.finished_at) == (JobState.CANCELLED, NOW)


def test_cancel_ends_a_job_whose_worker_was_killed(database: Database, mine: Job) -> None:
    ask_to_cancel(database, mine.id, now=LATER)
    assert get_job(database, mine.id).state == JobState.CANCELLED
    assert jobs_without_runner(database, now=LATER) == []


def test_retry_takes_up_what_failed_and_leaves_the_rest(database: Database, mine: Job) -> None:
    add_tasks(database, mine.id, {1, 2})
    mark_tasks(database, mine.id, {1: None, 2: "gone"}, owner="me", now=NOW)
    end_job(database, mine.id, JobState.FAILED, owner="me", now=NOW, error="No.")
    assert retry_failed(database, mine.id)
    again = get_job(database, mine.id)
    assert (again.state, again.error, again.finished_at) == (JobState.QUEUED, None, None)
    assert queued_tasks(database, mine.id, after=0, limit=9) == [2]


def test_retry_is_refused_while_another_job_of_the_project_is_active(database: Database, mine: Job) -> None:
    end_job(database, mine.id, JobState.DONE, owner="me", now=NOW)
    assert create_job(database, 7, JobOptions(), now=NOW)
    assert not retry_failed(database, mine.id)
    assert get_job(database, mine.id).state == JobState.DONE


def test_note_is_kept_once(database: Database, mine: Job) -> None:
    for text in ("a", "b", "a"):
        add_note(database, mine.id, text, owner="me", now=NOW)
    assert get_job(database, mine.id).notes == ("a", "b")
