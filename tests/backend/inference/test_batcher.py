"""One thread per model: batches of alike images, errors to whom they belong, and never a stop."""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import closing

import numpy as np
import pytest

from backend.entities import Detection, Image
from backend.inference.batcher import Batcher, BatcherClosed
from tests.backend.engines import BrokenOnBlack, FixedEngine, Gated

WAIT = 10.0  # seconds, a bound that only a failure reaches


def white(width: int = 8, height: int = 6) -> Image:
    return np.full((height, width, 3), 255, np.uint8)


BLACK = np.zeros((6, 8, 3), np.uint8)


@pytest.fixture
def gated() -> Iterator[tuple[Gated, Batcher]]:
    """An engine that holds its first batch until told to go on."""
    engine = Gated()
    with closing(Batcher(engine, max_batch=4, name="test")) as batcher:
        yield engine, batcher
        engine.gate.set()


def test_lone_image_does_not_wait_for_others() -> None:
    with closing(Batcher(FixedEngine(), max_batch=64, name="test")) as batcher:
        assert batcher.submit(white(), threshold=0.25).result(WAIT).detections[0].class_name == "car"


def test_images_that_wait_share_a_batch_up_to_the_limit(gated: tuple[Gated, Batcher]) -> None:
    engine, batcher = gated
    first = batcher.submit(white(), threshold=0.25)
    assert engine.has_begun.wait(WAIT)
    rest = [batcher.submit(white(), threshold=0.25) for _ in range(6)]
    engine.gate.set()
    assert all(len(future.result(WAIT).detections) == 3 for future in [first, *rest])
    assert engine.batches == [1, 4, 2]


def test_images_of_unlike_shape_do_not_share_a_batch(gated: tuple[Gated, Batcher]) -> None:
    engine, batcher = gated
    futures = [batcher.submit(white(), threshold=0.25)]
    assert engine.has_begun.wait(WAIT)
    shapes = [(8, 6), (16, 6), (8, 6), (16, 6), (8, 6)]
    futures += [batcher.submit(white(*shape), threshold=0.25) for shape in shapes]
    engine.gate.set()
    found = [future.result(WAIT).detections[0].box.x2 for future in futures]
    assert found == [4, 4, 8, 4, 8, 4]
    assert engine.batches == [1, 3, 2]


def test_each_image_keeps_its_own_threshold_in_a_shared_batch(gated: tuple[Gated, Batcher]) -> None:
    engine, batcher = gated
    first = batcher.submit(white(), threshold=0.0)
    assert engine.has_begun.wait(WAIT)
    futures = [batcher.submit(white(), threshold=t) for t in (0.95, 0.9, 0.5, 0.1)]
    engine.gate.set()
    assert [len(future.result(WAIT).detections) for future in [first, *futures]] == [3, 0, 1, 2, 3]
    assert engine.batches == [1, 4]


def test_engines_error_reaches_its_caller_and_the_next_image_works() -> None:
    with closing(Batcher(BrokenOnBlack(), max_batch=4, name="test")) as batcher:
        with pytest.raises(RuntimeError, match="out of memory"):
            batcher.submit(BLACK, threshold=0.25).result(WAIT)
        assert len(batcher.submit(white(), threshold=0.25).result(WAIT).detections) == 3


class Forgetful(FixedEngine):
    """Answers for one image too few."""

    def detect(self, images: Sequence[Image], *, threshold: float) -> list[list[Detection]]:
        return super().detect(images, threshold=threshold)[:-1]


# The thread must outlive what should never happen: all requests of the process share it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_engine_that_answers_for_too_few_images_is_an_error_and_no_end() -> None:
    with closing(Batcher(Forgetful(), max_batch=4, name="test")) as batcher:
        with pytest.raises(ValueError):
            batcher.submit(white(), threshold=0.25).result(2.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_image_that_nobody_waits_for_any_more_harms_no_other(gated: tuple[Gated, Batcher]) -> None:
    engine, batcher = gated
    first = batcher.submit(white(), threshold=0.25)
    assert engine.has_begun.wait(WAIT)
    given_up, kept = (batcher.submit(white(), threshold=0.25) for _ in range(2))
    assert given_up.cancel()
    engine.gate.set()
    assert len(first.result(WAIT).detections) == len(kept.result(2.0).detections) == 3


def test_closing_ends_the_batch_in_hand_and_cancels_what_waits() -> None:
    engine = Gated()
    batcher = Batcher(engine, max_batch=1, name="test")
    first = batcher.submit(white(), threshold=0.25)
    assert engine.has_begun.wait(WAIT)
    waiting = [batcher.submit(white(), threshold=0.25) for _ in range(3)]
    engine.gate.set()
    batcher.close()
    assert len(first.result(WAIT).detections) == 3
    assert all(is_settled(future) for future in waiting)


@pytest.mark.parametrize("end", [Batcher.close, Batcher.retire])
def test_batcher_that_has_ended_takes_no_more_images(end: Callable[[Batcher], None]) -> None:
    batcher = Batcher(FixedEngine(), max_batch=1, name="test")
    end(batcher)
    end(batcher)  # twice is once
    with pytest.raises(BatcherClosed):
        batcher.submit(white(), threshold=0.25)


def test_retiring_answers_what_waits_of_every_shape_then_lets_the_engine_go() -> None:
    engine = Gated()
    batcher = Batcher(engine, max_batch=1, name="test")
    waiting = [batcher.submit(white(width), threshold=0.25) for width in (8, 16, 8)]
    assert engine.has_begun.wait(WAIT)
    batcher.retire()
    assert not batcher.has_ended
    gate, freed = engine.gate, threading.Event()
    weakref.finalize(engine, freed.set)
    del engine
    gate.set()
    assert [future.result(WAIT).detections[0].box.x2 for future in waiting] == [4, 8, 4]
    assert freed.wait(WAIT)
    batcher.close()
    assert batcher.has_ended


def test_closing_a_retired_batcher_cancels_what_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Gated()
    batcher = Batcher(engine, max_batch=1, name="test")
    first, *waiting = (batcher.submit(white(), threshold=0.25) for _ in range(4))
    assert engine.has_begun.wait(WAIT)
    batcher.retire()
    # Closing retires once more, and only then waits for the batch in hand.
    monkeypatch.setattr(batcher, "retire", engine.gate.set)
    batcher.close()
    assert len(first.result(WAIT).detections) == 3
    assert all(future.cancelled() for future in waiting)


def test_memory_of_the_engine_is_known() -> None:
    engine = FixedEngine()
    engine.memory_bytes = 123
    with closing(Batcher(engine, max_batch=1, name="test")) as batcher:
        assert batcher.memory_bytes == 123


def is_settled(future: "Future[list[Detection]]") -> bool:
    try:
        return len(future.result(WAIT).detections) == 3
    except CancelledError:
        return True
