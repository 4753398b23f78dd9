"""The one SAM of a server process: fetched, loaded once, named without being loaded.

A file that is replaced is loaded anew at the next call. If that fails, or the file goes away, the model that
is loaded goes on, and is what `version` and `key` name.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import structlog

from backend.errors import ModelError
from backend.inference.weights import KNOWN_WEIGHTS, FileMark, fetch_weights, mark_of, version_name
from backend.sam.entities import SamEngine
from backend.sam.names import embedding_key

log = structlog.get_logger(__name__)

# Why a load failed may pass, as when the network was away: after so long the same file is tried again.
_REFUSED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Loaded:
    digest: str
    engine: SamEngine


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why the file of this mark is not used, and until when that is taken for granted."""

    mark: FileMark | None
    message: str
    until: float


class SamHolder:
    """A SAM weights file and the engine that runs it. Safe for any number of threads.

    Args:
        path: The weights file; a well-known one need not exist yet.
        load: Loads the file whose SHA-256 it is given; by default a `TorchSam`.
        device: auto, cpu, cuda:0, mps.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Callable[[Path, str], SamEngine] | None = None,
        device: str = "auto",
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._path = path
        self._load = load or (lambda path, digest: _load_torch_sam(path, digest, device=device))
        self._clock = clock
        # Two locks: what the file is called is asked while it is fetched or loaded, which may take minutes.
        self._loading = threading.Lock()
        self._reading = threading.Lock()
        self._read: tuple[FileMark, str] | None = None
        self._loaded: _Loaded | None = None
        self._refused: _Refused | None = None

    def engine(self) -> SamEngine:
        """Return the engine; the first caller fetches and loads it, the others wait.

        Raises:
            ModelError: it cannot be had. Asked again within half a minute, the answer is the same, unless
                the file has changed.
        """
        with self._loading:
            mark, loaded, refused = mark_of(self._path), self._loaded, self._refused
            if loaded is not None and mark is None:
                return loaded.engine
            if refused is not None and refused.mark == mark and self._clock() < refused.until:
                if loaded is None:
                    raise ModelError(refused.message)
                return loaded.engine
            try:
                self._loaded = self._load_now()
                self._refused = None
            except ModelError as error:
                self._refused = _Refused(mark, error.message, self._clock() + _REFUSED_SECONDS)
                if loaded is None:
                    raise
                kept = loaded.engine.version
                log.error("sam_weights_unusable", path=str(self._path), detail=error.message, kept=kept)
                return loaded.engine
            return self._loaded.engine

    def version(self) -> str:
        """Return the model version's name, without loading anything.

        Raises:
            ModelError: the file is missing or cannot be read.
        """
        return version_name(self._path, self._digest())

    def key(self) -> str:
        """Return the engine's `key`, without loading anything.

        Raises:
            ModelError: the file is missing or cannot be read.
        """
        return embedding_key(self._digest())

    def _digest(self) -> str:
        mark, loaded, refused = mark_of(self._path), self._loaded, self._refused
        if loaded is not None and (mark is None or (refused is not None and refused.mark == mark)):
            return loaded.digest
        return self._digest_of(mark)

    def _digest_of(self, mark: FileMark | None) -> str:
        if mark is None:
            known = KNOWN_WEIGHTS.get(self._path.name)
            if known is not None:  # fetched at the first use, and then checked against it
                return known.digest
            raise ModelError(
                f"The weights file {self._path.name} does not exist in {self._path.parent}. Put it there, or "
                "name another one in SAM_MODEL."
            )
        with self._reading:
            if self._read is None or self._read[0] != mark:
                try:
                    with self._path.open("rb") as file:
                        self._read = mark, hashlib.file_digest(file, "sha256").hexdigest()
                except OSError as error:
                    raise ModelError(f"The weights file {self._path} cannot be read: {error}.") from None
            return self._read[1]

    def _load_now(self) -> _Loaded:
        """Return what the file holds now: what is loaded already, where the content is the same."""
        fetch_weights(self._path, setting="SAM_MODEL")
        mark = mark_of(self._path)
        digest = self._digest_of(mark)
        if self._loaded is not None and self._loaded.digest == digest:
            return self._loaded
        loaded = _Loaded(digest, self._load(self._path, digest))
        if mark_of(self._path) != mark:
            raise ModelError(
                f"{self._path.name} was replaced while it was loaded; the next call reads it again."
            )
        log.info("sam_loaded", version=loaded.engine.version, megabytes=loaded.engine.memory_bytes // 2**20)
        return loaded


def _load_torch_sam(path: Path, digest: str, *, device: str) -> SamEngine:
    # Imported here: torch takes seconds, and naming a file needs none of it.
    from backend.sam.engine import TorchSam

    return TorchSam(path, digest, device=device)
