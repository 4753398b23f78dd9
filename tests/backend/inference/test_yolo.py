"""The engine: an image's boxes never depend on its neighbours, and are ultralytics' own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from backend.entities import Detection, Image
from backend.errors import ModelError
from backend.inference.batcher import Batcher
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.inference.yolo import YoloEngine, resolve_device
from tests.backend.pictures import picture

PIXELS = 1e-3
SCORES = 1e-5
SIZES = [(64, 48), (48, 64), (128, 96), (300, 100), (33, 57), (640, 480)]


def image(number: int) -> Image:
    width, height = SIZES[number % len(SIZES)]
    return np.ascontiguousarray(np.asarray(picture(width, height, seed=number))[..., ::-1])


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Checkpoint) -> YoloEngine:
    return YoloEngine(tiny_checkpoint, device="cpu")


@pytest.fixture
def batcher(engine: YoloEngine) -> Iterator[Batcher]:
    with closing(Batcher(engine, max_batch=8, name="tiny")) as made:
        yield made


def rows(detections: list[Detection]) -> np.ndarray:
    return np.array([[d.box.x1, d.box.y1, d.box.x2, d.box.y2] for d in detections]).reshape(-1, 4)


def assert_same(found: list[Detection], expected: list[Detection]) -> None:
    assert [d.class_name for d in found] == [d.class_name for d in expected]
    assert np.allclose([d.score for d in found], [d.score for d in expected], rtol=0, atol=SCORES)
    assert np.allclose(rows(found), rows(expected), rtol=0, atol=PIXELS)


def test_sixteen_threads_get_the_boxes_of_one_at_a_time(engine: YoloEngine, batcher: Batcher) -> None:
    images = [image(number) for number in range(48)]
    alone = [engine.detect([one], threshold=0.5)[0] for one in images]
    assert sum(map(len, alone)) > 100
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda one: batcher.submit(one, threshold=0.5).result(60), images))
    for found, expected in zip(together, alone, strict=True):
        assert_same(found, expected)


def test_boxes_are_those_of_ultralytics_itself(engine: YoloEngine, tiny_weights: Path) -> None:
    from ultralytics import YOLO

    model = YOLO(str(tiny_weights))
    for number in range(len(SIZES)):
        result = model.predict(image(number), conf=0.5, verbose=False, device="cpu")[0]
        found = engine.detect([image(number)], threshold=0.5)[0]
        assert [d.class_name for d in found] == [result.names[int(c)] for c in result.boxes.cls]
        assert np.allclose(rows(found), result.boxes.xyxy.numpy(), rtol=0, atol=PIXELS)


def test_detections_come_highest_score_first_and_reach_the_threshold(engine: YoloEngine) -> None:
    high, low = (engine.detect([image(0)], threshold=threshold)[0] for threshold in (0.6, 0.5))
    scores = [d.score for d in low]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) < 0.6 <= min(d.score for d in high)
    assert_same(low[: len(high)], high)


def test_no_images_are_no_detections(engine: YoloEngine) -> None:
    assert engine.detect([], threshold=0.5) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 4000)])
def test_narrow_image_is_detected_without_failure(engine: YoloEngine, size: tuple[int, int]) -> None:
    [found] = engine.detect([np.zeros((*size, 3), np.uint8)], threshold=0.5)
    assert all(np.isfinite([d.score, d.box.x1, d.box.y2]).all() for d in found)


def test_device_auto_is_one_that_is_here() -> None:
    assert resolve_device("auto") in ("cpu", "cuda:0")
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "cpu:x", ""])
def test_device_that_is_not_here_is_named_with_a_way_out(device: str) -> None:
    with pytest.raises(ModelError, match="DEVICE=auto"):
        resolve_device(device)


def test_checkpoint_that_ultralytics_cannot_load_is_a_model_error(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    from tests.backend.inference.test_checkpoint import saved, write

    hollow = read_checkpoint(write(tmp_path / "hollow.pt", saved()))
    with pytest.raises(ModelError, match="hollow.pt"):
        YoloEngine(hollow, device="cpu")
