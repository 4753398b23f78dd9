"""Tasks that somebody names while a job scans the whole project are predicted once all the same."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from backend.entities import Job, JobOptions, JobState
from backend.prelabel.work import work_on_job
from backend.services import Services
from backend.store.job_tasks import add_tasks
from backend.store.jobs import create_job
from backend.store.tables import SqlPrediction
from tests.backend.image_server import ImageServer
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject

COUNT = 250  # more than one page of the scan, and more than one push


@pytest.fixture
def project(image_server: ImageServer) -> FakeProject:
    image_server.serve("/data/good.png", png(20, 10))
    return FakeProject({task_id: {"image": "/data/good.png"} for task_id in range(1, COUNT + 1)})


@pytest.fixture
def job(services: Services) -> Job:
    made = create_job(services.database, 7, JobOptions(), now=datetime.now(UTC))
    assert made is not None
    return made


def run(services: Services, job: Job, project: FakeProject) -> Job:
    return work_on_job(
        job.id, database=services.database, pipeline=services.pipeline, project_of=lambda _: project
    )


def times_predicted(services: Services) -> Counter[int | None]:
    with services.database.read() as session:
        return Counter(session.scalars(select(SqlPrediction.task_id)))


def test_tasks_named_before_the_scan_are_predicted_once(
    services: Services, job: Job, project: FakeProject
) -> None:
    assert add_tasks(services.database, job.id, {5, 249})
    ended = run(services, job, project)
    assert (ended.state, ended.total) == (JobState.DONE, COUNT)
    assert times_predicted(services) == Counter(range(1, COUNT + 1))


def test_tasks_named_amid_the_scan_are_predicted_once(
    services: Services, job: Job, project: FakeProject
) -> None:
    def name_some(call: str) -> None:
        if call == "push":
            add_tasks(services.database, job.id, {1, 150, 249})

    project.before = name_some
    assert run(services, job, project).state == JobState.DONE
    assert times_predicted(services) == Counter(range(1, COUNT + 1))
    assert set(project.pushed) == set(range(1, COUNT + 1))
