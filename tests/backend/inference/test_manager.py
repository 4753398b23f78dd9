"""Which models are in memory: each loaded once, none waiting for another, the least recently used out."""

import os
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ModelError
from backend.inference.batcher import Batcher, Engine
from backend.inference.checkpoint import Checkpoint
from backend.inference.manager import ModelManager
from tests.backend.engines import FixedEngine, Gated
from tests.backend.tiny_model import save_tiny_weights

WAIT = 10.0
IMAGE = np.zeros((6, 8, 3), np.uint8)


class Loads:
    """A factory of engines that counts, fails and waits as told; each engine takes 10 bytes if not told."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.failures = 0
        self.gates: dict[str, threading.Event] = {}
        self.sizes: dict[str, int] = {}
        self.engines: dict[str, FixedEngine] = {}
        self.has_begun = threading.Event()

    def __call__(self, checkpoint: Checkpoint) -> Engine:
        self.loaded.append(checkpoint.digest)
        self.has_begun.set()
        if gate := self.gates.get(checkpoint.digest):
            assert gate.wait(WAIT)
        if self.failures:
            self.failures -= 1
            raise ModelError("CUDA out of memory")
        engine = self.engines.pop(checkpoint.digest, None) or FixedEngine()
        engine.memory_bytes = self.sizes.get(checkpoint.digest, 10)
        return engine


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def manager(loads: Loads) -> Iterator[ModelManager]:
    """Room for three engines of 10 bytes."""
    with closing(ModelManager(loads, max_batch=4, max_bytes=30)) as made:
        yield made


@pytest.fixture
def path(tiny_weights: Path, tmp_path: Path) -> Path:
    """A weights file that may be spoilt."""
    return Path(shutil.copy(tiny_weights, tmp_path / "model.pt"))


@pytest.fixture
def named(tiny_checkpoint: Checkpoint) -> Callable[[str], Checkpoint]:
    """A checkpoint of another content."""
    return lambda digest: replace(tiny_checkpoint, digest=digest)


def found(manager: ModelManager, checkpoint: Checkpoint) -> int:
    """Return how many things the model sees in an image."""
    return len(manager.submit(checkpoint, IMAGE, threshold=0.25).result(WAIT).detections)


def loaded(manager: ModelManager, named: Callable[[str], Checkpoint], digests: str) -> str:
    return "".join(digest for digest in digests if manager.is_loaded(named(digest)))


def threads_of(checkpoint: Checkpoint) -> int:
    return sum(t.name.startswith(f"model-{checkpoint.path.stem}-") for t in threading.enumerate())


def test_eight_callers_at_once_load_a_model_once(
    manager: ModelManager, loads: Loads, tiny_checkpoint: Checkpoint
) -> None:
    gate = loads.gates[tiny_checkpoint.digest] = threading.Event()
    barrier = threading.Barrier(8, action=gate.set)

    def ask(_: int) -> int:
        barrier.wait(WAIT)
        return found(manager, tiny_checkpoint)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [3] * 8
    assert loads.loaded == [tiny_checkpoint.digest]


def test_failed_load_reaches_its_caller_and_can_be_tried_again(
    manager: ModelManager, loads: Loads, tiny_checkpoint: Checkpoint
) -> None:
    loads.failures = 1
    with pytest.raises(ModelError, match="out of memory"):
        manager.load(tiny_checkpoint)
    assert not manager.is_loaded(tiny_checkpoint)
    assert found(manager, tiny_checkpoint) == 3
    assert manager.is_loaded(tiny_checkpoint)


def test_failed_load_reaches_all_who_ask_meanwhile(
    manager: ModelManager, loads: Loads, tiny_checkpoint: Checkpoint
) -> None:
    loads.failures = 8
    barrier = threading.Barrier(8)

    def ask(_: int) -> None:
        barrier.wait(WAIT)
        with pytest.raises(ModelError, match="out of memory"):
            manager.load(tiny_checkpoint)

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(ask, range(8)))) == 8


def test_loading_one_model_blocks_no_other(
    manager: ModelManager, loads: Loads, named: Callable[[str], Checkpoint]
) -> None:
    manager.load(named("before"))
    gate = loads.gates["slow"] = threading.Event()
    loads.has_begun.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(manager.load, named("slow"))
        assert loads.has_begun.wait(WAIT)
        for digest in ("before", "quick"):
            assert pool.submit(found, manager, named(digest)).result(WAIT) == 3
        assert not waiting.done() and not manager.is_loaded(named("slow"))
        gate.set()
        waiting.result(WAIT)
    assert manager.is_loaded(named("slow"))


def test_same_weights_under_two_names_are_loaded_once(
    manager: ModelManager, loads: Loads, tiny_weights: Path, path: Path
) -> None:
    assert [found(manager, manager.checkpoint(name)) for name in (tiny_weights, path)] == [3, 3]
    assert len(loads.loaded) == 1


def test_least_recently_used_models_are_retired_until_the_rest_fits(
    manager: ModelManager, loads: Loads, named: Callable[[str], Checkpoint]
) -> None:
    for digest in "abc":
        manager.load(named(digest))
    found(manager, named("a"))
    manager.load(named("d"))
    assert loaded(manager, named, "abcd") == "acd"
    loads.sizes["e"] = 20
    manager.load(named("e"))
    assert loaded(manager, named, "abcde") == "de"
    assert found(manager, named("b")) == 3  # loaded anew
    assert loads.loaded == list("abcdeb")


def test_model_over_the_limit_serves_alone_and_is_named(
    manager: ModelManager, loads: Loads, named: Callable[[str], Checkpoint], read_log: Callable[[], str]
) -> None:
    loads.sizes["big"] = 31
    manager.load(named("a"))
    assert found(manager, named("big")) == found(manager, named("big")) == 3
    assert not manager.is_loaded(named("a")) and loads.loaded == ["a", "big"]
    assert "MODEL_CACHE_MB" in read_log()


def test_retired_model_answers_what_waits_then_frees_its_engine(
    loads: Loads, named: Callable[[str], Checkpoint]
) -> None:
    engine = loads.engines["old"] = Gated()
    with closing(ModelManager(loads, max_batch=1, max_bytes=10)) as manager:
        waiting = [manager.submit(named("old"), IMAGE, threshold=0.25) for _ in range(3)]
        assert engine.has_begun.wait(WAIT)
        manager.load(named("new"))
        assert not manager.is_loaded(named("old"))
        gate, freed = engine.gate, threading.Event()
        weakref.finalize(engine, freed.set)
        del engine
        gate.set()
        assert [len(future.result(WAIT).detections) for future in waiting] == [3, 3, 3]
        assert freed.wait(WAIT)


def test_request_that_meets_a_model_as_it_retires_is_answered(
    manager: ModelManager, loads: Loads, named: Callable[[str], Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.load(named("a"))
    submit = Batcher.submit

    def submit_too_late(batcher: Batcher, *given: object, **options: float) -> object:
        monkeypatch.setattr(Batcher, "submit", submit)
        for digest in "bcd":  # between looking the model up and queueing the image
            manager.load(named(digest))
        return submit(batcher, *given, **options)

    monkeypatch.setattr(Batcher, "submit", submit_too_late)
    assert found(manager, named("a")) == 3
    assert loads.loaded == list("abcda")


def test_models_that_push_each_other_out_answer_every_request(
    loads: Loads, named: Callable[[str], Checkpoint]
) -> None:
    with (
        closing(ModelManager(loads, max_batch=4, max_bytes=10)) as manager,
        ThreadPoolExecutor(4) as pool,
    ):
        assert list(pool.map(lambda digest: found(manager, named(digest)), "abc" * 20)) == [3] * 60


def test_file_is_read_again_only_when_it_changes(
    manager: ModelManager, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_file_that_the_disk_withholds_is_read_again_at_the_next_call(
    manager: ModelManager, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> Checkpoint:
        raise ModelError("Too many open files") from OSError(24, "Too many open files")

    with monkeypatch.context() as patch, pytest.raises(ModelError, match="open files"):
        patch.setattr("backend.inference.manager.read_checkpoint", fail)
        manager.checkpoint(path)
    assert manager.problem(path) is None


SPOILT = [
    pytest.param(lambda path: path.unlink(), "does not exist", id="missing"),
    pytest.param(lambda path: path.write_bytes(b"PK\x03\x04 cut off"), "truncated", id="corrupt"),
    pytest.param(lambda path: path.write_bytes(b"<html>"), "expected a .pt", id="foreign"),
]


@pytest.mark.parametrize(("spoil", "reason"), SPOILT)
def test_file_that_turns_bad_leaves_its_model_in_service_until_it_is_repaired(
    manager: ModelManager, path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    good = manager.checkpoint(path)
    manager.load(good)
    spoil(path)
    assert manager.checkpoint(path) == good and found(manager, good) == 3
    assert reason in (manager.problem(path) or "")
    save_tiny_weights(path, classes=("boat",), seed=2)
    assert manager.checkpoint(path).class_names == ("boat",)
    assert manager.problem(path) is None


def test_bad_file_is_logged_once_with_the_version_that_stays(
    manager: ModelManager, path: Path, read_log: Callable[[], str]
) -> None:
    good = manager.checkpoint(path)
    manager.load(good)
    path.write_bytes(b"<html>")
    assert [manager.checkpoint(path) for _ in range(3)] == [good] * 3
    assert read_log().count("weights_unusable") == read_log().count(good.version) == 1


@pytest.mark.parametrize(("spoil", "reason"), SPOILT)
def test_bad_file_whose_model_is_not_loaded_is_an_error(
    manager: ModelManager,
    path: Path,
    named: Callable[[str], Checkpoint],
    spoil: Callable[[Path], object],
    reason: str,
) -> None:
    manager.load(manager.checkpoint(path))
    for digest in "abc":  # pushes it out
        manager.load(named(digest))
    spoil(path)
    with pytest.raises(ModelError, match=reason):
        manager.checkpoint(path)


def test_replacement_that_cannot_be_loaded_leaves_the_model_in_service_until_the_file_is_touched(
    manager: ModelManager, loads: Loads, path: Path
) -> None:
    good = manager.checkpoint(path)
    manager.load(good)
    save_tiny_weights(path, classes=("boat",), seed=2)
    boats = manager.checkpoint(path)
    loads.failures = 1
    with pytest.raises(ModelError, match="out of memory"):
        manager.load(boats)
    assert manager.checkpoint(path) == good
    assert "out of memory" in (manager.problem(path) or "")
    os.utime(path, ns=(0, 1))
    assert manager.checkpoint(path) == boats and found(manager, boats) == 3
    assert manager.problem(path) is None


def test_closing_ends_the_threads_of_all_models(loads: Loads, named: Callable[[str], Checkpoint]) -> None:
    manager = ModelManager(loads, max_batch=4, max_bytes=30)
    for digest in "abcd":
        manager.load(named(digest))
    assert threads_of(named("a")) >= 3
    manager.close()
    assert not threads_of(named("a"))
    with pytest.raises(ModelError, match="shutting down"):
        manager.load(named("a"))


def test_model_that_is_loaded_while_the_manager_closes_is_let_go(
    loads: Loads, named: Callable[[str], Checkpoint]
) -> None:
    manager = ModelManager(loads, max_batch=4, max_bytes=30)
    gate = loads.gates["slow"] = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(found, manager, named("slow"))
        assert loads.has_begun.wait(WAIT)
        manager.close()
        gate.set()
        with pytest.raises((ModelError, CancelledError)):
            waiting.result(WAIT)
    for thread in threading.enumerate():
        if thread.name.startswith("model-"):
            thread.join(WAIT)
    assert not threads_of(named("slow"))
