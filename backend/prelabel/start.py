"""Start, join, retry and cancel pre-labelling jobs."""

from collections.abc import Collection
from datetime import UTC, datetime

import structlog

from backend.entities import Job, JobOptions
from backend.errors import BadRequest, NotFound, QueueUnavailable
from backend.labelstudio.task_filter import parse_filter
from backend.queue import PREDICT, JobQueue
from backend.store.database import Database
from backend.store.job_tasks import add_tasks, retry_failed
from backend.store.jobs import active_job, create_job, get_job, jobs_without_runner, list_jobs

log = structlog.get_logger(__name__)

PRELABEL_JOB = "retrain.jobs.prelabel"


def start_prelabel(
    database: Database,
    queue: JobQueue,
    project_id: int,
    options: JobOptions,
    *,
    task_ids: Collection[int] = (),
) -> tuple[Job, bool]:
    """Start a job, or join the project's active one; return it and whether it is new.

    Args:
        database: Keeps the job.
        queue: Brings it to a worker. Without Redis the job waits, and a worker finds it later.
        project_id: Label Studio's project.
        options: Which tasks it takes.
        task_ids: Tasks named one by one; a job that is joined takes them too.

    Raises:
        BadRequest: a filter is none, or the active job has other options.
    """
    for text in options.filters:
        parse_filter(text)
    while True:
        job = create_job(database, project_id, options, now=datetime.now(UTC))
        is_new = job is not None
        job = job or active_job(database, project_id)
        # The active job may end between two looks; then there is room for a new one.
        if job is not None and (not task_ids or add_tasks(database, job.id, task_ids)):
            break
    if not is_new and not task_ids and job.options != options:
        raise BadRequest(
            f"Job {job.id} of project {project_id} is active with other options; wait for its end, or cancel "
            f"it: python -m backend jobs {job.id} --cancel"
        )
    _enqueue(queue, job)
    return job, is_new


def retry_prelabel(database: Database, queue: JobQueue, project_id: int, options: JobOptions) -> Job:
    """Let the project's newest job go on with what failed and what it did not come to.

    Raises:
        NotFound: the project has had no job.
        BadRequest: its job is active, or options are given, which a job that goes on keeps.
    """
    if options != JobOptions():
        raise BadRequest("A job that goes on keeps its options; give none beside --retry-failed.")
    newest = next(iter(list_jobs(database, project_id=project_id, limit=1)), None)
    if newest is None:
        raise NotFound(f"Project {project_id} has had no pre-labelling job, so nothing of it can be retried.")
    if newest.finished_at is None or not retry_failed(database, newest.id):
        raise BadRequest(
            f"Job {newest.id} of project {project_id} is active; wait for its end, or cancel it."
        )
    job = get_job(database, newest.id)
    _enqueue(queue, job)
    return job


def queue_waiting_jobs(database: Database, queue: JobQueue) -> None:
    """Queue jobs that no living process runs: those of a killed worker, or of a lost Redis.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    for job in jobs_without_runner(database, now=datetime.now(UTC)):
        queue.enqueue_once(PREDICT, PRELABEL_JOB, job.id, timeout=None)


def _enqueue(queue: JobQueue, job: Job) -> None:
    try:
        queue.enqueue_once(PREDICT, PRELABEL_JOB, job.id, timeout=None)
    except QueueUnavailable as error:
        log.warning("job_not_queued", job=job.id, project=job.project_id, detail=error.message)
