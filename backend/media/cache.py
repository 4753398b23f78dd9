"""The bytes of fetched images on disk: bounded, for a while, shared by every process of this machine.

A cache is a help and never a condition: where it fails, images are fetched, and the log says so once.
"""

import hashlib
import io
import os
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import diskcache  # type: ignore[import-untyped]
import structlog
from diskcache.core import MODE_BINARY, MODE_RAW, UNKNOWN  # type: ignore[import-untyped]

log = structlog.get_logger(__name__)

_LOCK_SECONDS = 2.0  # as long as an image may wait for another process's write
_ERRORS = (
    OSError,
    sqlite3.Error,
    # What diskcache makes of a table that does not hold what it wrote there.
    ValueError,
    TypeError,
)


class MediaCache:
    """Files by the address of their image; safe for any number of threads and processes.

    Nothing is touched until the first use, so that processes may fork before.

    Args:
        folder: Made where it is missing; holds nothing else.
        max_bytes: Of all files and their index; 0 keeps nothing.
        max_age: Seconds for which a file is kept.
    """

    def __init__(self, folder: Path, *, max_bytes: int, max_age: float) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._is_off = max_bytes == 0
        self._has_warned = False
        self._cache: diskcache.Cache | None = None
        self._lock = threading.Lock()

    def get(self, address: str) -> bytes | None:
        """Return the image's file if it is kept and young enough."""
        try:
            data = self._opened().get(_key(address)) if not self._is_off else None
        except diskcache.Timeout as error:
            self._warn(error)
            return None
        except _ERRORS as error:
            self._switch_off(error)
            return None
        return data if isinstance(data, bytes) else None

    def digest(self, address: str) -> str | None:
        """Return the SHA-256 of the image's file as `put` was given it, hexadecimal, if the file is kept.

        It is opened and not read. None also where an earlier version has kept it.
        """
        try:
            found = self._opened().get(_key(address), read=True, tag=True) if not self._is_off else None
        except diskcache.Timeout as error:
            self._warn(error)
            return None
        except _ERRORS as error:
            self._switch_off(error)
            return None
        file, digest = found or (None, None)
        if isinstance(file, io.IOBase):
            file.close()
        return digest if isinstance(digest, str) else None

    def put(self, address: str, data: bytes) -> None:
        """Keep the image's file; the ones kept longest make room for it."""
        if self._is_off or len(data) > self._max_bytes:
            return
        try:
            cache = self._opened()
            cache.set(_key(address), data, expire=self._max_age, tag=hashlib.sha256(data).hexdigest())
            # `set` takes out ten files at most, which a large one may not fit in place of.
            if cache.volume() > self._max_bytes:
                cache.cull()
        except diskcache.Timeout as error:
            self._warn(error)
        except _ERRORS as error:
            self._switch_off(error)

    def close(self) -> None:
        """Close this thread's connection to the index; those of others close with their threads."""
        if self._cache is not None:
            with suppress(sqlite3.Error):
                self._cache.close()

    def _opened(self) -> diskcache.Cache:
        with self._lock:
            if self._cache is None:
                _remove_old_files(self._folder, before=time.time() - self._max_age)
                self._cache = diskcache.Cache(
                    self._folder,
                    timeout=_LOCK_SECONDS,
                    disk=_BytesOnly,
                    size_limit=self._max_bytes,
                    # The one order in which a hit writes nothing: hits then cost a look-up and a read, and
                    # never wait for each other. Images are asked for in bursts soon after they are stored,
                    # so the ones stored first are also those asked for longest ago.
                    eviction_policy="least-recently-stored",
                    # A file that is cut short while it is mapped would kill the process.
                    sqlite_mmap_size=0,
                )
            return self._cache

    def _switch_off(self, error: Exception) -> None:
        self._is_off = True
        self._warn(error)

    def _warn(self, error: Exception) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        log.warning(
            "image cache fails, images are fetched each time",
            folder=str(self._folder),
            error=f"{type(error).__name__}: {error}",
            remedy="make the folder writable with space left, or delete it, and restart",
            until="restart" if self._is_off else "next image",
        )


class _BytesOnly(diskcache.Disk):  # type: ignore[misc]
    """Keeps bytes as they are, and unpickles nothing that somebody else put into the folder."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        return super().fetch(mode, filename, value, read) if mode in (MODE_RAW, MODE_BINARY) else None

    def get(self, key: Any, raw: int) -> Any:
        return super().get(key, True)

    def filename(self, key: Any = UNKNOWN, value: Any = UNKNOWN) -> tuple[str, str]:
        # One level of folders instead of two: thousands of files are then soon looked through.
        name = os.urandom(16).hex()
        short = os.path.join(name[:2], f"{name[2:]}.val")
        return short, os.path.join(self._directory, short)

    def _write(self, full_path: str, iterator: Any, mode: str, encoding: str | None = None) -> int:
        try:
            size: int = super()._write(full_path, iterator, mode, encoding)
        except OSError:
            # Else what fitted on a full disk would stay there, unknown to the index.
            with suppress(OSError):
                os.remove(full_path)
            raise
        return size


def _remove_old_files(folder: Path, *, before: float) -> None:
    """Remove what nobody may read any more: also files of which a killed process told the index nothing."""
    for path in folder.glob("??/*.val"):
        with suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


def _key(address: str) -> bytes:
    # A digest, since addresses may hold signatures that need not lie on the disk.
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).digest()
