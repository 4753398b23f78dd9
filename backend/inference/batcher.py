"""One thread per model that takes whatever images wait, and runs them as batches.

It never waits for a batch to fill: a lone image goes at once, and while the model is busy the next batch
gathers by itself. So the model is used by one thread only, and any number of requests may share it.
"""

import queue
import threading
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol

from backend.entities import Image
from backend.inference.seen import Seen


class BatcherClosed(Exception):
    """The batcher takes no more images. Whoever shares out models looks the model up again."""


class Engine(Protocol):
    """What a batcher drives."""

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded weights take."""

    def batch_key(self, image: Image) -> Hashable:
        """Return what images must have in common to share a batch."""

    def see(self, images: Sequence[Image], *, threshold: float) -> list[Seen]:
        """Tell what is in each image: objects with scores of at least `threshold`."""


@dataclass(slots=True)
class _Item:
    image: Image
    threshold: float
    key: Hashable
    future: "Future[Seen]" = field(default_factory=Future)


class Batcher:
    """Queue in front of one engine, and the engine's only owner. `close` or `retire` ends its thread.

    `memory_bytes` is what the engine takes; the engine is let go when the thread ends.
    """

    def __init__(self, engine: Engine, *, max_batch: int, name: str) -> None:
        self.name = name
        self.memory_bytes = engine.memory_bytes
        self._engine = engine
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        # Held while an image is queued, so that none can slip in behind the mark that ends the queue.
        self._lock = threading.Lock()
        self._is_closed = False
        self._gives_up = False
        self._thread = threading.Thread(target=self._run, name=f"model-{name}", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """True when the engine is let go and nothing is left to be answered."""
        return not self._thread.is_alive()

    def submit(self, image: Image, *, threshold: float) -> "Future[Seen]":
        """Queue one image ((H, W, 3) uint8 BGR) and return what will be seen in it.

        Raises:
            BatcherClosed: it was closed or retired before; the image is not queued.
        """
        with self._lock:
            if self._is_closed:
                raise BatcherClosed(self.name)
            item = _Item(image, threshold, self._engine.batch_key(image))
            self._queue.put(item)
        return item.future

    def retire(self) -> None:
        """Take no more images, answer those that wait, then let the engine go. Returns at once."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)

    def close(self) -> None:
        """End the thread after the batch in hand; images still waiting are cancelled."""
        self._gives_up = True
        self.retire()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            del self._engine

    def _serve(self) -> None:
        waiting: list[_Item] = []
        is_open = True
        while is_open or waiting:
            is_open = is_open and self._gather(waiting)
            batch = [item for item in waiting if item.key == waiting[0].key][: self._max_batch]
            waiting = [item for item in waiting if not any(item is taken for taken in batch)]
            self._process(batch)

    def _gather(self, waiting: list[_Item]) -> bool:
        """Move what is queued into `waiting`, at least one image in all; False at the queue's end."""
        while not waiting or not self._queue.empty():
            item = self._queue.get()
            if item is None:
                return False
            waiting.append(item)
        return True

    def _process(self, waiting: list[_Item]) -> None:
        if self._gives_up:
            for item in waiting:
                item.future.cancel()
        # From here on none can be cancelled; who was, is left out.
        batch = [item for item in waiting if item.future.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            # Lower-scored boxes never suppress higher ones, so filtering afterwards changes no result.
            found = self._engine.see([i.image for i in batch], threshold=min(i.threshold for i in batch))
            pairs = list(zip(batch, found, strict=True))
        # This thread serves all requests: each gets the error, and the thread lives on.
        except Exception as error:
            for item in batch:
                item.future.set_exception(error)
            return
        for item, seen in pairs:
            kept = tuple(d for d in seen.detections if d.score >= item.threshold)
            item.future.set_result(replace(seen, detections=kept))
