"""The engine: what it finds in an image never depends on its neighbours, and is ultralytics' own."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from ultralytics import YOLO
from ultralytics.engine.results import Results

from backend.entities import Detection, Image, Mask, RotatedBox
from backend.errors import ModelError
from backend.inference.batcher import Batcher
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.inference.yolo import YoloEngine, resolve_device
from backend.media.decode import decode_image
from tests.backend import tiny_model
from tests.backend.pictures import encoded, picture
from tests.backend.tiny_model import TASKS, save_tiny_weights

PIXELS = 1e-3
SCORES = 1e-5
SIZES = [(64, 48), (48, 64), (128, 96), (300, 100), (33, 57), (640, 480)]


def image(number: int) -> Image:
    return picture_of(SIZES[number % len(SIZES)], seed=number)


def picture_of(size: tuple[int, int], *, seed: int = 1) -> Image:
    """Return a BGR picture of (width, height)."""
    return np.ascontiguousarray(np.asarray(picture(*size, seed=seed))[..., ::-1])


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Checkpoint) -> YoloEngine:
    return YoloEngine(tiny_checkpoint, device="cpu")


@pytest.fixture(scope="module", params=TASKS)
def task_engine(request: pytest.FixtureRequest, tiny_weights_of: Callable[[str], Path]) -> YoloEngine:
    """The engine with a model of each task."""
    return YoloEngine(read_checkpoint(tiny_weights_of(request.param)), device="cpu")


@pytest.fixture
def batcher(engine: YoloEngine) -> Iterator[Batcher]:
    with closing(Batcher(engine, max_batch=8, name="tiny")) as made:
        yield made


def numbers(detection: Detection) -> list[float]:
    """Return a detection's pixels one after the other; of a mask where it lies and how large it is."""
    box, shape = detection.box, detection.shape
    found = [] if box is None else [box.x1, box.y1, box.x2, box.y2]
    if isinstance(shape, RotatedBox):
        found += [shape.x, shape.y, shape.width, shape.height, shape.angle]
    elif isinstance(shape, tuple):
        found += [value for point in shape for value in (point.x, point.y, point.score)]
    return found


def overlap(found: Mask, expected: Mask | np.ndarray) -> float:
    """Return the IoU of a mask with another one, or with one of the whole image."""
    height, width = found.pixels.shape
    if isinstance(expected, Mask):
        assert (found.x, found.y, height, width) == (expected.x, expected.y, *expected.pixels.shape)
        part, total = expected.pixels, int(expected.pixels.sum())
    else:
        part = expected[found.y : found.y + height, found.x : found.x + width]
        total = int(expected.sum())
    common = int((found.pixels & part).sum())
    return common / (int(found.pixels.sum()) + total - common)


def assert_same(found: list[Detection], expected: list[Detection]) -> None:
    assert [d.class_name for d in found] == [d.class_name for d in expected]
    assert np.allclose([d.score for d in found], [d.score for d in expected], rtol=0, atol=SCORES)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(numbers(one), numbers(other), rtol=0, atol=PIXELS)
        if isinstance(one.shape, Mask) and isinstance(other.shape, Mask):
            assert overlap(one.shape, other.shape) > 0.99


def test_sixteen_threads_get_the_boxes_of_one_at_a_time(engine: YoloEngine, batcher: Batcher) -> None:
    images = [image(number) for number in range(48)]
    alone = [engine.detect([one], threshold=0.5)[0] for one in images]
    assert sum(map(len, alone)) > 100
    with ThreadPoolExecutor(16) as pool:
        together = list(
            pool.map(lambda one: batcher.submit(one, threshold=0.5).result(60).detections, images)
        )
    for found, expected in zip(together, alone, strict=True):
        assert_same(found, expected)


def own_numbers(result: Results, task: str) -> np.ndarray:
    """Return what `numbers` would for each thing, from ultralytics' own result."""
    if task == "obb":
        turned = result.obb.xywhr
        return np.column_stack([result.obb.xyxy, turned[:, :4], np.degrees(turned[:, 4])])
    if task == "pose":
        return np.column_stack([result.boxes.xyxy, result.keypoints.data.reshape(len(result), -1)])
    return result.boxes.xyxy


def test_detections_are_those_of_ultralytics_itself(
    task_engine: YoloEngine, tiny_weights_of: Callable[[str], Path]
) -> None:
    task = task_engine.task
    model = YOLO(str(tiny_weights_of(task)))
    images = [image(number) for number in range(len(SIZES))]
    for one, found in zip(images, task_engine.detect(images, threshold=0.5), strict=True):
        result = model.predict(one, conf=0.5, retina_masks=True, verbose=False, device="cpu")[0].numpy()
        if task == "classify":
            assert [d.class_name for d in found] == [result.names[result.probs.top1]]
            assert found[0].score == pytest.approx(result.probs.top1conf, abs=SCORES)
            continue
        things = result.obb if task == "obb" else result.boxes
        assert [d.class_name for d in found] == [result.names[int(label)] for label in things.cls]
        assert np.allclose([d.score for d in found], things.conf, rtol=0, atol=SCORES)
        assert np.allclose([numbers(d) for d in found], own_numbers(result, task), rtol=0, atol=PIXELS)
        if task == "segment":
            # Random masks are noise from cell to cell, where two ways of resizing differ most.
            pairs = zip(found, result.masks.data > 0, strict=True)
            assert np.mean([overlap(d.shape, mask) for d, mask in pairs]) > 0.9


def test_images_of_unlike_size_in_one_call_get_what_each_gets_alone(task_engine: YoloEngine) -> None:
    images = [image(number) for number in range(2 * len(SIZES))]
    together = task_engine.detect(images, threshold=0.5)
    assert sum(map(len, together)) >= len(images)
    for one, found in zip(images, together, strict=True):
        assert_same(found, task_engine.detect([one], threshold=0.5)[0])


TURNS = {3: 2, 6: -1, 8: 1}  # EXIF's orientation: quarter turns against the clock that make it upright


@pytest.mark.parametrize("orientation", TURNS)
def test_rotated_photograph_gets_the_detections_of_the_upright_picture(
    task_engine: YoloEngine, orientation: int
) -> None:
    stored = picture(120, 80, seed=orientation)
    upright = np.rot90(decode_image(encoded(stored, "JPEG"), max_pixels=10**6), TURNS[orientation])
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    turned = decode_image(encoded(stored, "JPEG", exif=exif), max_pixels=10**6)
    assert turned.shape == ((80, 120, 3) if orientation == 3 else (120, 80, 3))
    [found], [expected] = (
        task_engine.detect([np.ascontiguousarray(one)], threshold=0.5) for one in (turned, upright)
    )
    assert found
    assert_same(found, expected)


def test_classifier_takes_images_of_every_shape_in_one_batch(tiny_weights_of: Callable[[str], Path]) -> None:
    engine = YoloEngine(read_checkpoint(tiny_weights_of("classify")), device="cpu")
    assert {engine.batch_key(image(number)) for number in range(len(SIZES))} == {(128, 128)}


def test_input_size_that_is_no_multiple_of_the_stride_is_rounded_up_as_ultralytics_does(
    tmp_path: Path, quiet_ultralytics: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_model, "IMAGE_SIZE", 100)
    path = save_tiny_weights(tmp_path / "odd.pt")
    images = [picture_of(size) for size in ((100, 60), (100, 66), (100, 70), (100, 74))]
    found = YoloEngine(read_checkpoint(path), device="cpu").detect(images, threshold=0.5)
    for one, things in zip(images, found, strict=True):
        result = YOLO(str(path)).predict(one, conf=0.5, verbose=False, device="cpu")[0]
        assert np.allclose([numbers(d) for d in things], result.boxes.xyxy.numpy(), rtol=0, atol=PIXELS)


def test_memory_is_that_of_the_weights(engine: YoloEngine) -> None:
    saved = 4 * sum(weights.numel() for weights in engine._model.model.parameters())
    assert saved <= engine.memory_bytes < 1.1 * saved


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


def test_file_that_was_replaced_since_it_was_looked_at_is_not_loaded(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_tiny_weights(tmp_path / "model.pt", classes=("boat",))
    looked_at = read_checkpoint(path)
    shutil.copy(tiny_weights, path)
    monkeypatch.setattr("backend.inference.yolo.YOLO", None)
    with pytest.raises(ModelError, match="was replaced"):
        YoloEngine(looked_at, device="cpu")
