"""Jobs, named by text where they are queued. Each may run twice or be killed at any line."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic

from redis.exceptions import RedisError
from rq import get_current_job
from rq.utils import as_text
from rq.worker import Worker

from backend.alerts.check import judge_projects
from backend.alerts.delivery import deliver_due
from backend.inference.weights import resolve_weights
from backend.labelstudio.project_annotations import ProjectAnnotations
from backend.prelabel.project import LabelStudioProject
from backend.prelabel.start import PRELABEL_JOB
from backend.prelabel.work import work_on_job
from backend.queue import EVENTS, QUEUES, TRAIN
from backend.report.monthly import raise_monthly_reports
from backend.report.renew import queue_old_reports, renew_report
from backend.review.account import Accountant
from backend.review.inbox import PROCESS_JOB
from backend.review.ingest import EventProcessor
from backend.review.sync_request import SYNC_JOB, ask_for_sync
from backend.review.sync_start import work_on_sync
from backend.sam.embed_progress import EmbedJobs
from backend.sam.embed_project import ProjectEmbedding
from backend.sam.embed_start import EMBED_JOB, embed_after_prelabel, queue_embedding
from backend.sam.task_embeddings import TaskEmbeddings
from backend.services import Services
from backend.settings import read_settings
from backend.store.event_queue import pending_ids
from backend.store.syncs import get_sync
from backend.training.consider import consider
from backend.training.names import (
    ALERTS_JOB,
    CONSIDER_JOB,
    MONTHLY_JOB,
    REPORT_JOB,
    REPORTS_JOB,
    TIDY_JOB,
    TRAIN_JOB,
)
from retrain.aftermath import settle_run, tidy_up
from retrain.training.courtesy import Courtesy

# After so long a job makes room for other projects; what waits gets a job of its own.
_TURN_SECONDS = 20.0
# Longest pause before a task while predictions are served: a busy server must not stop the job.
_EMBED_PAUSE_SECONDS = 5.0


def process_events(project_id: int | None) -> int:
    """Process one project's waiting events; return how many it did."""
    with _services() as services:
        services.queue.job_started(PROCESS_JOB, project_id)
        processor = EventProcessor(
            services.database, services.pipeline.planner, _accountant(services, project_id)
        )
        end = monotonic() + _TURN_SECONDS
        done = processor.process(project_id, is_time_up=lambda: monotonic() > end)
        if pending_ids(services.database, project_id, limit=1):
            services.queue.enqueue_once(EVENTS, PROCESS_JOB, project_id)
        elif done and project_id is not None:
            consider(services.database, services.queue, services.settings, project_id, now=_now())
        if done and project_id is not None and get_sync(services.database, project_id).gone_at:
            ask_for_sync(services.queue, project_id)
        return done


def sync_project(project_id: int) -> bool:
    """Compare the project's ledger with Label Studio for a while, and queue the rest; True if all is done."""
    with _services() as services:
        services.queue.job_started(SYNC_JOB, project_id)
        if not services.settings.label_studio_api_key.get_secret_value():
            return False  # `doctor` says so; to try again would not help
        end, is_stopping = monotonic() + _TURN_SECONDS, _stop_signal(services)
        sync = work_on_sync(
            services.database,
            services.queue,
            ProjectAnnotations(services.label_studio, project_id),
            project_id,
            is_time_up=lambda: monotonic() > end or is_stopping(),
        )
        if not sync.is_running:
            consider(services.database, services.queue, services.settings, project_id, now=_now())
        return not sync.is_running


def consider_training(project_id: int, is_cron: bool = False) -> str | None:
    """Begin a training run where one is due; return its id."""
    with _services() as services:
        services.queue.job_started(CONSIDER_JOB, *([project_id, True] if is_cron else [project_id]))
        return consider(
            services.database, services.queue, services.settings, project_id, now=_now(), is_cron=is_cron
        )


def train(run_id: str) -> str:
    """Work on a training run unless another process does; return the state that it is left in."""
    # Imported here: it brings torch, which takes seconds, and each job is a process of its own.
    from retrain.work import work_on_run

    with _services() as services:
        services.queue.job_started(TRAIN_JOB, run_id)
        run = work_on_run(run_id, services, is_stopping=_stop_signal(services))
        if run.finished_at is not None:
            settle_run(services, run)
        return run.state


def check_alerts() -> int:
    """Raise and resolve what people are to be told, and tell them; return how many messages went out."""
    with _services() as services:
        services.queue.job_started(ALERTS_JOB)
        judge_projects(services.database, services.settings, now=_now())
        return deliver_due(services.database, services.settings, now=_now())


def look_for_old_reports() -> list[int]:
    """Queue the reports of projects where something has changed; return their projects."""
    with _services() as services:
        services.queue.job_started(REPORTS_JOB)
        return queue_old_reports(services)


def renew_project_report(project_id: int) -> bool:
    """Work out a project's report; False where it can have none."""
    with _services() as services:
        services.queue.job_started(REPORT_JOB, project_id)
        return renew_report(services, project_id)


def report_months() -> int:
    """Have the reports of the last month sent that are due; return how many."""
    with _services() as services:
        services.queue.job_started(MONTHLY_JOB)
        return raise_monthly_reports(services, now=_now())


def tidy() -> None:
    """Delete what nobody needs any more."""
    with _services() as services:
        services.queue.job_started(TIDY_JOB)
        tidy_up(services)


def prelabel(job_id: str) -> str:
    """Run a pre-labelling job unless another process does; return the state that it is left in."""
    with _services() as services:
        services.queue.job_started(PRELABEL_JOB, job_id)
        job = work_on_job(
            job_id,
            database=services.database,
            pipeline=services.pipeline,
            project_of=lambda project_id: LabelStudioProject(services.label_studio, project_id),
            is_stopping=_stop_signal(services),
        )
        settings = services.settings
        if settings.sam_cache_mb:
            embed_after_prelabel(
                services.queue,
                LabelStudioProject(services.label_studio, job.project_id),
                job.project_id,
                resolve_weights(settings.sam_model, settings.models_path, confined=False),
                state=job.state,
            )
        return job.state


def embed_project(project_id: int) -> str | None:
    """Encode a project's images for a while, and queue the rest; return the state that it is left in."""
    with _services() as services:
        services.queue.job_started(EMBED_JOB, project_id)
        end, is_stopping = monotonic() + _TURN_SECONDS, _stop_signal(services)
        jobs, own_queues = EmbedJobs(services.queue.redis), _own_queues(services)
        progress = ProjectEmbedding(
            project_id,
            jobs=jobs,
            project=LabelStudioProject(services.label_studio, project_id),
            embeddings=_task_embeddings(services),
            cache_bytes=services.settings.sam_cache_mb * 2**20,
            pause=Courtesy(services.serving, seconds=_EMBED_PAUSE_SECONDS).pause,
            # Where nobody else waits for this worker it goes on: each turn loads the model anew.
            is_time_up=lambda: (
                is_stopping() or (monotonic() > end and _is_anyone_waiting(services, own_queues))
            ),
            # A job for predictions goes before one for training, and so would this one's next turn for ever.
            makes_way=lambda: TRAIN in own_queues and _is_anyone_waiting(services, (TRAIN,)),
        ).work()
        # One that rests is left to the sweep.
        if progress is not None and project_id in jobs.without_worker():
            queue_embedding(services.queue, project_id)
        return progress.state if progress else None


def _task_embeddings(services: Services) -> TaskEmbeddings:
    return TaskEmbeddings(services.sam, services.embeddings, services.media)


def _accountant(services: Services, project_id: int | None) -> Accountant:
    label_studio = ProjectAnnotations(services.label_studio, project_id or 0)
    return Accountant(services.database, label_studio.version_of_prediction)


@contextmanager
def _services() -> Iterator[Services]:
    services = Services.build(read_settings())
    try:
        yield services
    finally:
        services.close()


def _own_queues(services: Services) -> tuple[str, ...]:
    """Return the queues of the worker that runs this job; all of them where none does."""
    worker_key = _worker_key()
    names = services.queue.redis.hget(worker_key, "queues") if worker_key else None
    return tuple(as_text(names).split(",")) if names else QUEUES


def _is_anyone_waiting(services: Services, queues: Sequence[str]) -> bool:
    lengths = services.queue.lengths()
    return any(lengths[name] for name in queues)


def _worker_key() -> str | None:
    """Return where Redis keeps the state of the worker that runs this job; None outside of a job."""
    job = get_current_job()
    if job is None or not job.worker_name:
        return None
    return f"{Worker.redis_worker_namespace_prefix}{job.worker_name}"


def _stop_signal(services: Services) -> Callable[[], bool]:
    # Asked here: who looks later may be a thread of its own, in which RQ knows of no job.
    worker_key = _worker_key()
    return lambda: _is_worker_stopping(services, worker_key)


def _now() -> datetime:
    return datetime.now(UTC)


def _is_worker_stopping(services: Services, worker_key: str | None) -> bool:
    """Tell whether the worker of this job was asked to end; it then waits for the job, but not for ever."""
    try:
        return worker_key is not None and bool(
            services.queue.redis.hexists(worker_key, "shutdown_requested_date")
        )
    except RedisError:
        return False
