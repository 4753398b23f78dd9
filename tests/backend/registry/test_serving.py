"""Requests and jobs of a project are served by its champion, whole, and an untrained one by nobody."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.entities import JobOptions, JobState
from backend.prelabel.work import work_on_job
from backend.registry.move import move_champion
from backend.services import Services
from backend.store.jobs import create_job
from backend.store.prediction_log import count_predictions
from backend.store.projects import list_projects
from backend.training.entities import TrainedVersion
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES, NO_COMMON_LABEL
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject
from tests.backend.registry.makers import PROJECT, store_version

TO_LEARN = NO_COMMON_LABEL.replace("&", "&amp;").replace("toName=", 'model_train="true" toName=')


@pytest.fixture
def champion(services: Services, weights_of_seed: Callable[[int], Path]) -> TrainedVersion:
    """A version of the project that serves it."""
    made = store_version(services.database, services.artifacts, PROJECT, weights_of_seed(1))
    with services.database.write() as session:
        move_champion(session, PROJECT, made.version, reason="", prelabel=False, now=datetime.now(UTC))
    return made


@pytest.fixture(autouse=True)
def image(image_server: ImageServer) -> None:
    image_server.serve("/data/a.png", png())


def predict(client: FlaskClient, *, project: object = "7.1", xml: str = BOXES, count: int = 2) -> Any:
    tasks = [{"id": n, "data": {"image": "/data/a.png"}} for n in range(1, count + 1)]
    return client.post("/predict", json={"tasks": tasks, "project": project, "label_config": xml})


def versions(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {result["model_version"] for result in answer.json["results"]}


def test_champion_answers_setup_validation_and_predictions(
    client: FlaskClient, champion: TrainedVersion, services: Services
) -> None:
    body = {"schema": BOXES, "project": "7.1"}
    assert client.post("/setup", json=body).json["model_version"] == champion.version
    assert client.post("/validate", json=body).json["model_version"] == champion.version
    assert versions(predict(client)) == {champion.version}
    assert count_predictions(services.database) == {(PROJECT, champion.version): (2, 0)}
    assert [version for _, version, _ in list_projects(services.database)] == [champion.version]


def test_other_projects_are_served_as_before(client: FlaskClient, champion: TrainedVersion) -> None:
    assert versions(predict(client, project="8.1")).isdisjoint({champion.version})


def test_project_is_told_by_its_tasks_where_the_request_names_none(
    client: FlaskClient, champion: TrainedVersion
) -> None:
    tasks = [{"id": 1, "project": PROJECT, "data": {"image": "/data/a.png"}}]
    answer = client.post("/predict", json={"tasks": tasks, "label_config": BOXES})
    assert versions(answer) == {champion.version}


def test_untrained_project_gets_empty_predictions_of_that_version(client: FlaskClient) -> None:
    setup = client.post("/setup", json={"schema": TO_LEARN, "project": "7.1"})
    assert setup.json == {"model_version": "untrained"}
    answer = predict(client, xml=TO_LEARN)
    empty = {"result": [], "score": 0.0, "model_version": "untrained"}
    assert answer.json["results"] == [empty, empty]


def test_untrained_project_gets_no_job(client: FlaskClient, services: Services) -> None:
    answer = predict(client, xml=TO_LEARN, count=services.settings.predict_max_tasks + 1)
    assert (answer.status_code, answer.json["error"]) == (503, "model_unavailable")
    assert "Nothing is trained yet" in answer.json["message"]


def run_job(services: Services, project: FakeProject) -> Any:
    job = create_job(services.database, PROJECT, JobOptions(), now=datetime.now(UTC))
    assert job is not None
    return work_on_job(
        job.id, database=services.database, pipeline=services.pipeline, project_of=lambda _: project
    )


def test_job_predicts_with_the_champion_and_makes_it_the_projects_own(
    services: Services, champion: TrainedVersion
) -> None:
    project = FakeProject({1: {"image": "/data/a.png"}})
    assert run_job(services, project).state == JobState.DONE
    assert project.pushed[1]["model_version"] == champion.version
    assert project.followed[-1] == champion.version


def test_job_of_an_untrained_project_fails_in_words(services: Services) -> None:
    project = FakeProject({1: {"image": "/data/a.png"}}, config=TO_LEARN)
    job = run_job(services, project)
    assert job.state == JobState.FAILED and "Nothing is trained yet" in (job.error or "")
    assert project.pushed == {}
