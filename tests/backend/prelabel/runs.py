"""How tests run a job on a project in memory, and look at what was logged."""

from typing import Any

from sqlalchemy import func, select

from backend.entities import Job
from backend.prelabel.work import work_on_job
from backend.services import Services
from backend.store.tables import SqlPrediction
from tests.backend.prelabel.fake_project import FakeProject

GOOD, MISSING = "/data/good.png", "/data/missing.png"
COUNT = 250  # more than one page of the scan, and more than one push


def work(services: Services, job: Job, project: FakeProject, **changes: Any) -> Job:
    return work_on_job(
        job.id,
        database=services.database,
        pipeline=services.pipeline,
        project_of=lambda _: project,
        **changes,
    )


def predicted(services: Services) -> list[tuple[int, int]]:
    """Return (task, predictions logged) of every task that has any."""
    with services.database.read() as session:
        query = select(SqlPrediction.task_id, func.count()).group_by(SqlPrediction.task_id)
        return [(task_id, count) for task_id, count in session.execute(query)]
