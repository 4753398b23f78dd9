"""One thread per model that takes whatever images wait, and runs them as batches.

It never waits for a batch to fill: a lone image goes at once, and while the model is busy the next batch
gathers by itself. So the model is used by one thread only, and any number of requests may share it.
"""

import queue
import threading
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from backend.entities import Detection, Image


class Engine(Protocol):
    """What a batcher drives."""

    def batch_key(self, image: Image) -> Hashable:
        """Return what images must have in common to share a batch."""

    def detect(self, images: Sequence[Image], *, threshold: float) -> list[list[Detection]]:
        """Detect objects in each image, scores of at least `threshold`."""


@dataclass(slots=True)
class _Item:
    image: Image
    threshold: float
    key: Hashable
    future: "Future[list[Detection]]" = field(default_factory=Future)


class Batcher:
    """Queue in front of one engine. `close` ends its thread."""

    def __init__(self, engine: Engine, *, max_batch: int, name: str) -> None:
        self._engine = engine
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"model-{name}", daemon=True)
        self._thread.start()

    def submit(self, image: Image, *, threshold: float) -> "Future[list[Detection]]":
        """Queue one image ((H, W, 3) uint8 BGR) and return its detections to come."""
        item = _Item(image, threshold, self._engine.batch_key(image))
        self._queue.put(item)
        return item.future

    def close(self) -> None:
        """End the thread after the batch in hand; images still waiting are cancelled."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        waiting: list[_Item] = []
        while True:
            if not waiting and not self._take(waiting, block=True):
                return
            while not self._queue.empty():
                if not self._take(waiting, block=False):
                    return
            first = waiting[0]
            batch = [item for item in waiting if item.key == first.key][: self._max_batch]
            waiting = [item for item in waiting if not any(item is taken for taken in batch)]
            self._process(batch)

    def _take(self, waiting: list[_Item], *, block: bool) -> bool:
        item = self._queue.get(block=block)
        if item is not None:
            waiting.append(item)
            return True
        for left in waiting:
            left.future.cancel()
        return False

    def _process(self, waiting: list[_Item]) -> None:
        # From here on none can be cancelled; who was, is left out.
        batch = [item for item in waiting if item.future.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            # Lower-scored boxes never suppress higher ones, so filtering afterwards changes no result.
            found = self._engine.detect([i.image for i in batch], threshold=min(i.threshold for i in batch))
            pairs = list(zip(batch, found, strict=True))
        # This thread serves all requests: each gets the error, and the thread lives on.
        except Exception as error:
            for item in batch:
                item.future.set_exception(error)
            return
        for item, detections in pairs:
            item.future.set_result([d for d in detections if d.score >= item.threshold])
