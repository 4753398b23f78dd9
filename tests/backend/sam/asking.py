"""Threads that ask for embeddings, and how they are held and waited for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep

from backend.metrics import Metrics
from backend.sam.embeddings import Embeddings
from backend.sam.entities import Embedding
from tests.backend.sam.counting_engine import PATIENCE, CountingEngine, image_of

MakeEmbeddings = Callable[..., Embeddings]


def digest_of(number: int) -> str:
    return f"{number:064x}"


def get(embeddings: Embeddings, engine: CountingEngine, number: int, *, is_urgent: bool = True) -> Embedding:
    """Ask for the embedding of `image_of(number)`, and see its file written."""
    found = embeddings.get(engine, digest_of(number), lambda: image_of(number), is_urgent=is_urgent)
    embeddings.close()
    return found


def number_of(embedding: Embedding) -> int:
    return int(embedding.features[0, 0, 0])


def count(metrics: Metrics, found: str, asked: str = "now") -> int:
    """Return how many embeddings were found there."""
    start = f'yolo_sam_embeddings_total{{asked="{asked}",found="{found}"}} '
    values = [line[len(start) :] for line in metrics.render().decode().splitlines() if line.startswith(start)]
    return int(float(values[0])) if values else 0


def wait_until(is_true: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.005)):
        if is_true():
            return
        sleep(0.005)
    raise AssertionError("it never came to that")


class Gate:
    """Holds images in the encoder: `entered` tells that one is there, `open` lets it go on."""

    def __init__(self, *held: int) -> None:
        self.entered = {number: threading.Event() for number in held}
        self._opened = {number: threading.Event() for number in held}

    def __call__(self, number: int) -> None:
        if number in self.entered:
            self.entered[number].set()
            assert self._opened[number].wait(PATIENCE)

    def wait(self, number: int) -> None:
        assert self.entered[number].wait(PATIENCE)

    def open(self, number: int) -> None:
        self._opened[number].set()


def ask(
    threads: ThreadPoolExecutor,
    embeddings: Embeddings,
    engine: CountingEngine,
    number: int,
    *,
    is_urgent: bool,
) -> "Future[Embedding]":
    return threads.submit(get, embeddings, engine, number, is_urgent=is_urgent)
