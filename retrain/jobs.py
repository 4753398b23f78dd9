"""Jobs, named by text where they are queued. Each may run twice or be killed at any line."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError
from rq import get_current_job
from rq.worker import Worker

from backend.prelabel.project import LabelStudioProject
from backend.prelabel.start import PRELABEL_JOB
from backend.prelabel.work import work_on_job
from backend.review.inbox import PROCESS_JOB
from backend.review.ingest import process_project_events
from backend.services import Services
from backend.settings import read_settings


def process_events(project_id: int | None) -> int:
    """Process one project's waiting events; return how many there were."""
    with _services() as services:
        services.queue.job_started(PROCESS_JOB, project_id)
        return process_project_events(services.database, services.pipeline.planner, project_id)


def prelabel(job_id: str) -> str:
    """Run a pre-labelling job unless another process does; return the state that it is left in."""
    with _services() as services:
        services.queue.job_started(PRELABEL_JOB, job_id)
        # Asked here: the run looks from a thread of its own, in which RQ knows of no job.
        worker_key = _worker_key()
        job = work_on_job(
            job_id,
            database=services.database,
            pipeline=services.pipeline,
            project_of=lambda project_id: LabelStudioProject(services.label_studio, project_id),
            is_stopping=lambda: _is_worker_stopping(services, worker_key),
        )
        return job.state


@contextmanager
def _services() -> Iterator[Services]:
    services = Services.build(read_settings())
    try:
        yield services
    finally:
        services.close()


def _worker_key() -> str | None:
    """Return where Redis keeps the state of the worker that runs this job; None outside of a job."""
    job = get_current_job()
    if job is None or not job.worker_name:
        return None
    return f"{Worker.redis_worker_namespace_prefix}{job.worker_name}"


def _is_worker_stopping(services: Services, worker_key: str | None) -> bool:
    """Tell whether the worker of this job was asked to end; it then waits for the job, but not for ever."""
    try:
        return worker_key is not None and bool(
            services.queue.redis.hexists(worker_key, "shutdown_requested_date")
        )
    except RedisError:
        return False
