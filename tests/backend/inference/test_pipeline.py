"""From tasks to predictions: in order, each stored, a failing one alone."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.entities import Box, Detection, Image, ImageSize, Task
from backend.errors import DatabaseUnavailable, ModelError
from backend.inference.checkpoint import Checkpoint
from backend.labelstudio.results import prediction_to_json
from backend.services import Services
from backend.store.prediction_log import count_predictions
from backend.store.tables import SqlModelVersion, SqlPrediction, SqlProject
from tests.backend.engines import EMBEDDING, BrokenOnBlack, FixedEngine, Gated
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES, SMART_ALONE
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.pictures import encoded, picture, png
from tests.backend.sam.tiny_sam import save_tiny_sam

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


def test_brightness_and_embedding_of_the_image_are_stored_with_the_prediction(
    services: Services, image_server: ImageServer
) -> None:
    image_server.serve("/data/dark.png", encoded(picture(200, 100).point(lambda _: 51)))
    [found] = predict(services, "/data/dark.png")
    assert (found.brightness, found.embedding) == (pytest.approx(0.2), EMBEDDING)
    with services.database.read() as session:
        row = session.execute(select(SqlPrediction.brightness, SqlPrediction.embedding)).one()
    assert tuple(row) == (found.brightness, found.embedding)


def test_brightness_and_embedding_are_those_of_the_first_image(
    services: Services, image_server: ImageServer
) -> None:
    image_server.serve("/data/dark.png", encoded(picture(200, 100).point(lambda _: 51)))
    xml = """<View><Image name="a" value="$left"/><Image name="b" value="$right"/>
      <RectangleLabels name="cars" toName="b"><Label value="Car"/></RectangleLabels>
      <RectangleLabels name="people" toName="a"><Label value="Person"/></RectangleLabels></View>"""
    task = Task(1, {"left": BLACK, "right": "/data/dark.png"})
    [found] = services.pipeline.predict([task], services.pipeline.planner.plan(xml), project_id=7)
    assert found.brightness == pytest.approx(0.2), "the first tag's image comes first"


def test_failed_prediction_knows_neither_brightness_nor_embedding(services: Services) -> None:
    [found] = predict(services, "/data/missing.png")
    assert found.failure is not None
    assert (found.brightness, found.embedding) == (None, None)


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
        return [[Detection("car", 0.9, Box(-20, -10, 220, 110))] for _ in images]


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


class Counting(FixedEngine):
    """Counts the images that it saw."""

    seen = 0

    def detect(self, images: Sequence[Image], *, threshold: float) -> list[list[Detection]]:
        Counting.seen += len(images)
        return super().detect(images, threshold=threshold)


def test_model_runs_once_over_an_image_however_many_tags_it_fills(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.inference.yolo.YoloEngine", lambda *_, **__: Counting())
    monkeypatch.setattr(Counting, "seen", 0)
    xml = """<View><Image name="a" value="$image"/>
      <RectangleLabels name="all" toName="a"><Label value="Car"/><Label value="Person"/></RectangleLabels>
      <RectangleLabels name="sure" toName="a" model_score_threshold="0.7"><Label value="Car"/>
      <Label value="Person"/></RectangleLabels></View>"""
    [found] = predict(services, GOOD, xml=xml)
    assert Counting.seen == 1
    assert [(r.control, r.label) for r in found.regions] == [
        ("all", "Car"),
        ("all", "Person"),
        ("sure", "Car"),
    ]


class Doubled(FixedEngine):
    """Finds a car, most of it once more, and a sliver."""

    def detect(self, images: Sequence[Image], *, threshold: float) -> list[list[Detection]]:
        boxes = (Box(10, 10, 90, 90), Box(12, 12, 80, 80), Box(100, 10, 101, 90))
        scores = (0.9, 0.5, 0.4)
        return [[Detection("car", s, b) for s, b in zip(scores, boxes, strict=True)] for _ in images]


def test_what_hygiene_takes_out_is_counted_stored_and_no_part_of_the_score(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.inference.yolo.YoloEngine", lambda *_, **__: Doubled())
    [found] = predict(services, GOOD)
    assert [r.score for r in found.regions] == [0.9] and found.score == pytest.approx(0.9)
    assert found.filtered == {"nested": 1, "sliver": 1}
    with services.database.read() as session:
        assert session.scalars(select(SqlPrediction.filtered)).one() == found.filtered
    metrics = services.metrics.render().decode()
    assert 'yolo_sam_regions_filtered_total{filter="nested"} 1.0' in metrics


def test_hygiene_can_be_switched_off(
    make_services: MakeServices, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.inference.yolo.YoloEngine", lambda *_, **__: Doubled())
    services = make_services(make_settings(filter_nested=0.0, filter_slivers=0.0))
    [found] = predict(services, GOOD)
    assert len(found.regions) == 3 and found.filtered == {}


def test_blind_task_is_logged_in_full_and_shown_empty(
    make_services: MakeServices, make_settings: MakeSettings
) -> None:
    services = make_services(make_settings(blind_fraction=1.0))
    [found] = predict(services, GOOD)
    assert found.blind and len(found.regions) == 2
    plan = services.pipeline.planner.plan(BOXES)
    shown = prediction_to_json(found, plan.controls)
    assert (shown["result"], shown["model_version"]) == ([], plan.version)
    assert shown["score"] == pytest.approx(0.75)
    with services.database.read() as session:
        row = session.scalars(select(SqlPrediction)).one()
    assert row.blind and len(row.regions) == 2


def test_address_of_the_image_may_stand_amid_text(services: Services, image_server: ImageServer) -> None:
    xml = BOXES.replace("$image", f"{image_server.url}/data/$name.png".replace(".png", ""))
    plan = services.pipeline.planner.plan(xml)
    [found] = services.pipeline.predict([Task(1, {"name": "good.png"})], plan, project_id=7)
    assert found.failure is None and len(found.regions) == 2


def test_stream_takes_tasks_only_as_threads_are_free(services: Services) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[Task]:
        for number in range(1, 101):
            taken.append(number)
            yield Task(number, {"image": GOOD})

    plan = services.pipeline.planner.plan(BOXES)
    stream = services.pipeline.stream(tasks(), plan, project_id=7)
    assert next(stream).task_id == 1
    assert len(taken) <= 2 * services.settings.media_threads
    assert [prediction.task_id for prediction in stream] == list(range(2, 101))
    assert count_predictions(services.database) == {}


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


@pytest.mark.parametrize(
    ("xml", "is_for_training"),
    [
        pytest.param(BOXES, True, id="a model fills the tag"),
        pytest.param(SMART_ALONE, False, id="smart tools alone"),
        pytest.param(
            SMART_ALONE.replace('name="mask"', 'name="mask" model_train="true"'), True, id="to be learnt"
        ),
    ],
)
def test_setup_remembers_whether_a_model_is_to_be_trained(
    make_settings: MakeSettings,
    make_services: MakeServices,
    tmp_path: Path,
    xml: str,
    is_for_training: bool,
) -> None:
    services = make_services(make_settings(sam_model=str(save_tiny_sam(tmp_path / "tiny_sam.pt"))))
    services.pipeline.setup(7, xml)
    with services.database.read() as session:
        assert session.get_one(SqlProject, 7).is_for_training is is_for_training


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
