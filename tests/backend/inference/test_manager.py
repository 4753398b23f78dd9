"""Which models are in memory: each loaded once, a failed load tried again, none waiting for another."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ModelError
from backend.inference.batcher import Engine
from backend.inference.checkpoint import Checkpoint
from backend.inference.manager import ModelManager
from tests.backend.engines import FixedEngine
from tests.backend.tiny_model import save_tiny_weights

WAIT = 10.0


class Loads:
    """A factory of engines that counts, fails and waits as told."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.failures = 0
        self.gates: dict[str, threading.Event] = {}
        self.has_begun = threading.Event()

    def __call__(self, checkpoint: Checkpoint) -> Engine:
        self.loaded.append(checkpoint.digest)
        self.has_begun.set()
        if gate := self.gates.get(checkpoint.digest):
            assert gate.wait(WAIT)
        if self.failures:
            self.failures -= 1
            raise ModelError("CUDA out of memory")
        return FixedEngine()


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def manager(loads: Loads) -> Iterator[ModelManager]:
    with closing(ModelManager(loads, max_batch=4)) as made:
        yield made


def test_eight_callers_at_once_load_a_model_once(
    manager: ModelManager, loads: Loads, tiny_checkpoint: Checkpoint
) -> None:
    gate = loads.gates[tiny_checkpoint.digest] = threading.Event()
    barrier = threading.Barrier(8, action=gate.set)

    def ask(_: int) -> object:
        barrier.wait(WAIT)
        return manager.model(tiny_checkpoint)

    with ThreadPoolExecutor(8) as pool:
        models = set(pool.map(ask, range(8)))
    assert len(models) == 1
    assert loads.loaded == [tiny_checkpoint.digest]


def test_failed_load_reaches_its_caller_and_can_be_tried_again(
    manager: ModelManager, loads: Loads, tiny_checkpoint: Checkpoint
) -> None:
    loads.failures = 1
    with pytest.raises(ModelError, match="out of memory"):
        manager.model(tiny_checkpoint)
    assert not manager.is_loaded(tiny_checkpoint)
    image = np.zeros((6, 8, 3), np.uint8)
    assert len(manager.model(tiny_checkpoint).submit(image, threshold=0.25).result(WAIT)) == 3
    assert manager.is_loaded(tiny_checkpoint)


def test_failed_load_reaches_all_who_ask_meanwhile(
    manager: ModelManager, loads: Loads, tiny_checkpoint: Checkpoint
) -> None:
    loads.failures = 8
    barrier = threading.Barrier(8)

    def ask(_: int) -> None:
        barrier.wait(WAIT)
        with pytest.raises(ModelError, match="out of memory"):
            manager.model(tiny_checkpoint)

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(ask, range(8)))) == 8


def test_loading_one_model_blocks_no_other(
    manager: ModelManager, loads: Loads, tiny_checkpoint: Checkpoint
) -> None:
    slow, quick = replace(tiny_checkpoint, digest="slow"), replace(tiny_checkpoint, digest="quick")
    gate = loads.gates["slow"] = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(manager.model, slow)
        assert loads.has_begun.wait(WAIT)
        assert pool.submit(manager.model, quick).result(WAIT) is manager.model(quick)
        assert not waiting.done() and not manager.is_loaded(slow)
        gate.set()
        waiting.result(WAIT)


def test_same_weights_under_two_names_are_loaded_once(
    manager: ModelManager, loads: Loads, tiny_weights: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.pt"
    shutil.copy(tiny_weights, copy)
    assert manager.model(manager.checkpoint(tiny_weights)) is manager.model(manager.checkpoint(copy))
    assert len(loads.loaded) == 1


def test_file_is_read_again_only_when_it_changes(
    manager: ModelManager, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pt"
    shutil.copy(tiny_weights, path)
    first = manager.checkpoint(path)
    with monkeypatch.context() as patch:
        patch.setattr("backend.inference.manager.read_checkpoint", None)
        assert manager.checkpoint(path) is first
    save_tiny_weights(path, classes=("boat",), seed=2)
    os.utime(path, ns=(0, 1))
    assert manager.checkpoint(path).class_names == ("boat",)


def test_missing_file_says_where_to_put_it(manager: ModelManager, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        manager.checkpoint(tmp_path / "gone.pt")
    assert all(word in caught.value.message for word in ("gone.pt", str(tmp_path), "YOLO_WEIGHTS"))


def test_closing_ends_the_threads_of_all_models(loads: Loads, tiny_checkpoint: Checkpoint) -> None:
    manager = ModelManager(loads, max_batch=4)
    for digest in "abc":
        manager.model(replace(tiny_checkpoint, digest=digest))
    name = f"model-{tiny_checkpoint.path.stem}-"
    assert sum(t.name.startswith(name) for t in threading.enumerate()) == 3
    manager.close()
    assert not any(t.name.startswith(name) for t in threading.enumerate())
