"""From tasks to predictions: in order, each stored, a failing one alone."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from backend.entities import Box, Detection, Image, ImageSize, Task
from backend.errors import DatabaseUnavailable, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.services import Services
from backend.store.prediction_log import count_predictions
from backend.store.tables import SqlModelVersion, SqlPrediction
from tests.backend.engines import BrokenOnBlack, FixedEngine, Gated
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.pictures import encoded, picture, png

GOOD, BLACK = "/data/good.png", "/data/black.png"


@pytest.fixture(autouse=True)
def images(image_server: ImageServer) -> None:
    image_server.serve(GOOD, png(200, 100))
    image_server.serve(BLACK, encoded(picture(200, 100).point(lambda _: 0)))


def predict(services: Services, *images: str, xml: str = BOXES, project: int | None = 7) -> list[Any]:
    plan = services.pipeline.planner.plan(xml)
    tasks = [Task(n, {"image": image}) for n, image in enumerate(images, start=1)]
    return services.pipeline.predict(tasks, plan, project_id=project)


def test_prediction_holds_regions_in_pixels_of_the_image(
    services: Services, tiny_checkpoint: Checkpoint
) -> None:
    [found] = predict(services, GOOD)
    assert (found.task_id, found.version, found.failure) == (1, tiny_checkpoint.version, None)
    assert found.size == ImageSize(200, 100)
    assert [(r.label, r.score) for r in found.regions] == [("Car", 0.9), ("Person", 0.6)]
    car = found.regions[0].geometry
    assert (car.x1, car.y1, car.x2, car.y2) == pytest.approx((20, 20, 100, 60))
    assert found.score == pytest.approx(0.75)
    assert 0 < found.seconds < 60


def test_device_that_fails_on_one_image_harms_no_other(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.inference.yolo.YoloEngine", lambda *_, **__: BrokenOnBlack())
    plan = services.pipeline.planner.plan(BOXES)
    [failed] = services.pipeline.predict([Task(1, {"image": BLACK})], plan, project_id=7)
    assert failed.failure == "model_failed: CUDA out of memory"
    [worked] = services.pipeline.predict([Task(2, {"image": GOOD})], plan, project_id=7)
    assert worked.failure is None and len(worked.regions) == 2


class Outside(FixedEngine):
    def detect(self, images: Sequence[Image], *, threshold: float) -> list[list[Detection]]:
        return [[Detection("car", 0.9, Box(-50, -50, 500, 500))] for _ in images]


def test_boxes_are_clipped_to_the_image(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.inference.yolo.YoloEngine", lambda *_, **__: Outside())
    [found] = predict(services, GOOD)
    assert found.regions[0].geometry == Box(0, 0, 200, 100)


def test_two_tags_on_two_images_each_get_their_own(services: Services, image_server: ImageServer) -> None:
    image_server.serve("/data/small.png", png(40, 20))
    xml = """<View><Image name="a" value="$left"/><Image name="b" value="$right"/>
      <RectangleLabels name="cars" toName="a"><Label value="Car"/></RectangleLabels>
      <RectangleLabels name="people" toName="b"><Label value="Person"/></RectangleLabels></View>"""
    plan = services.pipeline.planner.plan(xml)
    task = Task(1, {"left": GOOD, "right": "/data/small.png"})
    [found] = services.pipeline.predict([task], plan, project_id=7)
    assert [(r.control, r.label, r.size) for r in found.regions] == [
        ("cars", "Car", ImageSize(200, 100)),
        ("people", "Person", ImageSize(40, 20)),
    ]
    assert len({r.id for r in found.regions}) == 2


def test_threshold_of_the_tag_decides_what_is_shown(services: Services) -> None:
    xml = BOXES.replace("toName=", 'model_score_threshold="0.7" toName=')
    [found] = predict(services, GOOD, xml=xml)
    assert [r.label for r in found.regions] == ["Car"]
    [empty] = predict(services, GOOD, xml=xml.replace("0.7", "0.95"))
    assert (empty.regions, empty.score, empty.failure) == ((), pytest.approx(0.05), None)


def test_every_prediction_is_stored_with_its_regions(services: Services, tiny_checkpoint: Checkpoint) -> None:
    found = predict(services, GOOD, "/data/missing.png")
    with services.database.read() as session:
        rows = list(session.scalars(select(SqlPrediction).order_by(SqlPrediction.task_id)))
    assert [(r.project_id, r.task_id, r.version) for r in rows] == [
        (7, 1, tiny_checkpoint.version),
        (7, 2, tiny_checkpoint.version),
    ]
    assert (rows[0].width, rows[0].height, rows[0].failure) == (200, 100, None)
    assert [(r["id"], r["label"]) for r in rows[0].regions] == [(r.id, r.label) for r in found[0].regions]
    assert rows[0].regions[0]["geometry"]["kind"] == "box"
    assert rows[1].failure.startswith("http_status: ") and rows[1].regions == []
    assert rows[0].served_at.tzinfo is not None


def test_predictions_that_cannot_be_stored_are_not_served(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("locked")

    monkeypatch.setattr("backend.inference.pipeline.store_predictions", locked)
    with pytest.raises(DatabaseUnavailable):
        predict(services, GOOD)


def test_requests_side_by_side_keep_their_own_results(services: Services) -> None:
    plan = services.pipeline.planner.plan(BOXES)
    results: dict[int, list[int | None]] = {}

    def ask(start: int) -> None:
        tasks = [Task(start + n, {"image": GOOD}) for n in range(10)]
        found = services.pipeline.predict(tasks, plan, project_id=7)
        results[start] = [prediction.task_id for prediction in found]

    threads = [threading.Thread(target=ask, args=(start,)) for start in (100, 200, 300, 400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {start: list(range(start, start + 10)) for start in (100, 200, 300, 400)}
    assert count_predictions(services.database)[(7, plan.version)] == (40, 0)


def test_setup_twice_writes_once(services: Services) -> None:
    services.pipeline.setup(7, BOXES)
    with services.database.read() as session:
        seen = session.scalars(select(SqlModelVersion.first_seen_at)).all()
    services.pipeline.setup(7, BOXES)
    with services.database.read() as session:
        assert session.scalars(select(SqlModelVersion.first_seen_at)).all() == seen


def test_warm_up_loads_the_default_weights(services: Services, tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(ModelError, match="not loaded yet"):
        services.pipeline.check()
    services.pipeline.warm_up()
    assert services.pipeline.check() == tiny_checkpoint.version


def test_default_weights_that_are_missing_are_named(
    make_settings: MakeSettings, make_services: MakeServices
) -> None:
    services = make_services(make_settings(yolo_weights="gone.pt"))
    with pytest.raises(ModelError, match=r"gone\.pt"):
        services.pipeline.check()
    with pytest.raises(ModelError, match=r"gone\.pt"):
        services.pipeline.warm_up()


def test_request_whose_time_is_up_answers_for_every_task(
    make_settings: MakeSettings, make_services: MakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Gated()
    monkeypatch.setattr("backend.inference.yolo.YoloEngine", lambda *_, **__: engine)
    services = make_services(make_settings(predict_timeout=0.3, media_threads=2, predict_batch=1))
    found = predict(services, *[GOOD] * 5)
    engine.gate.set()
    assert [p.task_id for p in found] == [1, 2, 3, 4, 5]
    assert all(p.failure and p.failure.startswith("too_late") for p in found)
