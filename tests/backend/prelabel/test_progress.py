"""How far a job is, and when it will be through."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backend.entities import Job, JobOptions, JobState, TaskState
from backend.prelabel.progress import job_to_json, progress_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
JOB = Job(
    id="abc",
    project_id=7,
    options=JobOptions(),
    state=JobState.RUNNING,
    version="v1",
    total=100,
    cursor=50,
    is_scanned=False,
    skipped=10,
    filtered={},
    error=None,
    notes=(),
    is_cancel_asked=False,
    created_at=NOW - timedelta(hours=1),
    run_started_at=NOW - timedelta(seconds=20),
    run_started_done=20,
    stalls=0,
    finished_at=None,
)


def counts(*, queued: int = 0, predicted: int = 0, done: int = 0, failed: int = 0) -> dict[TaskState, int]:
    states = (TaskState.QUEUED, TaskState.PREDICTED, TaskState.DONE, TaskState.FAILED)
    return dict(zip(states, (queued, predicted, done, failed), strict=True))


def test_speed_is_that_of_the_run_in_progress_and_tells_the_time_left() -> None:
    progress = progress_of(JOB, counts(queued=6, predicted=4, done=45, failed=5), now=NOW)
    assert (progress.total, progress.done, progress.failed, progress.skipped) == (100, 45, 5, 10)
    assert (progress.predicted, progress.queued) == (4, 36)
    assert progress.per_second == pytest.approx((10 + 45 + 5 + 4 - 20) / 20)
    assert progress.eta_seconds == pytest.approx(36 / 2.2)


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(replace(JOB, state=JobState.QUEUED), id="not running"),
        pytest.param(replace(JOB, run_started_done=60), id="nothing through yet"),
        pytest.param(replace(JOB, run_started_at=NOW), id="just begun"),
    ],
)
def test_no_speed_is_made_up(job: Job) -> None:
    progress = progress_of(job, counts(done=50), now=NOW)
    assert (progress.per_second, progress.eta_seconds) == (None, None)


def test_total_is_unknown_before_the_scan() -> None:
    progress = progress_of(replace(JOB, total=None, skipped=0), counts(queued=5), now=NOW)
    assert (progress.total, progress.queued) == (None, 5)


def test_total_of_named_tasks_is_their_number() -> None:
    progress = progress_of(
        replace(JOB, total=None, skipped=0, is_scanned=True), counts(queued=3, done=2), now=NOW
    )
    assert (progress.total, progress.queued) == (5, 3)


def test_tasks_added_meanwhile_never_exceed_the_total() -> None:
    progress = progress_of(JOB, counts(done=120), now=NOW)
    assert (progress.total, progress.queued) == (130, 0)


def test_json_names_times_counts_and_reasons() -> None:
    job = replace(JOB, state=JobState.FAILED, error="No.", notes=("n",), finished_at=NOW)
    shown = job_to_json(job, counts(done=90), now=NOW)
    assert (shown["state"], shown["error"], shown["notes"]) == ("failed", "No.", ["n"])
    assert shown["finished_at"] == "2026-05-01T12:00:00+00:00"
    tasks = {"total": 100, "queued": 0, "predicted": 0, "done": 90, "failed": 0, "skipped": 10}
    assert shown["tasks"] == tasks
