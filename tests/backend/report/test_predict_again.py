"""The model in service looks again at reviewed tasks that it has not learnt from, and leaves no trace."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from backend.errors import ModelError, NotFound
from backend.labelstudio.client import LabelStudioClient
from backend.report.predict_again import FAINT, predict_again
from backend.services import Services
from backend.stats.label_errors import Mark
from backend.store.projects import store_project
from backend.store.tables import SqlPrediction
from tests.backend.engines import FixedEngine
from tests.backend.image_server import ImageServer
from tests.backend.inference.test_pipeline import GOOD
from tests.backend.label_configs import BOXES
from tests.backend.pictures import png
from tests.backend.review_rows import NOON, PROJECT, store_rows, viewed_task
from tests.backend.training.learnt_versions import manifest, store_version

IMAGES = {1: GOOD, 2: GOOD, 3: "/data/gone.png"}


def answer(request: httpx.Request) -> httpx.Response:
    """List those of the tasks that are asked for, as Label Studio does."""
    assert (request.method, request.url.path) == ("GET", "/api/tasks/"), "nothing is written"
    wanted = json.loads(request.url.params["query"])["selectedItems"]["included"]
    rows = [
        {"id": task, "data": {"image": IMAGES[task]}, "predictions_model_versions": ""}
        for task in wanted
        if task in IMAGES
    ]
    return httpx.Response(200, json={"tasks": rows, "total": len(rows)})


@pytest.fixture(autouse=True)
def project(image_server: ImageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three reviewed tasks, and one more that Label Studio has no longer; the image of one is gone."""
    image_server.serve(GOOD, png(200, 100))

    def connect(address: str, *arguments: Any, **options: Any) -> LabelStudioClient:
        return LabelStudioClient(address, "token", transport=httpx.MockTransport(answer))

    monkeypatch.setattr("backend.services.LabelStudioClient", connect)


@pytest.fixture
def ready(services: Services) -> Services:
    store_project(services.database, PROJECT, label_config=BOXES, model_version=None, now=NOON)
    store_rows(services.database, *map(viewed_task, (1, 2, 3, 4)))
    return services


def test_tasks_are_predicted_with_what_is_too_faint_to_be_shown(
    ready: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    see = FixedEngine.see

    def remember(self: FixedEngine, images: Any, *, threshold: float) -> Any:
        asked.append(threshold)
        return see(self, images, threshold=threshold)

    monkeypatch.setattr(FixedEngine, "see", remember)
    told: list[tuple[int, int]] = []
    found = predict_again(ready, PROJECT, tell=lambda done, total: told.append((done, total)))
    assert sorted(found) == [1, 2], "the third has no image, the fourth is no task any more"
    assert set(asked) == {FAINT}
    assert [mark.label for mark in found[1].marks] == ["Car", "Person"]
    assert isinstance(found[1].marks[0], Mark) and found[1].size is not None
    assert found[1].version == ready.pipeline.planner.plan(BOXES, PROJECT).version
    assert told == [(1, 4), (2, 4), (3, 4)]


def test_nothing_is_logged(ready: Services) -> None:
    assert predict_again(ready, PROJECT)
    with ready.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SqlPrediction)) == 0


def test_tasks_that_the_model_learnt_from_are_left_alone(ready: Services) -> None:
    train(ready, written=manifest(train=[1], test=[2]))
    assert sorted(predict_again(ready, PROJECT)) == [2]


def test_without_knowing_what_it_learnt_the_model_may_not_judge(ready: Services) -> None:
    train(ready, written=None)
    with pytest.raises(ModelError, match="Leave out --predict"):
        predict_again(ready, PROJECT)


def train(ready: Services, *, written: bytes | None) -> None:
    """Let the weights in service be those of the project's version 1, with this manifest."""
    served = ready.pipeline.planner.plan(BOXES, PROJECT).version
    store_version(ready.database, ready.artifacts, 1, parent=None, written=written, name=served)


def test_unknown_project_is_an_error(services: Services) -> None:
    with pytest.raises(NotFound, match="connect"):
        predict_again(services, 99)
