"""Locks of the images that processes of this machine encode, so that one does and the others wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from filelock import FileLock

log = structlog.get_logger(__name__)


class EncodingLocks:
    """One file for each image in work; safe for any number of threads and processes.

    Args:
        folder: Of this machine; made where it is missing.
        seconds: Longest wait for an image that another process encodes.
    """

    def __init__(self, folder: Path, *, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds

    @contextmanager
    def hold(self, key: str, digest: str, *, timeout: float | None = None) -> Iterator[None]:
        """Hold an image for this process alone; go on without where that cannot be had.

        Another thread than the one that took it may let go of it.

        Args:
            key: The engine's.
            digest: SHA-256 of the image's file, hexadecimal.
            timeout: Seconds after which it is gone on without, if sooner.
        """
        path = self._folder / f"{key}-{digest}.lock"
        seconds = self._seconds if timeout is None else min(self._seconds, timeout)
        # A file's mere existence would be a lock that a killed process never lets go of.
        lock = FileLock(path, timeout=seconds, fallback_to_soft=False, thread_local=False)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
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
