"""A job's progress in the terminal, read from the database: any process may watch."""

import time
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from backend.cli.console import out
from backend.entities import Job, JobState
from backend.prelabel.progress import Progress as JobProgress
from backend.prelabel.progress import progress_of
from backend.store.database import Database
from backend.store.job_tasks import count_tasks
from backend.store.jobs import get_job

_LOOK_SECONDS = 0.5
_ENDS = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def watch_job(database: Database, job_id: str) -> int:
    """Show the job until it ends; return the command's exit code: 0 where every task is through.

    Ctrl-C ends the watching, not the job.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
    )
    try:
        with Progress(*columns, console=out) as bar:
            line = bar.add_task("queued", total=None, words="")
            while True:
                job = get_job(database, job_id)
                progress = progress_of(job, count_tasks(database, job_id), now=datetime.now(UTC))
                through = progress.done + progress.failed + progress.skipped
                bar.update(
                    line,
                    description=job.state,
                    total=progress.total,
                    completed=through,
                    words=_words(job, progress),
                )
                if job.state in _ENDS:
                    break
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        out.print(f"The job goes on. Watch it again, or cancel it: python -m backend jobs {job_id} --cancel")
        return 130
    print_end(job)
    return 0 if job.state == JobState.DONE and not progress.failed else 1


def print_end(job: Job) -> None:
    """Print what the job has to say beside its counts."""
    if job.error:
        out.print(f"{'Failed' if job.state == JobState.FAILED else 'Waits'}: {job.error}")
    for note in job.notes:
        out.print(f"Note: {note}")
    if job.filtered:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(job.filtered.items()))
        out.print(f"Regions taken out by hygiene: {counts}")
    if job.state == JobState.CANCELLED:
        out.print("Cancelled; what was predicted stays.")


def _words(job: Job, progress: JobProgress) -> str:
    parts = [
        f"{progress.failed} failed" if progress.failed else "",
        f"{progress.skipped} had it already" if progress.skipped else "",
        f"{progress.per_second:.1f} images/s" if progress.per_second else "",
        f"about {_duration(progress.eta_seconds)} left" if progress.eta_seconds else "",
        job.error or "" if job.state == JobState.QUEUED else "",
    ]
    return ", ".join(part for part in parts if part)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
