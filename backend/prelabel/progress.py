"""How far a job is, and when it will be through. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from backend.entities import Job, JobState, TaskState


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of a job's tasks, its speed and what is left.

    `total` is None until the scan has begun. `skipped` tasks hold a prediction of this version already;
    `predicted` ones are stored here, and on their way to Label Studio.
    `per_second` is measured over the run in progress; `eta_seconds` is None where nothing runs or nothing
    is through yet.
    """

    total: int | None
    predicted: int
    done: int
    failed: int
    skipped: int
    queued: int
    per_second: float | None
    eta_seconds: float | None


def tasks_through(job: Job, counts: Mapping[TaskState, int]) -> int:
    """Return how many tasks need no more predicting, since they are or cannot be predicted."""
    return job.skipped + sum(counts.values()) - counts[TaskState.QUEUED]


def progress_of(job: Job, counts: Mapping[TaskState, int], *, now: datetime) -> Progress:
    """Return the job's progress at `now`."""
    through = tasks_through(job, counts)
    known = job.skipped + sum(counts.values())
    # The scan's count is of its beginning: tasks come and go meanwhile. At its end all are known.
    total = known if job.is_scanned else None if job.total is None else max(job.total, known)
    queued = (known if total is None else total) - through
    per_second = eta = None
    if job.state == JobState.RUNNING and job.run_started_at is not None:
        seconds = (now - job.run_started_at).total_seconds()
        fresh = through - job.run_started_done
        if fresh > 0 and seconds > 0:
            per_second = fresh / seconds
            eta = None if total is None else queued / per_second
    return Progress(
        total=total,
        predicted=counts[TaskState.PREDICTED],
        done=counts[TaskState.DONE],
        failed=counts[TaskState.FAILED],
        skipped=job.skipped,
        queued=queued,
        per_second=per_second,
        eta_seconds=eta,
    )


def job_to_json(job: Job, counts: Mapping[TaskState, int], *, now: datetime) -> dict[str, Any]:
    """Return a job as its route shows it; times in ISO 8601, durations in seconds."""
    progress = asdict(progress_of(job, counts, now=now))
    times = {name: getattr(job, name) for name in ("created_at", "finished_at")}
    return {
        "id": job.id,
        "kind": "prelabel",
        "project": job.project_id,
        "state": job.state,
        "model_version": job.version,
        "options": asdict(job.options),
        "tasks": {
            name: progress[name] for name in ("total", "queued", "predicted", "done", "failed", "skipped")
        },
        "tasks_per_second": progress["per_second"],
        "eta_seconds": progress["eta_seconds"],
        "regions_filtered": dict(job.filtered),
        "error": job.error,
        "notes": list(job.notes),
        **{name: time.isoformat() if time else None for name, time in times.items()},
    }
