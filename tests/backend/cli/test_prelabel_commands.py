"""`prelabel` and `jobs` on the command line: what people see, and exit codes for scripts."""

from datetime import UTC, datetime

import pytest

from backend.entities import JobOptions, JobState
from backend.errors import BadRequest
from backend.services import Services
from backend.store.job_tasks import add_tasks, mark_tasks
from backend.store.jobs import active_job, claim_job, create_job, end_job, get_job
from tests.backend.makers import RunCommand


@pytest.fixture
def run(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Run a command; Redis is down, so no worker answers."""
    monkeypatch.setattr("backend.queue.JobQueue.worker_count", lambda *_: 0)
    return run_command


@pytest.fixture
def ended(services: Services) -> str:
    """A job with one task done and two failed; returns its id."""
    now = datetime.now(UTC)
    job = create_job(services.database, 7, JobOptions(), now=now)
    assert job is not None and claim_job(services.database, job.id, owner="me", done=0, now=now)
    add_tasks(services.database, job.id, {1, 2, 3})
    outcomes = {1: None, 2: "timeout: slow", 3: "The task is gone."}
    mark_tasks(services.database, job.id, outcomes, owner="me", now=now)
    end_job(services.database, job.id, JobState.DONE, owner="me", now=now)
    return job.id


def test_prelabel_starts_a_job_and_says_that_no_worker_runs(run: RunCommand, services: Services) -> None:
    result = run("prelabel", "--project", "7", "--only-unlabelled", "--filter", "id>5", "--no-wait")
    job = active_job(services.database, 7)
    assert result.exit_code == 0 and job is not None
    assert job.options == JobOptions(only_unlabelled=True, filters=("id>5",))
    assert f"Job {job.id} pre-labels project 7." in result.output and "make run" in result.output
    assert f"jobs {job.id} --watch" in result.output


def test_prelabel_again_joins_the_job_if_it_asks_for_the_same(run: RunCommand) -> None:
    run("prelabel", "--project", "7", "--no-wait")
    assert "does so already" in run("prelabel", "--project", "7", "--no-wait").output
    other = run("prelabel", "--project", "7", "--only-unlabelled", "--no-wait")
    assert isinstance(other.exception, BadRequest) and "--cancel" in other.exception.message


def test_jobs_are_listed_shown_and_cancelled(run: RunCommand, services: Services) -> None:
    assert "prelabel --project ID" in run("jobs").output
    run("prelabel", "--project", "7", "--no-wait")
    job = active_job(services.database, 7)
    assert job is not None
    assert job.id in run("jobs").output and "queued" in run("jobs", job.id).output
    cancelled = run("jobs", job.id, "--cancel")
    assert cancelled.exit_code == 0 and "cancelled" in cancelled.output
    assert get_job(services.database, job.id).state == JobState.CANCELLED


def test_failed_tasks_are_listed_with_their_reasons(run: RunCommand, ended: str) -> None:
    output = run("jobs", ended, "--failed").output
    assert "task 2: timeout: slow" in output and "task 3: The task is gone." in output
    assert "task 1" not in output


def test_watching_a_job_with_failed_tasks_ends_with_code_1(run: RunCommand, ended: str) -> None:
    result = run("jobs", ended, "--watch")
    assert result.exit_code == 1 and "2 failed" in result.output


def test_retry_failed_lets_the_same_job_go_on(run: RunCommand, ended: str, services: Services) -> None:
    result = run("prelabel", "--project", "7", "--retry-failed", "--no-wait")
    assert result.exit_code == 0 and f"Job {ended} of project 7 goes on." in result.output
    assert get_job(services.database, ended).state == JobState.QUEUED
