"""Image embeddings in the memory of one process, bounded by bytes."""

import threading

from backend.sam.entities import Embedding


class EmbeddingMemory:
    """Embeddings by engine and image, the most recently used of them; safe for any number of threads.

    Args:
        max_bytes: Of all features together; 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        # The most recently used last.
        self._kept: dict[tuple[str, str], Embedding] = {}
        self._bytes = 0

    @property
    def used_bytes(self) -> int:
        """Memory that the embeddings take."""
        return self._bytes

    def get(self, key: str, digest: str) -> Embedding | None:
        """Return what is kept of an image; it then counts as used.

        Args:
            key: The engine's.
            digest: SHA-256 of the image's file, hexadecimal.
        """
        with self._lock:
            found = self._kept.pop((key, digest), None)
            if found is not None:
                self._kept[key, digest] = found
            return found

    def has(self, key: str, digest: str) -> bool:
        """Tell whether `get` would find it; this is no use of it."""
        return (key, digest) in self._kept

    def put(self, key: str, digest: str, embedding: Embedding) -> None:
        """Keep an embedding; those used longest ago make room. One that is over the bound is not kept."""
        size = embedding.features.nbytes
        if size > self._max_bytes:
            return
        with self._lock:
            self._remove((key, digest))
            while self._bytes + size > self._max_bytes:
                self._remove(next(iter(self._kept)))
            self._kept[key, digest] = embedding
            self._bytes += size

    def _remove(self, name: tuple[str, str]) -> None:
        removed = self._kept.pop(name, None)
        if removed is not None:
            self._bytes -= removed.features.nbytes
