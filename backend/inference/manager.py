"""Which models are in memory, and which one a weights file means.

Loads each model once, however many threads ask, and never blocks the others; keeps what is loaded within
a limit. A weights file that turns bad does not take the model in service with it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from time import monotonic

import structlog

from backend.entities import Image
from backend.errors import ModelError
from backend.inference.batcher import Batcher, BatcherClosed, Engine
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.inference.seen import Seen
from backend.inference.weights import FileMark, mark_of

log = structlog.get_logger(__name__)

EngineFactory = Callable[[Checkpoint], Engine]
# Why a load failed may pass, as when memory was short: after so long it is tried again.
_REFUSED_SECONDS = 300.0
# What a file says of itself, or why it cannot be used.
_Reading = Checkpoint | str


class ModelManager:
    """Checkpoints by path, and batchers by content. Safe for any number of threads.

    A path is read again when its file changes; a model is known by its digest, so the same weights under
    two names are loaded once.

    Args:
        engine_factory: Loads a checkpoint.
        max_batch: Most images in one forward pass.
        max_bytes: Memory for loaded models. After each load the least recently used others are retired
            until the rest fits; the one just loaded stays, whatever its size.
    """

    def __init__(self, engine_factory: EngineFactory, *, max_batch: int, max_bytes: int) -> None:
        self._engine_factory = engine_factory
        self._max_batch = max_batch
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._readings: dict[Path, tuple[FileMark | None, _Reading]] = {}
        # The model of each path that answered last: what a file that turns bad still means.
        self._in_service: dict[Path, Checkpoint] = {}
        # By digest, why the last load failed, and until when (of `monotonic`) that is taken for granted.
        self._refused: dict[str, tuple[str, float]] = {}
        # By digest, the most recently used last.
        self._models: dict[str, Future[Batcher]] = {}
        self._retired: list[Batcher] = []
        self._is_closed = False

    def checkpoint(self, path: Path) -> Checkpoint:
        """Return what `path` means: milliseconds, and nothing while the file is unchanged.

        Where the file has become missing, corrupt or foreign, or what it now holds could not be loaded, that
        is what it meant before, as long as that model is loaded; `problem` then says why.

        Raises:
            ModelError: missing, corrupt or foreign, and no earlier model of this path is loaded.
        """
        reading = self._read(path)
        kept = self._kept(path) if self._problem(reading) else None
        if kept is not None:
            return kept
        if isinstance(reading, str):
            raise ModelError(reading)
        return reading

    def problem(self, path: Path) -> str | None:
        """Tell why the file at `path` as it is now cannot be used; None where nothing is known against it."""
        return self._problem(self._read(path))

    def load(self, checkpoint: Checkpoint) -> None:
        """Have the model in memory: the first caller loads it, others of the same model wait for it.

        Raises:
            ModelError: it cannot be loaded. The next call tries again.
        """
        self._batcher(checkpoint)

    def submit(self, checkpoint: Checkpoint, image: Image, *, threshold: float) -> "Future[Seen]":
        """Queue one image ((H, W, 3) uint8 BGR), loading the model if need be; return what will be seen.

        Raises:
            ModelError: the model cannot be loaded.
        """
        while True:
            try:
                return self._batcher(checkpoint).submit(image, threshold=threshold)
            except BatcherClosed:  # retired since it was looked up; it is looked up again
                continue

    def is_loaded(self, checkpoint: Checkpoint) -> bool:
        """Tell whether the model answers at once."""
        with self._lock:
            return _loaded(self._models.get(checkpoint.digest)) is not None

    def has_room(self, checkpoint: Checkpoint) -> bool:
        """Tell whether the model is loaded, or can be without another one's having to make way."""
        # Trained weights are stored in half precision, and take twice as much in memory.
        needed = 2 * checkpoint.path.stat().st_size
        with self._lock:
            loaded = {key: batcher for key, future in self._models.items() if (batcher := _loaded(future))}
        total = sum(batcher.memory_bytes for batcher in loaded.values())
        return checkpoint.digest in loaded or total + needed <= self._max_bytes

    def close(self) -> None:
        """End the threads of all models and load no more; images still waiting are cancelled."""
        with self._lock:
            self._is_closed = True
            batchers = [*self._retired, *filter(None, map(_loaded, self._models.values()))]
            self._models, self._retired = {}, []
        for batcher in batchers:
            batcher.close()

    def _read(self, path: Path) -> _Reading:
        mark = mark_of(path)
        with self._lock:
            known = self._readings.get(path)
        if known is not None and known[0] == mark:
            return known[1]
        reading, is_final = _read_file(path, mark)
        with self._lock:
            # A labeling config may name any file: those that never existed are not remembered.
            if is_final and (mark is not None or known is not None):
                self._readings[path] = mark, reading
            if isinstance(reading, Checkpoint):
                self._refused.pop(reading.digest, None)  # the file was touched: worth another try
        if isinstance(reading, str):
            self._report(path, reading)
        return reading

    def _problem(self, reading: _Reading) -> str | None:
        if isinstance(reading, str):
            return reading
        problem, until = self._refused.get(reading.digest, ("", 0.0))
        return problem if monotonic() < until else None

    def _kept(self, path: Path) -> Checkpoint | None:
        kept = self._in_service.get(path)
        return kept if kept is not None and self.is_loaded(kept) else None

    def _report(self, path: Path, problem: str) -> None:
        if kept := self._kept(path):
            log.error("weights_unusable", path=str(path), detail=problem, kept=kept.version)

    def _batcher(self, checkpoint: Checkpoint) -> Batcher:
        with self._lock:
            if self._is_closed:
                raise ModelError("The server is shutting down and loads no more models.")
            found = self._models.pop(checkpoint.digest, None)
            future = self._models[checkpoint.digest] = found or Future()
        if found is None:
            self._load(future, checkpoint)
        batcher = future.result()
        with self._lock:
            self._in_service[checkpoint.path] = checkpoint
        return batcher

    def _load(self, future: "Future[Batcher]", checkpoint: Checkpoint) -> None:
        try:
            # The batcher is the engine's only owner, so that its memory is free when the batcher ends.
            batcher = Batcher(
                self._engine_factory(checkpoint), max_batch=self._max_batch, name=checkpoint.version
            )
        # Whatever it is, the callers who wait for this model must hear of it.
        except BaseException as error:
            problem = error.message if isinstance(error, ModelError) else f"{type(error).__name__}: {error}"
            with self._lock:
                self._models.pop(checkpoint.digest, None)
                self._refused[checkpoint.digest] = problem, monotonic() + _REFUSED_SECONDS
            self._report(checkpoint.path, problem)
            future.set_exception(error)
            return
        with self._lock:
            self._refused.pop(checkpoint.digest, None)
            # Closed meanwhile: whoever submits to the retired batcher is told so when it looks again.
            retired = [batcher] if self._is_closed else self._make_room(batcher.memory_bytes)
            future.set_result(batcher)
        for other in retired:
            log.info("model_retired", version=other.name, megabytes=other.memory_bytes // 2**20)
            other.retire()
        if batcher.memory_bytes > self._max_bytes:
            sizes = {"megabytes": batcher.memory_bytes // 2**20, "limit": self._max_bytes // 2**20}
            hint = "It alone is over MODEL_CACHE_MB, so no other model stays loaded beside it."
            log.warning("model_over_limit", version=batcher.name, hint=hint, **sizes)

    def _make_room(self, needed: int) -> list[Batcher]:
        """Take out, with the lock held, the least recently used until `needed` bytes fit; return them."""
        loaded = {key: batcher for key, future in self._models.items() if (batcher := _loaded(future))}
        total = needed + sum(batcher.memory_bytes for batcher in loaded.values())
        taken = []
        for key, batcher in loaded.items():
            if total <= self._max_bytes:
                break
            taken.append(batcher)
            total -= batcher.memory_bytes
            del self._models[key]
        self._retired = [batcher for batcher in self._retired if not batcher.has_ended] + taken
        return taken


def _loaded(future: "Future[Batcher] | None") -> Batcher | None:
    if future is None or not future.done() or future.exception() is not None:
        return None
    return future.result()


def _read_file(path: Path, mark: FileMark | None) -> tuple[_Reading, bool]:
    """Return what the file says, and whether that is final: False where the disk failed, which may pass."""
    if mark is None:
        problem = (
            f"The weights file {path.name} does not exist in {path.parent}. Put it there, or name "
            "another one in YOLO_WEIGHTS or in the tag's model_path."
        )
        return problem, True
    try:
        return read_checkpoint(path), True
    except ModelError as error:
        return error.message, not isinstance(error.__cause__, OSError)
