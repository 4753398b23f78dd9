"""A job's progress in the terminal, read from the database: any process may watch."""

import time
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn

from backend.cli.console import out
from backend.entities import Job, JobState
from backend.prelabel.progress import Progress as JobProgress
from backend.prelabel.progress import progress_of, tasks_through
from backend.store.database import Database
from backend.store.job_tasks import count_tasks
from backend.store.jobs import get_job

_LOOK_SECONDS = 0.5
# Longer than another worker needs to take over from a killed one and to load the model.
_QUIET_SECONDS = 60.0
_BAR_CHARS = 20  # leaves room for the words in a terminal of 100 columns
_ENDS = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def watch_job(database: Database, job_id: str) -> int:
    """Show the job until it ends; return the command's exit code: 0 where every task is through.

    Ctrl-C ends the watching, not the job.
    """
    try:
        job = _show_until_end(database, job_id)
    except KeyboardInterrupt:
        out.print(f"The job goes on. Watch it:  python -m backend jobs {job_id} --watch")
        out.print(f"              or cancel it: python -m backend jobs {job_id} --cancel")
        return 130
    progress = print_end(database, job)
    return 0 if job.state == JobState.DONE and not progress.failed else 1


def print_end(database: Database, job: Job) -> JobProgress:
    """Print how the job stands, what it has to say beside its counts, and what can be done next."""
    progress = progress_of(job, count_tasks(database, job.id), now=datetime.now(UTC))
    left = progress.queued + progress.predicted
    if job.state in _ENDS:
        counts = [
            f"{progress.done} tasks pre-labelled",
            f"{progress.skipped} had the prediction already" if progress.skipped else "",
            f"{progress.failed} failed" if progress.failed else "",
            f"{left} left" if left else "",
        ]
        out.print(f"{job.state.capitalize()}: {', '.join(filter(None, counts))}.")
    if job.error:
        out.print(f"{'Reason' if job.state == JobState.FAILED else 'Waits'}: {job.error}")
    for note in job.notes:
        out.print(f"Note: {note}")
    if job.filtered:
        removed = ", ".join(f"{count} {name}" for name, count in sorted(job.filtered.items()))
        out.print(f"Regions taken out by hygiene: {removed}")
    if progress.failed:
        out.print(f"What failed, and why: python -m backend jobs {job.id} --failed")
    if job.state in _ENDS and (progress.failed or left):
        out.print(
            f"Go on with the rest:  python -m backend prelabel --project {job.project_id} --retry-failed"
        )
    return progress


def _show_until_end(database: Database, job_id: str) -> Job:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(_BAR_CHARS),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
    )
    told: set[str] = set()
    seen, seen_at = -1, 0.0
    with Progress(*columns, console=out) as bar:
        line = bar.add_task("queued", total=None, words="")
        while True:
            job = get_job(database, job_id)
            counts = count_tasks(database, job_id)
            progress = progress_of(job, counts, now=datetime.now(UTC))
            completed = tasks_through(job, counts)
            if completed != seen:
                seen, seen_at = completed, time.monotonic()
            bar.update(line, description=_state(job), total=progress.total, completed=completed)
            quiet = time.monotonic() - seen_at
            bar.update(line, words=_words(job, progress, bar.tasks[line], quiet=quiet))
            if job.state in _ENDS:
                return job
            if job.error and job.error not in told:
                # Above the bar, once: it is long, and each try that fails gives it anew.
                told.add(job.error)
                out.print(f"Waits: {job.error}")
            time.sleep(_LOOK_SECONDS)


def _state(job: Job) -> str:
    return "cancelling" if job.is_cancel_asked and job.state not in _ENDS else job.state


def _words(job: Job, progress: JobProgress, line: Task, *, quiet: float) -> str:
    """Return what stands beside the bar; `quiet` are the seconds since the last task."""
    parts = [
        f"{progress.failed} failed" if progress.failed else "",
        f"{progress.skipped} had it already" if progress.skipped else "",
    ]
    if job.state == JobState.QUEUED:
        parts.append("is tried again" if job.error else "waits for a worker")
    elif job.state == JobState.RUNNING and quiet > _QUIET_SECONDS:
        parts.append(f"nothing new for {_duration(quiet)}: is a worker running?")
    elif job.state == JobState.RUNNING:
        # Of the last half minute, as rich measures it: loading the model does not count.
        parts.append(f"{line.speed:.1f} images/s" if line.speed else "starting")
        parts.append(f"about {_duration(line.time_remaining)} left" if line.time_remaining else "")
    return ", ".join(filter(None, parts))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
