"""The one SAM of a server process: fetched, loaded once, named without being loaded.

A file that is replaced is loaded anew behind the next call, which goes on with the model that is loaded, as
do all others until the new one is there. If it cannot be loaded, or the file goes away, they go on for good.
What is loaded is what `version` and `key` name.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import structlog

from backend.errors import ModelError
from backend.inference.weights import KNOWN_WEIGHTS, FileMark, fetch_weights, mark_of, version_name
from backend.sam.digest_notes import DigestNotes
from backend.sam.entities import SamEngine
from backend.sam.names import embedding_key

log = structlog.get_logger(__name__)

# Why a load failed may pass, as when the network was away: after so long the same file is tried again.
_REFUSED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An engine, and the mark of the file that it was loaded from, or last found equal to."""

    mark: FileMark | None
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
        digests: Remembers files' digests between processes; None: each reads the file.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Callable[[Path, str], SamEngine] | None = None,
        device: str = "auto",
        digests: DigestNotes | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._path = path
        self._load = load or (lambda path, digest: _load_torch_sam(path, digest, device=device))
        self._digests = digests
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
        loaded = self._loaded
        if loaded is None:
            with self._loading:
                return self._loaded.engine if self._loaded is not None else self._load_first()
        mark = mark_of(self._path)
        is_due = mark not in (None, loaded.mark) and not self._is_refused(mark)
        if is_due and self._loading.acquire(blocking=False):
            # The lock is given to the thread, so that there is one alone.
            threading.Thread(target=self._load_again, name="sam-reload", daemon=True).start()
        return loaded.engine

    def can_load(self) -> bool:
        """Tell whether the weights are there, or are well-known ones that can be fetched."""
        return self._path.name in KNOWN_WEIGHTS or mark_of(self._path) is not None

    def _load_first(self) -> SamEngine:
        mark, refused = mark_of(self._path), self._refused
        if refused is not None and self._is_refused(mark):
            raise ModelError(refused.message)
        try:
            self._loaded = self._load_now()
        except ModelError as error:
            self._refused = _Refused(mark, error.message, self._clock() + _REFUSED_SECONDS)
            raise
        return self._loaded.engine

    def _load_again(self) -> None:
        mark = mark_of(self._path)
        try:
            self._loaded = self._load_now()
        # The boundary of the thread: the model that is loaded goes on, whatever it was.
        except Exception as error:
            message = error.message if isinstance(error, ModelError) else repr(error)
            self._refused = _Refused(mark, message, self._clock() + _REFUSED_SECONDS)
            kept = self._loaded.engine.version if self._loaded else ""
            log.error("sam_weights_unusable", path=str(self._path), detail=message, kept=kept)
        finally:
            self._loading.release()

    def _is_refused(self, mark: FileMark | None) -> bool:
        refused = self._refused
        return refused is not None and refused.mark == mark and self._clock() < refused.until

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
        loaded = self._loaded
        return loaded.digest if loaded is not None else self._digest_of(mark_of(self._path))

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
                self._read = mark, self._noted_digest(mark)
            return self._read[1]

    def _noted_digest(self, mark: FileMark) -> str:
        noted = self._digests.get(self._path, mark) if self._digests else None
        if noted is not None:
            return noted
        try:
            with self._path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"The weights file {self._path} cannot be read: {error}.") from None
        if self._digests:
            self._digests.keep(self._path, mark, digest)
        return digest

    def _load_now(self) -> _Loaded:
        """Return what the file holds now: what is loaded already, where the content is the same."""
        fetch_weights(self._path, setting="SAM_MODEL")
        mark = mark_of(self._path)
        digest = self._digest_of(mark)
        if self._loaded is not None and self._loaded.digest == digest:
            return replace(self._loaded, mark=mark)
        loaded = _Loaded(mark, digest, self._load(self._path, digest))
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
