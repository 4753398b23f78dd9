"""`jobs`: list, watch and cancel pre-labelling jobs."""

from datetime import UTC, datetime

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out, print_table
from backend.cli.watch import print_end, watch_job
from backend.entities import Job, TaskState
from backend.prelabel.progress import progress_of
from backend.store.database import Database
from backend.store.job_tasks import count_tasks_of, list_tasks
from backend.store.jobs import ask_to_cancel, get_job, list_jobs

_FAILED_SHOWN = 1000


def jobs(
    job: str = typer.Argument("", help="Id of a job; without one the newest jobs are listed."),
    watch: bool = typer.Option(False, help="Show the job's progress until it ends."),
    failed: bool = typer.Option(False, help="List the job's failed tasks with their reasons."),
    cancel: bool = typer.Option(False, help="Cancel the job; what is predicted already stays."),
) -> None:
    """List pre-labelling jobs, or show, watch or cancel one."""
    with open_services() as services:
        if not job:
            _print_jobs(services.database, list_jobs(services.database))
            return
        found = get_job(services.database, job)
        if cancel:
            ask_to_cancel(services.database, found.id, now=datetime.now(UTC))
        if watch:
            raise typer.Exit(watch_job(services.database, found.id))
        if failed:
            _print_failed(services.database, found.id)
            return
        found = get_job(services.database, job)
        _print_jobs(services.database, [found])
        print_end(services.database, found)


def _print_jobs(database: Database, found: list[Job]) -> None:
    if not found:
        out.print("There has been no job. Start one: python -m backend prelabel --project ID")
        return
    # Without lines between columns ten of them go beside each other; the id is there to be copied, whole.
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("job", "project", "state", "started"):
        table.add_column(heading, no_wrap=True, min_width=12 if heading == "job" else None)
    for heading in ("tasks", "done", "skipped", "failed", "queued"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("version", overflow="fold")
    counts_of = count_tasks_of(database, [job.id for job in found])
    for job in found:
        progress = progress_of(job, counts_of[job.id], now=datetime.now(UTC))
        counts = (progress.total, progress.done, progress.skipped, progress.failed, progress.queued)
        table.add_row(
            job.id,
            str(job.project_id),
            "cancelling" if job.is_cancel_asked and job.finished_at is None else job.state,
            f"{job.created_at.astimezone():%m-%d %H:%M}",
            *("" if count is None else str(count) for count in counts),
            job.version or "",
        )
    print_table(table)


def _print_failed(database: Database, job_id: str) -> None:
    after, shown = 0, False
    while rows := list_tasks(database, job_id, state=TaskState.FAILED, after=after, limit=_FAILED_SHOWN):
        for task_id, _, reason in rows:
            out.print(f"task {task_id}: {reason}")
        after, shown = rows[-1][0], True
    if not shown:
        out.print("No task has failed.")
