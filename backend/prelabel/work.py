"""Run a job as far as it goes in this process, and leave its row saying how it went."""

import os
import secrets
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from backend.entities import Job, JobState
from backend.errors import AppError, DatabaseUnavailable, LabelStudioError, ModelError
from backend.inference.pipeline import PredictionPipeline
from backend.prelabel.progress import tasks_through
from backend.prelabel.project import Project
from backend.prelabel.run import PrelabelRun
from backend.store.database import Database
from backend.store.job_tasks import count_tasks
from backend.store.jobs import claim_job, end_job, get_job
from backend.store.leases import LeaseLost

log = structlog.get_logger(__name__)

# A job whose process dies again and again before it finishes a task, for want of memory perhaps.
MOST_STALLS = 5


def work_on_job(
    job_id: str,
    *,
    database: Database,
    pipeline: PredictionPipeline,
    project_of: Callable[[int], Project],
    is_stopping: Callable[[], bool] = lambda: False,
) -> Job:
    """Run the job unless another process does, and return it as it stands then.

    A job that Label Studio or the database kept from going on is queued again; it keeps the reason.

    Args:
        job_id: Of the job.
        database: Keeps it.
        pipeline: Predicts.
        project_of: Gives Label Studio's side of a project.
        is_stopping: Tells whether this process should end.

    Raises:
        NotFound: there is no such job.
        DatabaseUnavailable: how it went could not be stored; the job's lease runs out.
    """
    owner = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
    through = tasks_through(get_job(database, job_id), count_tasks(database, job_id))
    job = claim_job(database, job_id, owner=owner, done=through, now=datetime.now(UTC))
    if job is None:
        return get_job(database, job_id)
    try:
        if job.stalls >= MOST_STALLS:
            raise ModelError(
                f"The worker died {job.stalls} times before it had finished one more task, perhaps for want "
                "of memory. Lower PREDICT_BATCH or MEDIA_THREADS, then go on with --retry-failed."
            )
        PrelabelRun(
            job,
            owner=owner,
            database=database,
            pipeline=pipeline,
            project=project_of(job.project_id),
            is_stopping=is_stopping,
        ).run()
    except LeaseLost:
        log.warning("job_taken_over", job=job_id)
    # The boundary of the job: whatever it is, its row must say so.
    except Exception as error:
        _end_with(database, job, error, owner=owner)
    return get_job(database, job_id)


def _end_with(database: Database, job: Job, error: Exception, *, owner: str) -> None:
    may_work_later = isinstance(error, DatabaseUnavailable) or (
        isinstance(error, LabelStudioError) and error.refused_with is None
    )
    is_foreseen = isinstance(error, AppError)
    message = error.message if isinstance(error, AppError) else f"{type(error).__name__}: {error}"
    log.error("job_stopped", job=job.id, detail=message, again=may_work_later, exc_info=not is_foreseen)
    state = JobState.QUEUED if may_work_later else JobState.FAILED
    try:
        end_job(database, job.id, state, owner=owner, error=message, now=datetime.now(UTC))
    except LeaseLost:
        log.warning("job_taken_over", job=job.id)
