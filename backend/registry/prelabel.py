"""Pre-label a project's unreviewed tasks after its model changed."""

from collections.abc import Collection
from datetime import datetime

import structlog

from backend.entities import Job, JobOptions, JobState
from backend.errors import BadRequest
from backend.prelabel.start import start_prelabel
from backend.queue import JobQueue
from backend.registry.entities import Promotion
from backend.store.database import Database
from backend.store.jobs import active_job, ask_to_cancel
from backend.store.promotions import mark_prelabel_started, wanted_prelabels
from backend.store.versions import list_trained

log = structlog.get_logger(__name__)


def start_wanted_prelabels(database: Database, queue: JobQueue, *, now: datetime) -> dict[int, str]:
    """Start the pre-labelling that promotions wait for; return the ids of the jobs that do it, by project.

    Where a job of the model before still runs, it is asked to end, and a later call starts the new one. A
    call that is killed half-way does no harm: the next one joins the job.

    Raises:
        DatabaseUnavailable: nothing is lost; the next call does it.
    """
    wanted = wanted_prelabels(database)
    jobs = {each.project_id: _start(database, queue, each, now=now) for each in wanted}
    return {project_id: job_id for project_id, job_id in jobs.items() if job_id is not None}


def _start(database: Database, queue: JobQueue, promotion: Promotion, *, now: datetime) -> str | None:
    job = active_job(database, promotion.project_id)
    trained = {each.version for each in list_trained(database, promotion.project_id)}
    if job is not None and _takes_all(job) and _is_of_another_model(job, promotion, trained):
        ask_to_cancel(database, job.id, now=now)
        log.info("prelabel_superseded", job=job.id, project=promotion.project_id, version=job.version)
        job = active_job(database, promotion.project_id)  # at once, where no worker has it in hand
        if job is not None:
            return None
    if job is not None and not _covers(job):
        return None
    if job is None:
        try:
            job, _ = start_prelabel(database, queue, promotion.project_id, JobOptions(only_unlabelled=True))
        except BadRequest:  # somebody was faster with a job of other options; the next call sees it
            return None
    mark_prelabel_started(database, promotion.id)
    return job.id


def _takes_all(job: Job) -> bool:
    """Tell whether the job takes every unreviewed task, and not those that somebody chose."""
    return job.options.scans and not job.options.filters


def _is_of_another_model(job: Job, promotion: Promotion, trained: Collection[str]) -> bool:
    """Tell whether the job began with a model that served before; `trained` are the project's versions."""
    if job.version is None or job.is_cancel_asked:
        return False
    models = job.version.split("+")
    if promotion.version is not None:
        return promotion.version not in models
    return any(model in trained for model in models)


def _covers(job: Job) -> bool:
    """Tell whether the job will predict every unreviewed task with the model of now.

    One that has begun without naming its version yet may have looked the model up before it changed.
    """
    is_clear = job.version is not None or job.state == JobState.QUEUED
    return is_clear and _takes_all(job) and not job.is_cancel_asked
