"""Which models are in memory. Loads each once, however many threads ask, and never blocks the others."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from backend.errors import ModelError
from backend.inference.batcher import Batcher, Engine
from backend.inference.checkpoint import Checkpoint, read_checkpoint

EngineFactory = Callable[[Checkpoint], Engine]


class ModelManager:
    """Checkpoints by path, and batchers by content.

    A path is read again when its size or time changes; a model is known by its digest, so the same
    weights under two names are loaded once.
    """

    def __init__(self, engine_factory: EngineFactory, *, max_batch: int) -> None:
        self._engine_factory = engine_factory
        self._max_batch = max_batch
        self._lock = threading.Lock()
        self._checkpoints: dict[Path, tuple[tuple[int, int], Checkpoint]] = {}
        self._models: dict[str, Future[Batcher]] = {}

    def checkpoint(self, path: Path) -> Checkpoint:
        """Read what the weights file says of itself: milliseconds, and nothing while it is unchanged.

        Raises:
            ModelError: missing, corrupt or foreign.
        """
        try:
            stat = path.stat()
        except OSError:
            raise ModelError(
                f"The weights file {path.name} does not exist in {path.parent}. Put it there, or name "
                "another one in YOLO_WEIGHTS or in the tag's model_path."
            ) from None
        mark = (stat.st_size, stat.st_mtime_ns)
        with self._lock:
            known = self._checkpoints.get(path)
        if known is not None and known[0] == mark:
            return known[1]
        checkpoint = read_checkpoint(path)
        with self._lock:
            self._checkpoints[path] = (mark, checkpoint)
        return checkpoint

    def model(self, checkpoint: Checkpoint) -> Batcher:
        """Return the model, loaded; the first caller loads it, others of the same model wait for it.

        Raises:
            ModelError: it cannot be loaded. The next call tries again.
        """
        with self._lock:
            future = self._models.get(checkpoint.digest)
            is_first = future is None
            if future is None:
                future = self._models[checkpoint.digest] = Future()
        if is_first:
            try:
                engine = self._engine_factory(checkpoint)
                future.set_result(Batcher(engine, max_batch=self._max_batch, name=checkpoint.version))
            # Whatever it is, the callers who wait for this model must hear of it.
            except BaseException as error:
                with self._lock:
                    del self._models[checkpoint.digest]
                future.set_exception(error)
        return future.result()

    def is_loaded(self, checkpoint: Checkpoint) -> bool:
        """Tell whether the model answers at once."""
        with self._lock:
            future = self._models.get(checkpoint.digest)
        return future is not None and future.done() and future.exception() is None

    def close(self) -> None:
        """End the threads of all loaded models."""
        with self._lock:
            models, self._models = list(self._models.values()), {}
        for future in models:
            if future.done() and future.exception() is None:
                future.result().close()
