"""A job's progress in the terminal, read from the database: any process may watch."""

from datetime import UTC, datetime

from backend.cli.console import out
from backend.cli.job_bar import JobView, show_until_end
from backend.entities import Job, JobState
from backend.prelabel.progress import Progress as JobProgress
from backend.prelabel.progress import progress_of, tasks_through
from backend.store.database import Database
from backend.store.job_tasks import count_tasks
from backend.store.jobs import get_job


def watch_job(database: Database, job_id: str) -> int:
    """Show the job until it ends; return the command's exit code: 0 where every task is through.

    Ctrl-C ends the watching, not the job.
    """
    try:
        show_until_end(lambda: _look(database, job_id))
    except KeyboardInterrupt:
        out.print(f"The job goes on. Watch it:  python -m backend jobs {job_id} --watch")
        out.print(f"              or cancel it: python -m backend jobs {job_id} --cancel")
        return 130
    job = get_job(database, job_id)
    progress = print_end(database, job)
    return 0 if job.state == JobState.DONE and not progress.failed else 1


def print_end(database: Database, job: Job) -> JobProgress:
    """Print how the job stands, what it has to say beside its counts, and what can be done next."""
    progress = progress_of(job, count_tasks(database, job.id), now=datetime.now(UTC))
    left = progress.queued + progress.predicted
    if job.state.is_end:
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
    if job.state.is_end and (progress.failed or left):
        out.print(
            f"Go on with the rest:  python -m backend prelabel --project {job.project_id} --retry-failed"
        )
    return progress


def _look(database: Database, job_id: str) -> JobView:
    job, counts = get_job(database, job_id), count_tasks(database, job_id)
    progress = progress_of(job, counts, now=datetime.now(UTC))
    return JobView(
        state=job.state,
        is_cancel_asked=job.is_cancel_asked,
        total=progress.total,
        done=tasks_through(job, counts),
        counts=(
            f"{progress.failed} failed" if progress.failed else "",
            f"{progress.skipped} had it already" if progress.skipped else "",
        ),
        error=job.error,
    )
