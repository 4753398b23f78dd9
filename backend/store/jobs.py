"""Pre-labelling jobs: one at a time in a project, run by one process at a time.

A run holds a lease, as `leases.py` has it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.entities import Job, JobOptions, JobState, TaskState
from backend.errors import NotFound
from backend.store.database import Database
from backend.store.leases import count_rows, hold_lease, is_free, take_lease
from backend.store.tables import SqlJob, SqlJobTask

_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


def create_job(database: Database, project_id: int, options: JobOptions, *, now: datetime) -> Job | None:
    """Make a queued job; None where the project has an active one already."""
    row = SqlJob(
        id=secrets.token_hex(6),
        project_id=project_id,
        active_project_id=project_id,
        options=asdict(options),
        state=JobState.QUEUED,
        cursor=0,
        is_scanned=not options.scans,
        skipped=0,
        filtered={},
        notes=[],
        is_cancel_asked=False,
        created_at=now,
        run_started_done=0,
        stalls=0,
    )
    try:
        with database.write() as session:
            session.add(row)
            session.flush()
            return _to_entity(row)
    except IntegrityError:
        return None


def get_job(database: Database, job_id: str) -> Job:
    """Return the job.

    Raises:
        NotFound: there is none of that id.
    """
    with database.read() as session:
        # Ids are letters and digits; PostgreSQL would refuse others, such as NUL.
        row = session.get(SqlJob, job_id) if job_id.isalnum() else None
        if row is None:
            raise NotFound(
                f"There is no job {job_id[:80]!r}. List the jobs there are with: python -m backend jobs"
            )
        return _to_entity(row)


def list_jobs(database: Database, *, project_id: int | None = None, limit: int = 50) -> list[Job]:
    """Return jobs, the newest first, of one project or of all."""
    query = select(SqlJob).order_by(SqlJob.created_at.desc(), SqlJob.id).limit(limit)
    return _jobs(database, query if project_id is None else query.where(SqlJob.project_id == project_id))


def active_job(database: Database, project_id: int) -> Job | None:
    """Return the project's job that has not ended, if there is one."""
    return next(iter(_jobs(database, select(SqlJob).where(SqlJob.active_project_id == project_id))), None)


def jobs_without_runner(database: Database, *, now: datetime) -> list[Job]:
    """Return active jobs that no living process runs: they wait, or their process was killed."""
    return _jobs(database, select(SqlJob).where(SqlJob.active_project_id.is_not(None), is_free(SqlJob, now)))


def claim_job(database: Database, job_id: str, *, owner: str, done: int, now: datetime) -> Job | None:
    """Take the lease of an active job; None where it has ended or another process holds it.

    Args:
        database: Where the job is.
        job_id: Of the job.
        owner: Name of this run.
        done: How many of the job's tasks are through, so that its speed can be told.
        now: The time.
    """
    # An earlier run was killed before it had finished a single task.
    was_cut_off = SqlJob.run_started_at.is_not(None) & (SqlJob.run_started_done == done)
    with database.write() as session:
        row = take_lease(
            session,
            SqlJob,
            job_id,
            owner=owner,
            now=now,
            values={
                "state": JobState.RUNNING,
                "stalls": case((was_cut_off, SqlJob.stalls + 1), else_=0),
                "run_started_at": now,
                "run_started_done": done,
                "error": None,
            },
        )
        return _to_entity(row) if row is not None else None


def renew_lease(database: Database, job_id: str, *, owner: str, now: datetime) -> bool:
    """Show that the run is alive; return True where somebody asked to cancel it.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_lease(session, SqlJob, job_id, owner=owner, now=now)
        return row.is_cancel_asked


def begin_scan(
    database: Database, job_id: str, *, owner: str, version: str, total: int | None, now: datetime
) -> None:
    """Note the model version that the job predicts with, and how many tasks it will see.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_lease(session, SqlJob, job_id, owner=owner, now=now)
        row.version = version
        row.total = total


def add_note(database: Database, job_id: str, note: str, *, owner: str, now: datetime) -> None:
    """Note, once, what did not work and harms no task.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_lease(session, SqlJob, job_id, owner=owner, now=now)
        if note not in row.notes:
            row.notes = [*row.notes, note]


def end_job(
    database: Database, job_id: str, state: JobState, *, owner: str, now: datetime, error: str | None = None
) -> bool:
    """End the run: for good, or with `queued` so that another run goes on, unless the job is to be cancelled.

    Returns False, and leaves the job running, where it should be done but somebody queued more tasks.

    Raises:
        LeaseLost: the lease is another's.
    """
    with database.write() as session:
        row = hold_lease(session, SqlJob, job_id, owner=owner, now=now)
        if state == JobState.QUEUED and row.is_cancel_asked:
            state, error = JobState.CANCELLED, None
        waiting = select(SqlJobTask.task_id).where(
            SqlJobTask.job_id == job_id, SqlJobTask.state == TaskState.QUEUED
        )
        if state == JobState.DONE and session.scalar(waiting.limit(1)) is not None:
            return False
        _end(row, state, error=error, now=now)
        return True


def ask_to_cancel(database: Database, job_id: str, *, now: datetime) -> None:
    """Cancel a job: at once where it waits, else its run stops as soon as it sees the wish."""
    with database.write() as session:
        row = session.get(SqlJob, job_id, with_for_update=True)
        if row is None or row.active_project_id is None:
            return
        row.is_cancel_asked = True
        if row.lease_until is None or row.lease_until < now:
            _end(row, JobState.CANCELLED, error=None, now=now)


def reopen_job(session: Session, job_id: str) -> bool:
    """Let an ended job go on; False where it has not ended. An active job of the project is an error.

    Raises:
        IntegrityError: the project has an active job; the transaction is void.
    """
    reopened = session.execute(
        update(SqlJob)
        .where(SqlJob.id == job_id, SqlJob.active_project_id.is_(None))
        .values(
            state=JobState.QUEUED,
            active_project_id=SqlJob.project_id,
            error=None,
            finished_at=None,
            is_cancel_asked=False,
        )
    )
    return bool(count_rows(reopened))


def _end(row: SqlJob, state: JobState, *, error: str | None, now: datetime) -> None:
    row.state = state
    row.error = error
    row.owner = None
    row.lease_until = None
    row.run_started_at = None
    if state not in _ACTIVE:
        row.active_project_id = None
        row.finished_at = now


def _jobs(database: Database, query: Select[SqlJob]) -> list[Job]:
    with database.read() as session:
        return [_to_entity(row) for row in session.scalars(query)]


def _to_entity(row: SqlJob) -> Job:
    options: dict[str, Any] = row.options
    filters: Sequence[str] = options["filters"]
    return Job(
        id=row.id,
        project_id=row.project_id,
        options=JobOptions(options["only_unlabelled"], tuple(filters), options["scans"]),
        state=JobState(row.state),
        version=row.version,
        total=row.total,
        cursor=row.cursor,
        is_scanned=row.is_scanned,
        skipped=row.skipped,
        filtered=row.filtered,
        error=row.error,
        notes=tuple(row.notes),
        is_cancel_asked=row.is_cancel_asked,
        created_at=row.created_at,
        run_started_at=row.run_started_at,
        run_started_done=row.run_started_done,
        stalls=row.stalls,
        finished_at=row.finished_at,
    )
