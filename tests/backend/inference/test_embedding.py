"""What the backbone makes of an image: told apart, kept from batch to batch, and in nobody's way."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.entities import Image
from backend.inference.checkpoint import read_checkpoint
from backend.inference.embedding import Embedder
from backend.inference.yolo import YoloEngine
from tests.backend.pictures import picture
from tests.backend.tiny_model import TASKS


class Network(torch.nn.Module):
    """Hands its input to a head that does nothing, as ultralytics' networks hand on their features."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.Identity())

    def forward(self, features: object) -> object:
        return self.model[-1](features)


def image(seed: int, size: tuple[int, int] = (120, 90)) -> Image:
    return np.ascontiguousarray(np.asarray(picture(*size, seed=seed))[..., ::-1])


def vector(embedding: bytes | None) -> np.ndarray:
    assert embedding is not None
    return np.frombuffer(embedding, "<f2").astype(np.float64)


@pytest.fixture(scope="module", params=TASKS)
def task_engine(request: pytest.FixtureRequest, tiny_weights_of: Callable[[str], Path]) -> YoloEngine:
    """The engine with a model of each task."""
    return YoloEngine(read_checkpoint(tiny_weights_of(request.param)), device="cpu")


def test_embedding_is_the_mean_of_the_deepest_map_as_a_unit_vector() -> None:
    network = Network()
    embedder = Embedder(network)
    deepest = torch.tensor([[[[1.0, 5.0]], [[4.0, 4.0]]]])
    network([torch.full((1, 3, 8, 8), 9.0), deepest])
    assert vector(embedder.take(1)[0]) == pytest.approx([0.6, 0.8], abs=1e-3)


def test_features_of_half_precision_do_not_overflow() -> None:
    network = Network()
    embedder = Embedder(network)
    network(torch.full((1, 2, 40, 40), 6e4, dtype=torch.float16))
    assert vector(embedder.take(1)[0]) == pytest.approx([0.5**0.5] * 2, abs=1e-3)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_features_without_a_direction_are_no_embedding(value: float) -> None:
    network = Network()
    embedder = Embedder(network)
    network(torch.full((1, 2, 4, 4), value))
    assert embedder.take(1) == [None]


def test_embeddings_are_let_go_once_they_are_taken() -> None:
    network = Network()
    embedder = Embedder(network)
    network(torch.ones(2, 3, 4, 4))
    assert None not in embedder.take(2)
    assert embedder.take(2) == [None, None]


def test_pass_of_another_number_of_images_is_not_mistaken_for_theirs() -> None:
    network = Network()
    embedder = Embedder(network)
    network(torch.ones(2, 3, 4, 4))
    assert embedder.take(3) == [None, None, None]


def test_engine_tells_images_apart_whatever_the_model_is_for(task_engine: YoloEngine) -> None:
    first, same, other = (vector(task_engine.see([image(n)], threshold=0.5)[0].embedding) for n in (1, 1, 2))
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-3)
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_image_has_the_same_embedding_alone_and_among_others(task_engine: YoloEngine) -> None:
    images = [image(n, size) for n, size in enumerate([(120, 90), (90, 120), (120, 90), (64, 64)])]
    together = task_engine.see(images, threshold=0.5)
    for one, seen in zip(images, together, strict=True):
        (alone,) = task_engine.see([one], threshold=0.5)
        assert vector(seen.embedding) == pytest.approx(vector(alone.embedding), abs=2e-3)


def test_detections_are_those_of_a_network_that_nobody_listens_to(
    task_engine: YoloEngine, tiny_weights_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.nn.Module.register_forward_pre_hook", lambda *_, **__: None)
    deaf = YoloEngine(read_checkpoint(tiny_weights_of(task_engine.task)), device="cpu")
    images = [image(n) for n in range(3)]
    assert [seen.embedding for seen in deaf.see(images, threshold=0.5)] == [None] * 3
    heard, unheard = (engine.detect(images, threshold=0.5) for engine in (task_engine, deaf))
    # Bit for bit; a mask is equal only to itself.
    assert [[(d.class_name, d.score, d.box) for d in found] for found in heard] == [
        [(d.class_name, d.score, d.box) for d in found] for found in unheard
    ]
