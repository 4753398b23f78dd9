"""A project of many tasks, and a job that waits to be run."""

from datetime import UTC, datetime

import pytest

from backend.entities import Job, JobOptions
from backend.services import Services
from backend.store.jobs import create_job
from tests.backend.image_server import ImageServer
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject
from tests.backend.prelabel.runs import COUNT, GOOD


@pytest.fixture
def project(image_server: ImageServer) -> FakeProject:
    image_server.serve(GOOD, png(20, 10))
    return FakeProject({task_id: {"image": GOOD} for task_id in range(1, COUNT + 1)})


@pytest.fixture
def job(services: Services) -> Job:
    made = create_job(services.database, 7, JobOptions(), now=datetime.now(UTC))
    assert made is not None
    return made
