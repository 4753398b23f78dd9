"""Image embeddings, each computed once: found in memory, found in a file, or encoded.

Within a process the first that asks for an image does the work and the others wait for it; between the
processes of a machine a lock file sees to the same. Work ahead of need gives way to people who wait.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import structlog

from backend.entities import Image
from backend.metrics import Metrics
from backend.sam.embedding_files import EmbeddingFiles
from backend.sam.embedding_memory import EmbeddingMemory
from backend.sam.encoding_locks import EncodingLocks
from backend.sam.entities import Embedding, SamEngine

log = structlog.get_logger(__name__)

# Longer than ViT-H takes on two cores; whoever holds a lock for longer hangs.
_LOCK_SECONDS = 60.0


class _GaveUp(Exception):
    """Who looked for an image had no more time; others may have."""


@dataclass(slots=True, eq=False)
class _Search:
    """An image that one thread looks for or encodes; `found` ends the wait of all who asked for it.

    `until` is the moment of `monotonic` from which on that thread gives up.
    """

    key: str
    digest: str
    is_urgent: bool
    until: float | None
    found: "Future[Embedding]" = field(default_factory=Future)

    @property
    def left(self) -> float | None:
        """Seconds that are left; None for any number."""
        return None if self.until is None else max(0.0, self.until - monotonic())


class Embeddings:
    """Embeddings of images by engine and content; safe for any number of threads and processes.

    No thread begins before somebody waited for an image to be encoded, so that a process may fork before.

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
        self._locks = EncodingLocks(lock_folder, seconds=lock_seconds)
        self._metrics = metrics or Metrics()
        self._searches: dict[tuple[str, str], _Search] = {}
        # Notified when a search ends or becomes urgent.
        self._changed = threading.Condition()
        self._writer: ThreadPoolExecutor | None = None
        self._writer_lock = threading.Lock()

    def get(
        self,
        engine: SamEngine,
        digest: str,
        load: Callable[[], Image],
        *,
        is_urgent: bool = True,
        timeout: float | None = None,
    ) -> Embedding:
        """Return an image's embedding, which is encoded only where nobody has done so before.

        Args:
            engine: Encodes it.
            digest: SHA-256 of the image's file, hexadecimal.
            load: Returns the image; called only where it must be encoded.
            is_urgent: A person waits. Otherwise encoding begins only when this process does nothing for
                anybody who waits; somebody who comes to wait for this very image ends that.
            timeout: Longest wait for others, in seconds; encoding it here is not bounded.

        Raises:
            TimeoutError: the others took longer.
            Exception: what `load` or the engine raise, for all who wait; the next call tries again.
        """
        mine = _Search(engine.key, digest, is_urgent, None if timeout is None else monotonic() + timeout)
        while True:
            kept, search = self._join(mine)
            if kept is not None:
                self._count("memory", is_urgent)
                return kept
            if search is mine:
                self._count(self._search(mine, engine, load), is_urgent)
                try:
                    return mine.found.result()
                except _GaveUp:
                    raise TimeoutError from None
            self._count("waited", is_urgent)
            try:
                return search.found.result(mine.left)
            except _GaveUp:
                continue

    def is_ready(self, key: str, digest: str) -> bool:
        """Tell whether an image's embedding need not be encoded.

        Args:
            key: The engine's.
            digest: SHA-256 of the image's file, hexadecimal.
        """
        return self._memory.has(key, digest) or self._files.has(key, digest)

    def bring(self, key: str, digest: str) -> bool:
        """Have an image's embedding in memory if it need not be encoded; tell whether that is so."""
        if self._memory.has(key, digest):
            return True
        kept = self._files.read(key, digest)
        if kept is not None:
            self._memory.put(key, digest, kept)
        return kept is not None

    def close(self) -> None:
        """Wait until what was encoded is written."""
        with self._writer_lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.shutdown()

    def _join(self, mine: _Search) -> tuple[Embedding | None, _Search]:
        """Return what is in memory, or the search under way for the image: `mine` where there was none."""
        name = mine.key, mine.digest
        with self._changed:
            kept = self._memory.get(*name)
            if kept is not None:
                return kept, mine
            search = self._searches.setdefault(name, mine)
            if mine.is_urgent and not search.is_urgent:
                search.is_urgent = True
                self._changed.notify_all()
            return None, search

    def _search(self, search: _Search, engine: SamEngine, load: Callable[[], Image]) -> str:
        """End a search; return where it was found: "disk" or "encoded"."""
        try:
            kept = self._files.read(search.key, search.digest)
            if kept is None:
                kept = self._encode(search, engine, load)
                if kept is None:
                    return "encoded"
            self._publish(search, kept)
            return "disk"
        # Whatever it is, the threads that wait for this image must hear of it.
        except BaseException as error:
            if search.found.done():
                raise
            self._end(search)
            search.found.set_exception(error)
            return "failed"

    def _encode(self, search: _Search, engine: SamEngine, load: Callable[[], Image]) -> Embedding | None:
        """Encode, publish and write; return the embedding instead where another process did so meanwhile."""
        # Who waits from the first is not to wait for the file too.
        writes_later = search.is_urgent
        self._give_way(search)
        with ExitStack() as held:
            if self._files.is_shared:  # else who waits would find nothing
                held.enter_context(self._locks.hold(search.key, search.digest, timeout=search.left))
                kept = self._files.read(search.key, search.digest)  # by who held the lock until now
                if kept is not None:
                    return kept
            if search.left == 0:
                raise _GaveUp
            image = load()
            with self._metrics.encode_seconds.time():
                embedding = engine.embed(image)
            self._publish(search, embedding)
            # The lock is held until there is a file.
            kept_lock = held.pop_all()
        if writes_later:
            self._write_later(search, embedding, kept_lock)
        else:
            self._write(search, embedding, kept_lock)
        return None

    def _give_way(self, search: _Search) -> None:
        """Wait while people wait for other images; before a lock is taken, or other processes' would too."""
        with self._changed:
            is_my_turn = self._changed.wait_for(
                lambda: search.is_urgent or not self._is_anyone_waiting(), search.left
            )
        if not is_my_turn:
            raise _GaveUp

    def _is_anyone_waiting(self) -> bool:
        return any(search.is_urgent for search in self._searches.values())

    def _publish(self, search: _Search, embedding: Embedding) -> None:
        # First kept, then no longer searched for: whoever asks finds the one or the other.
        self._memory.put(search.key, search.digest, embedding)
        self._end(search)
        search.found.set_result(embedding)

    def _end(self, search: _Search) -> None:
        with self._changed:
            self._searches.pop((search.key, search.digest), None)
            self._changed.notify_all()

    def _write(self, search: _Search, embedding: Embedding, lock: ExitStack) -> None:
        try:
            with lock:
                self._files.write(search.key, search.digest, embedding)
            self._files.make_room(search.key)
        # The boundary of the writing thread: whoever asked has the embedding, file or not.
        except Exception:
            log.exception("embedding_not_written", digest=search.digest)

    def _write_later(self, search: _Search, embedding: Embedding, lock: ExitStack) -> None:
        with self._writer_lock:
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="sam-embedding-files")
            self._writer.submit(self._write, search, embedding, lock)

    def _count(self, found: str, is_urgent: bool) -> None:
        self._metrics.embeddings.labels(found, "now" if is_urgent else "ahead").inc()
