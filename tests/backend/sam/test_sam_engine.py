"""Prompts on an image to masks on it: what segment_anything itself finds, whoever else asks meanwhile."""

import itertools
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from segment_anything import SamPredictor
from structlog.testing import capture_logs

from backend.entities import Box, Image, ImageSize
from backend.errors import ModelError
from backend.sam.architectures import load_sam
from backend.sam.engine import TorchSam
from backend.sam.entities import Embedding, FoundMask, PromptPoint, Prompts
from backend.sam.input_frame import InputFrame, fit
from backend.sam.network import Network
from tests.backend.sam.tiny_sam import TINY, save_tiny_sam

DIGEST = "0123456789abcdef" * 4
# Features are kept as half floats.
CLOSE = {"rtol": 0.05, "atol": 0.05}
ON_IT, BESIDE_IT = PromptPoint(150, 40, True), PromptPoint(20, 90, False)
CLICK, BOX = Prompts(points=(ON_IT,)), Prompts(box=Box(20, 10, 140, 90))
SIDE = 4 * TINY.grid
PAINTED = Prompts(logits=np.linspace(-4, 4, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sam(tmp_path_factory.mktemp("sam") / "tiny sam.pt")


@pytest.fixture
def engine(path: Path) -> TorchSam:
    return TorchSam(path, DIGEST, device="cpu")


def picture(width: int = 200, height: int = 120, *, seed: int = 0) -> Image:
    """An image of one bright spot, so that neither side nor colour may be mistaken."""
    noise = np.random.default_rng(seed).integers(0, 80, (height, width, 3), np.uint8)
    noise[height // 8 : height // 2, width // 2 :, seed % 3] += 150
    return noise


def full(found: FoundMask, size: ImageSize) -> NDArray[np.bool_]:
    """Return a mask at the image's size."""
    made = np.zeros((size.height, size.width), bool)
    height, width = found.mask.pixels.shape
    made[found.mask.y : found.mask.y + height, found.mask.x : found.mask.x + width] = found.mask.pixels
    return made


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(a & b) / np.count_nonzero(a | b))


def predictor_of(path: Path, image: Image) -> SamPredictor:
    """Return segment_anything's own predictor with the image set, resized as the engine does."""
    predictor = SamPredictor(load_sam(path)[0])
    height, width = image.shape[:2]
    fitted = fit(image, InputFrame(ImageSize(width, height), TINY.image_size))[..., ::-1]
    pixels = torch.from_numpy(np.ascontiguousarray(fitted.transpose(2, 0, 1)))[None]
    predictor.set_torch_image(pixels.float(), (height, width))
    return predictor


@pytest.mark.parametrize(
    ("width", "height"),
    [
        pytest.param(200, 120, id="wide"),
        pytest.param(120, 200, id="tall"),
        pytest.param(64, 64, id="as large as the input"),
        pytest.param(50, 31, id="smaller than the input"),
        pytest.param(333, 217, id="sides that do not divide"),
    ],
)
@pytest.mark.parametrize(
    ("prompts", "asked"),
    [
        pytest.param(
            Prompts(points=(PromptPoint(40, 12, True), PromptPoint(9, 30, False))),
            {"point_coords": np.array([[40, 12], [9, 30]]), "point_labels": np.array([1, 0])},
            id="clicks",
        ),
        pytest.param(Prompts(box=Box(5, 3, 45, 28)), {"box": np.array([5, 3, 45, 28])}, id="box"),
        pytest.param(
            Prompts(points=(PromptPoint(40, 12, True),), box=Box(5, 3, 45, 28)),
            {
                "point_coords": np.array([[40, 12]]),
                "point_labels": np.array([1]),
                "box": np.array([5, 3, 45, 28]),
            },
            id="click and box",
        ),
        pytest.param(
            replace(PAINTED, points=(PromptPoint(9, 30, False),)),
            {
                "point_coords": np.array([[9, 30]]),
                "point_labels": np.array([0]),
                "mask_input": PAINTED.logits[None] if PAINTED.logits is not None else None,
            },
            id="click and mask",
        ),
    ],
)
def test_mask_is_the_one_that_segment_anything_finds(
    engine: TorchSam, path: Path, width: int, height: int, prompts: Prompts, asked: dict[str, Any]
) -> None:
    image = picture(width, height)
    (found,) = engine.segment(engine.embed(image), [prompts])
    masks, scores, logits = predictor_of(path, image).predict(**asked, multimask_output=False)
    assert np.allclose(found.logits, logits[0], **CLOSE)
    assert found.score == pytest.approx(np.clip(scores[0], 0, 1), abs=0.02)
    assert masks.any() and iou(full(found, ImageSize(width, height)), masks[0]) >= 0.97


def test_single_click_takes_the_best_of_three_masks(engine: TorchSam, path: Path) -> None:
    image = picture()
    (found,) = engine.segment(engine.embed(image), [CLICK])
    predictor = predictor_of(path, image)
    _, _, logits = predictor.predict(np.array([[150, 40]]), np.array([1]), multimask_output=True)
    _, _, single = predictor.predict(np.array([[150, 40]]), np.array([1]), multimask_output=False)
    assert any(np.allclose(found.logits, plane, **CLOSE) for plane in logits)
    assert not np.allclose(found.logits, single[0], **CLOSE)


def test_click_beside_the_thing_alone_takes_the_one_mask(engine: TorchSam, path: Path) -> None:
    image = picture()
    (found,) = engine.segment(engine.embed(image), [Prompts(points=(BESIDE_IT,))])
    predictor = predictor_of(path, image)
    _, _, single = predictor.predict(np.array([[20, 90]]), np.array([0]), multimask_output=False)
    assert np.allclose(found.logits, single[0], **CLOSE)


def test_colours_are_read_as_blue_green_red(engine: TorchSam) -> None:
    image = picture()
    swapped = np.ascontiguousarray(image[..., ::-1])
    assert not np.allclose(engine.embed(image).features, engine.embed(swapped).features, atol=0.05)


def test_embedding_is_half_floats_and_the_images_size(engine: TorchSam) -> None:
    embedding = engine.embed(picture(200, 120))
    assert embedding.features.shape == (16, 8, 8) and embedding.features.dtype == np.float16
    assert embedding.size == ImageSize(200, 120)
    assert np.isfinite(embedding.features).all()


def test_very_long_image_is_encoded(engine: TorchSam) -> None:
    embedding = engine.embed(picture(2000, 8))
    (found,) = engine.segment(embedding, [BOX])
    assert full(found, embedding.size).shape == (8, 2000)


def test_answers_come_in_the_order_of_the_prompts(engine: TorchSam) -> None:
    embedding = engine.embed(picture())
    boxes = [Prompts(box=Box(x, 5, x + 60, 100)) for x in range(0, 140, 2)]
    prompts = [CLICK, *boxes[:40], PAINTED, *boxes[40:], replace(BOX, points=(BESIDE_IT,))]
    together = engine.segment(embedding, prompts)
    for found, prompt in zip(together, prompts, strict=True):
        (alone,) = engine.segment(embedding, [prompt])
        assert np.allclose(found.logits, alone.logits, rtol=1e-3, atol=1e-3)
        assert found.score == pytest.approx(alone.score, abs=1e-4)


def test_no_prompts_are_no_masks(engine: TorchSam) -> None:
    assert engine.segment(engine.embed(picture()), []) == []


def test_logits_serve_as_a_later_prompt(engine: TorchSam) -> None:
    embedding = engine.embed(picture())
    (first,) = engine.segment(embedding, [CLICK])
    clicks = Prompts(points=(ON_IT, BESIDE_IT))
    (without,) = engine.segment(embedding, [clicks])
    (refined,) = engine.segment(embedding, [replace(clicks, logits=first.logits)])
    assert refined.logits.shape == (SIDE, SIDE) and refined.logits.dtype == np.float32
    assert not np.allclose(refined.logits, without.logits, atol=0.01)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        pytest.param(Prompts(), "neither points nor a box nor logits", id="nothing"),
        pytest.param(Prompts(logits=np.zeros((256, 256), np.float32)), "(32, 32)", id="logits of another"),
    ],
)
def test_prompt_that_means_nothing_is_refused(engine: TorchSam, prompt: Prompts, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        engine.segment(engine.embed(picture()), [CLICK, prompt])
    assert says in str(caught.value)


def test_embedding_of_another_model_is_refused(engine: TorchSam) -> None:
    foreign = Embedding(np.zeros((256, 64, 64), np.float16), ImageSize(200, 120))
    with pytest.raises(ValueError, match="this model makes"):
        engine.segment(foreign, [CLICK])


def test_names_follow_from_file_and_digest(engine: TorchSam) -> None:
    assert engine.version == "tiny-sam-01234567"
    assert engine.key == "0123456789abcdef-f1"
    assert engine.memory_bytes > 50_000


def test_masks_are_the_same_whoever_else_asks(engine: TorchSam) -> None:
    images = [picture(80 + 20 * n, 120, seed=n) for n in range(8)]
    clicks = [(n % 8, PromptPoint(5.0 + 7 * (n // 8), 10.0 + 9 * (n % 11), n % 3 > 0)) for n in range(200)]
    alone = [
        engine.segment(engine.embed(images[index]), [Prompts(points=(point,))])[0] for index, point in clicks
    ]
    with ThreadPoolExecutor(8) as pool:
        embeddings = list(pool.map(engine.embed, images))
        tasks = [(embeddings[index], [Prompts(points=(point,))]) for index, point in clicks]
        together = [found for (found,) in pool.map(lambda task: engine.segment(*task), tasks)]
    assert len(together) == 200 and any(found.mask.pixels.any() for found in together)
    for mine, theirs in zip(alone, together, strict=True):
        assert np.allclose(mine.logits, theirs.logits, rtol=1e-4, atol=1e-5)
        assert (mine.mask.x, mine.mask.y) == (theirs.mask.x, theirs.mask.y)
        assert np.array_equal(mine.mask.pixels, theirs.mask.pixels)


@pytest.mark.parametrize(
    "error", [IndexError("list"), struct.error("short"), MemoryError(), RecursionError()]
)
def test_whatever_a_file_makes_loading_fail_with_is_a_model_error(
    path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise error

    monkeypatch.setattr("backend.sam.engine.load_sam", fail)
    with capture_logs() as logs, pytest.raises(ModelError, match="cannot be read as a SAM") as caught:
        TorchSam(path, DIGEST, device="cpu")
    assert "SAM_MODEL" in caught.value.message
    assert [entry["event"] for entry in logs] == ["sam_unreadable"]


def short_of_memory(engine: TorchSam, error: Exception) -> list[int]:
    """Let the engine's device fail as one without memory does; return what counts its failures."""
    failures: list[int] = []

    def fail(*_: object) -> None:
        failures.append(1)
        raise error

    for part in (engine._network._sam.image_encoder, engine._network._sam.prompt_encoder):
        part.register_forward_pre_hook(fail)
    engine.device = "cuda:0"
    return failures


OUT_OF_MEMORY = [
    pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0"), id="cuda"),
    pytest.param(RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), id="mps"),
    pytest.param(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), id="library"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_device_without_memory_costs_time_but_no_click(path: Path, error: Exception) -> None:
    whole, short = (TorchSam(path, DIGEST, device="cpu") for _ in range(2))
    failures = short_of_memory(short, error)
    with capture_logs() as logs:
        embedding = short.embed(picture())
        (found,) = short.segment(embedding, [CLICK])
    (expected,) = whole.segment(whole.embed(picture()), [CLICK])
    assert np.array_equal(found.logits, expected.logits)
    assert [entry["event"] for entry in logs] == ["sam_memory_short"] * 2 and len(failures) == 2
    assert logs[0]["device"] == "cuda:0" and "SAM_DEVICE" in logs[0]["hint"]
    assert "\n" not in logs[0]["detail"]


def test_model_that_does_not_fit_on_the_device_is_loaded_on_the_cpu(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def place(*arguments: Any, device: str) -> Network:
        if device != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return Network(*arguments, device=device)

    monkeypatch.setattr("backend.sam.engine.resolve_device", lambda *_, **__: "cuda:0")
    monkeypatch.setattr("backend.sam.engine.Network", place)
    with capture_logs() as logs:
        engine = TorchSam(path, DIGEST, device="auto")
    assert engine.device == "cpu" and engine.segment(engine.embed(picture()), [CLICK])
    assert [(entry["event"], entry["device"]) for entry in logs] == [("sam_memory_short", "cuda:0")]


def test_copy_on_the_cpu_is_made_once(path: Path) -> None:
    engine = TorchSam(path, DIGEST, device="cpu")
    short_of_memory(engine, torch.OutOfMemoryError("CUDA out of memory."))
    with ThreadPoolExecutor(8) as pool:
        embeddings = list(pool.map(engine.embed, itertools.repeat(picture(), 8)))
    first = engine._spare
    engine.embed(picture())
    assert first is not None and engine._spare is first
    assert all(np.array_equal(e.features, embeddings[0].features) for e in embeddings)


def test_machine_without_memory_is_said(path: Path) -> None:
    engine = TorchSam(path, DIGEST, device="cpu")
    short_of_memory(engine, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ..."))
    engine.device = "cpu"
    with pytest.raises(ModelError) as caught:
        engine.embed(picture())
    assert "SAM_MODEL" in caught.value.message


def test_other_failures_are_not_taken_for_want_of_memory(path: Path) -> None:
    engine = TorchSam(path, DIGEST, device="cpu")
    short_of_memory(engine, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        engine.embed(picture())


def test_device_that_cannot_be_used_names_its_setting(path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        TorchSam(path, DIGEST, device="gpu7")
    assert "SAM_DEVICE" in caught.value.message and "gpu7" in caught.value.message
