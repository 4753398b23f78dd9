"""Image embeddings as files under ARTIFACT_URL: bounded, and shared by all server processes and machines.

A file is a help and never a condition. A damaged one is deleted; a file system that fails is left alone for
a while, and the log says so once.
"""

import io
import math
import threading
import zipfile
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

import numpy as np
import structlog

from backend.entities import ImageSize
from backend.errors import ArtifactError, ArtifactMissing
from backend.sam.entities import Embedding
from backend.store.artifacts import ArtifactEntry, ArtifactStore

log = structlog.get_logger(__name__)

_FOLDER = "embeddings"
# Shares of the bound: what a process writes before it looks at all files, and what it then leaves of them.
# Two processes may each write that much between looks and are still within the bound.
_LOOK_AFTER, _LEAVE = 0.05, 0.9
# A file system that is away can take a minute to say so, and each click would wait for it.
_PAUSE_SECONDS = 300.0
# What reading makes of bytes that are no such file.
_DAMAGED = (
    zipfile.BadZipFile,
    ValueError,
    KeyError,
    AttributeError,
    EOFError,
    OSError,
    RuntimeError,  # also NotImplementedError: it seems encrypted, or of a later version
)


class EmbeddingFiles:
    """One file for each engine and image; safe for any number of threads and processes. It never raises.

    Args:
        store: Where the files lie. They need no fsync: what a power cut damages is found out and replaced.
        max_bytes: Of all files; 0 keeps nothing.
        clock: Seconds that only grow.
    """

    def __init__(
        self, store: ArtifactStore, *, max_bytes: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        # Bytes that may be written before the next look at all files: none before the first.
        self._room = 0.0
        # Apart from each other, since what lies on a full disk can still be read.
        self._reading = _Patience("read", clock)
        self._writing = _Patience("write", clock)

    @property
    def is_shared(self) -> bool:
        """Whether others are likely to find what is written, and it the files of others."""
        return self._max_bytes > 0 and not (self._reading.is_over or self._writing.is_over)

    def read(self, key: str, digest: str) -> Embedding | None:
        """Return the kept embedding of an image; it then counts as used, where it lies in a folder.

        Args:
            key: The engine's.
            digest: SHA-256 of the image's file, hexadecimal.
        """
        if self._max_bytes == 0 or self._reading.is_over:
            return None
        name = _name_of(key, digest)
        try:
            data = self._store.read(name)
        except ArtifactMissing:
            self._reading.worked()
            return None
        except ArtifactError as error:
            self._reading.failed(error)
            return None
        self._reading.worked()
        try:
            embedding = _unpack(data, name)
        except _DAMAGED as error:
            log.warning("embedding_file_damaged", name=name, detail=f"{type(error).__name__}: {error}")
            with suppress(ArtifactError):
                self._store.delete_files([name])
            return None
        with suppress(ArtifactError):
            self._store.touch(name)
        return embedding

    def has(self, key: str, digest: str) -> bool:
        """Tell whether there is a file; whether it is sound, `read` finds out."""
        if self._max_bytes == 0 or self._reading.is_over:
            return False
        try:
            return self._store.exists(_name_of(key, digest))
        except ArtifactError as error:
            self._reading.failed(error)
            return False

    def write(self, key: str, digest: str, embedding: Embedding) -> None:
        """Keep an embedding; `make_room` should follow when nobody waits any more."""
        if embedding.features.nbytes > self._max_bytes or self._writing.is_over:
            return
        name = _name_of(key, digest)
        data = _pack(embedding, name)
        try:
            self._store.put_bytes(data, name, is_durable=False)
        except ArtifactError as error:
            self._writing.failed(error)
            return
        self._writing.worked()
        with self._lock:
            self._room -= len(data)

    def make_room(self, key: str) -> None:
        """Where enough was written since the last look: delete what leaves too little room.

        What is not the engine's goes first, then what was used longest ago; on S3, written longest ago.

        Args:
            key: Of the engine in use.
        """
        with self._lock:
            if self._room >= 0:
                return
            self._room = self._max_bytes * _LOOK_AFTER
        try:
            entries = self._store.entries(_FOLDER)
            over = sum(entry.bytes for entry in entries) - self._max_bytes * _LEAVE
            if over <= 0:
                return
            removed = _choose(entries, over=over, key=key)
            self._store.delete_files([entry.name for entry in removed])
        except ArtifactError as error:
            self._writing.failed(error)
            return
        freed = sum(entry.bytes for entry in removed)
        log.info("embedding_files_deleted", files=len(removed), megabytes=freed // 2**20)


class _Patience:
    """How long to leave alone a file system that fails, which is logged once until it works again."""

    def __init__(self, doing: str, clock: Callable[[], float]) -> None:
        self._doing = doing
        self._clock = clock
        self._until = 0.0
        self._is_told = False

    @property
    def is_over(self) -> bool:
        return self._clock() < self._until

    def failed(self, error: ArtifactError) -> None:
        self._until = self._clock() + _PAUSE_SECONDS
        if not self._is_told:
            self._is_told = True
            log.warning(
                "embedding_files_fail",
                doing=self._doing,
                detail=error.message,
                remedy="see that ARTIFACT_URL is within reach, writable and not full; clicks work meanwhile",
                tried_again_after=_PAUSE_SECONDS,
            )

    def worked(self) -> None:
        self._is_told = False


def _name_of(key: str, digest: str) -> str:
    # Folders of a few files each, for file systems that are slow with many.
    return f"{_FOLDER}/{key}/{digest[:2]}/{digest}.npz"


def _choose(entries: list[ArtifactEntry], *, over: float, key: str) -> list[ArtifactEntry]:
    """Return the files whose end takes `over` bytes away."""
    chosen, freed = [], 0
    for entry in sorted(entries, key=lambda e: (e.name.startswith(f"{_FOLDER}/{key}/"), e.changed)):
        if freed >= over:
            break
        chosen.append(entry)
        freed += entry.bytes
    return chosen


def _pack(embedding: Embedding, name: str) -> bytes:
    file = io.BytesIO()
    size = (embedding.size.width, embedding.size.height)
    # Not compressed: noise in half floats, of which zip's deflate takes 8 % off for a tenth of a second. The
    # name is in it so that a file that was copied to another's place is not taken for it.
    np.savez(file, features=embedding.features, size=np.array(size, dtype=np.int64), name=np.array(name))
    return file.getvalue()


def _unpack(data: bytes, name: str) -> Embedding:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        # The zip's own check sums first: numpy would look into damaged headers before it came to them.
        if not all(e.compress_type == zipfile.ZIP_STORED for e in entries) or archive.testzip():
            raise ValueError("its check sums are wrong")
        for entry in entries:
            _check_length(archive, entry)
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        features, size = arrays["features"], arrays["size"]
        if str(arrays["name"]) != name:
            raise ValueError(f"it is that of {arrays['name']}")
    if features.dtype != np.float16 or features.ndim != 3 or size.shape != (2,):
        raise ValueError(f"it holds {features.dtype} of shape {features.shape}, expected float16 (C, h, w)")
    return Embedding(features, ImageSize(int(size[0]), int(size[1])))


def _check_length(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Make sure that an array is as long as its header says: numpy sets aside what that asks for."""
    with archive.open(entry) as file:
        if np.lib.format.read_magic(file) != (1, 0):  # type: ignore[no-untyped-call]
            raise ValueError(f"{entry.filename} has a header that is not ours")
        header = np.lib.format.read_array_header_1_0(file)  # type: ignore[no-untyped-call]
        shape, _, dtype = header
        expected, found = math.prod(shape) * dtype.itemsize, entry.file_size - file.tell()
    if expected != found:
        raise ValueError(f"{entry.filename} holds {found} bytes, and its header says {expected}")
