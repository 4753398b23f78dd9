"""Image embeddings, each computed once: found in memory, found in a file, or encoded.

Within a process the first that asks for an image does the work and the others wait for it; between the
processes of a machine a lock file sees to the same. Work ahead of need gives way to people who wait.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from filelock import FileLock

from backend.entities import Image
from backend.metrics import Metrics
from backend.sam.embedding_files import EmbeddingFiles
from backend.sam.embedding_memory import EmbeddingMemory
from backend.sam.entities import Embedding, SamEngine

log = structlog.get_logger(__name__)

# Longer than ViT-H takes on two cores; whoever holds a lock for longer hangs.
_LOCK_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class _Search:
    """An image that one thread looks for or encodes; `found` ends the wait of all who asked for it."""

    is_urgent: bool
    found: "Future[Embedding]" = field(default_factory=Future)


class Embeddings:
    """Embeddings of images by engine and content; safe for any number of threads and processes.

    Args:
        memory: Of this process.
        files: Shared with others.
        lock_folder: Of this machine, for the lock files of images that are being encoded.
        metrics: Where embeddings asked for and encoding times are counted.
        lock_seconds: Longest wait for an image that another process encodes; then it is encoded here as well.
    """

    def __init__(
        self,
        memory: EmbeddingMemory,
        files: EmbeddingFiles,
        *,
        lock_folder: Path,
        metrics: Metrics | None = None,
        lock_seconds: float = _LOCK_SECONDS,
    ) -> None:
        self._memory = memory
        self._files = files
        self._lock_folder = lock_folder
        self._metrics = metrics or Metrics()
        self._lock_seconds = lock_seconds
        self._searches: dict[tuple[str, str], _Search] = {}
        # Notified when a search ends or becomes urgent.
        self._changed = threading.Condition()

    def get(
        self, engine: SamEngine, digest: str, load: Callable[[], Image], *, is_urgent: bool = True
    ) -> Embedding:
        """Return an image's embedding, which is encoded only where nobody has done so before.

        Args:
            engine: Encodes it.
            digest: SHA-256 of the image's file, hexadecimal.
            load: Returns the image; called only where it must be encoded.
            is_urgent: A person waits. Otherwise encoding begins only when this process does nothing for
                anybody who waits; somebody who comes to wait for this very image ends that.

        Raises:
            Exception: what `load` or the engine raise, for all who wait; the next call tries again.
        """
        name = engine.key, digest
        with self._changed:
            kept = self._memory.get(*name)
            search = self._searches.get(name)
            is_mine = kept is None and search is None
            if search is None:
                search = _Search(is_urgent)
            elif is_urgent and not search.is_urgent:
                search.is_urgent = True
                self._changed.notify_all()
            if is_mine:
                self._searches[name] = search
        if kept is not None:
            self._count("memory", is_urgent)
            return kept
        if is_mine:
            self._count(self._search(search, engine, digest, load), is_urgent)
        else:
            self._count("waited", is_urgent)
        return search.found.result()

    def is_ready(self, key: str, digest: str) -> bool:
        """Tell whether an image's embedding need not be encoded.

        Args:
            key: The engine's.
            digest: SHA-256 of the image's file, hexadecimal.
        """
        return self._memory.has(key, digest) or self._files.has(key, digest)

    def _search(self, search: _Search, engine: SamEngine, digest: str, load: Callable[[], Image]) -> str:
        """End a search; return where it was found: "disk" or "encoded"."""
        name = engine.key, digest
        try:
            embedding, where = self._find(search, engine, digest, load)
        # Whatever it is, the threads that wait for this image must hear of it.
        except BaseException as error:
            self._end(name)
            search.found.set_exception(error)
            return "failed"
        # First kept, then no longer searched for: whoever asks finds the one or the other.
        self._memory.put(*name, embedding)
        self._end(name)
        search.found.set_result(embedding)
        if where == "encoded":
            self._files.make_room(engine.key)
        return where

    def _find(
        self, search: _Search, engine: SamEngine, digest: str, load: Callable[[], Image]
    ) -> tuple[Embedding, str]:
        kept = self._files.read(engine.key, digest)
        if kept is not None:
            return kept, "disk"
        # Before the lock is taken, or another process's annotator would wait for ours.
        with self._changed:
            self._changed.wait_for(lambda: search.is_urgent or not self._is_anyone_waiting())
        with self._machine_lock(engine.key, digest):
            kept = self._files.read(engine.key, digest)  # by who held the lock until now
            if kept is not None:
                return kept, "disk"
            image = load()
            with self._metrics.encode_seconds.time():
                embedding = engine.embed(image)
            self._files.write(engine.key, digest, embedding)
            return embedding, "encoded"

    def _is_anyone_waiting(self) -> bool:
        return any(search.is_urgent for search in self._searches.values())

    def _end(self, name: tuple[str, str]) -> None:
        with self._changed:
            del self._searches[name]
            self._changed.notify_all()

    @contextmanager
    def _machine_lock(self, key: str, digest: str) -> Iterator[None]:
        """Hold an image for this process alone; go on without where that cannot be had."""
        if not self._files.is_shared:  # then who waits would find nothing
            yield
            return
        path = self._lock_folder / f"{key}-{digest}.lock"
        # A file's mere existence would be a lock that a killed process never lets go of.
        lock = FileLock(path, timeout=self._lock_seconds, fallback_to_soft=False)
        try:
            self._lock_folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:  # filelock's Timeout is one as well
            log.warning("embedding_lock_missed", path=str(path), detail=f"{type(error).__name__}: {error}")
        try:
            yield
        finally:
            if lock.is_locked:
                # While it is held: who gets hold of a file that has lost its name tries again.
                with suppress(OSError):
                    path.unlink()
                lock.release()

    def _count(self, found: str, is_urgent: bool) -> None:
        self._metrics.embeddings.labels(found, "now" if is_urgent else "ahead").inc()
