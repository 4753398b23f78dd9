"""Files that outlive a process and are read by others: weights, checkpoints, training images, manifests.

They lie where ARTIFACT_URL says, a folder or what else fsspec opens. A name never changes its content once it
is written, but for those of a run's checkpoints; whoever reads one sees all of a file or none of it.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from backend.errors import ArtifactError, ArtifactMissing, SettingsError

_CHUNK = 2**20
# How a file ends that is not whole yet; a random word before it keeps writers of one name apart.
_PART = ".part"
# What file systems call the time of the last change: folders, S3, memory.
_TIMES = ("mtime", "LastModified", "created")


@dataclass(frozen=True, slots=True)
class ArtifactEntry:
    """One file of a listing; `changed` is the time of its last write or touch, in seconds since 1970."""

    name: str
    bytes: int
    changed: float


class ArtifactStore:
    """Files by name, such as "versions/7/project-7-v2.pt"; safe for any number of threads and processes.

    Args:
        address: A folder, or an address of fsspec.
        cache: Folder for local copies of what lies elsewhere.

    Raises:
        SettingsError: nothing opens such an address.
    """

    def __init__(self, address: str, *, cache: Path) -> None:
        try:
            self._files, self._root = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise SettingsError(
                f"ARTIFACT_URL cannot be used: {error}. Expected a folder, or an address such as s3://bucket."
            ) from None
        self._is_local = isinstance(self._files, LocalFileSystem)
        self._cache = cache

    def put_file(self, source: Path, name: str) -> None:
        """Store a copy of a file; one of that name is replaced, in one step.

        Raises:
            ArtifactError: it cannot be stored, as when the disk is full; what was there before still is.
        """
        with _translated(name), source.open("rb") as file:
            if self._is_local:
                self._write_local(iter(lambda: file.read(_CHUNK), b""), name)
            else:
                self._files.put_file(str(source), self._path(name))

    def put_bytes(self, data: bytes, name: str, *, is_durable: bool = True) -> None:
        """Store a file's content, as `put_file` does; a power cut may damage one that is not durable."""
        with _translated(name):
            if self._is_local:
                self._write_local(iter([data]), name, is_durable=is_durable)
            else:
                self._files.pipe_file(self._path(name), data)

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            ArtifactMissing: it is not there.
            ArtifactError: it is out of reach.
        """
        with _translated(name):
            return bytes(self._files.cat_file(self._path(name)))

    def fetch(self, name: str, *, digest: str | None = None) -> Path:
        """Return a local path of the file, copied here once if it lies elsewhere. It must not be written to.

        Args:
            name: Of the file.
            digest: SHA-256 that it must have, hexadecimal.

        Raises:
            ArtifactError: it is not there, out of reach, or another file than expected.
        """
        with _translated(name):
            path = Path(self._path(name)) if self._is_local else self._copied(name, digest)
            if not path.is_file():
                raise FileNotFoundError(name)
            if digest is not None and sha256_of(path) != digest:
                raise ArtifactError(f"The artifact {name} is damaged: its SHA-256 is not {digest}.")
            return path

    def exists(self, name: str) -> bool:
        """Tell whether there is a file of that name.

        Raises:
            ArtifactError: that cannot be found out.
        """
        with _translated(name):
            try:
                # Not `isfile`: to that, a store out of reach is one without the file.
                return bool(self._files.info(self._path(name))["type"] == "file")
            except (FileNotFoundError, NotADirectoryError):
                return False

    def delete(self, name: str) -> None:
        """Delete a file, or a folder with all in it; what is not there already is no error."""
        with _translated(name):
            for path in (self._path(name), str(self._cache / name)):
                files = self._files if path == self._path(name) else LocalFileSystem()
                if files.exists(path):
                    files.rm(path, recursive=True)

    def delete_files(self, names: Sequence[str]) -> None:
        """Delete many files in few requests, but no copies of them here; what is gone already is no error."""
        if not names:
            return
        with _translated(names[0]):
            paths = [self._path(name) for name in names]
            if self._is_local:
                for path in paths:
                    Path(path).unlink(missing_ok=True)
            else:
                with suppress(FileNotFoundError):
                    self._files.rm(paths)

    def touch(self, name: str) -> None:
        """Let a file be as if just written, where that costs no copy of it: in a folder."""
        if self._is_local:
            with _translated(name):
                os.utime(self._path(name))

    def entries(self, folder: str) -> list[ArtifactEntry]:
        """Return the files in a folder and below, in no order, with their sizes and times."""
        with _translated(folder):
            self._files.invalidate_cache()
            root = self._path(folder)
            found = self._files.find(root, detail=True) if self._files.exists(root) else {}
            # Else this listing would hide from `exists` what other machines write from now on.
            self._files.invalidate_cache()
            entries = [
                ArtifactEntry(str(PurePosixPath(path).relative_to(self._root)), info["size"], _changed(info))
                for path, info in found.items()
            ]
            return [entry for entry in entries if not entry.name.endswith(_PART)]

    def names(self, folder: str) -> list[str]:
        """Return the names of all files in a folder and below, sorted."""
        with _translated(folder):
            self._files.invalidate_cache()
            root = self._path(folder)
            if not self._files.exists(root):
                return []
            found = (PurePosixPath(path) for path in self._files.find(root))
            return sorted(str(path.relative_to(self._root)) for path in found if path.suffix != _PART)

    def folders(self, folder: str) -> set[str]:
        """Return the names of the folders in this one, also of those without a file and of local copies."""
        with _translated(folder):
            self._files.invalidate_cache()
            root, copies = self._path(folder), self._cache / folder
            found = self._files.ls(root, detail=True) if self._files.exists(root) else []
            kept = {PurePosixPath(each["name"]).name for each in found if each["type"] == "directory"}
            return kept | {path.name for path in copies.glob("*") if path.is_dir()}

    def remove_parts(self, *, older_than: float) -> int:
        """Delete what a killed process left of files on this machine; return how many there were.

        Args:
            older_than: Seconds since they were last written to. Younger ones may be in work.
        """
        oldest, removed = time.time() - older_than, 0
        with _translated(f"*{_PART}"):
            for root in [self._cache, *([Path(self._root)] if self._is_local else [])]:
                for part in _parts(root):
                    with suppress(FileNotFoundError):  # whole by now
                        if part.stat().st_mtime < oldest:
                            part.unlink()
                            removed += 1
        return removed

    def _path(self, name: str) -> str:
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or name.startswith("/"):
            raise ArtifactError(f"{name!r} is no name of an artifact.")
        return f"{self._root}/{'/'.join(parts)}"

    def _copied(self, name: str, digest: str | None) -> Path:
        path = self._cache / name
        # Names of checkpoints are written again and again; the digest tells the copy's age.
        if not path.is_file() or (digest is not None and sha256_of(path) != digest):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_PART}")
            try:
                self._files.get_file(self._path(name), str(part))
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return path

    def _write_local(self, chunks: Iterator[bytes], name: str, *, is_durable: bool = True) -> None:
        path = Path(self._path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_PART}")
        try:
            with part.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                if is_durable:
                    file.flush()
                    os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        if not is_durable:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # else a power cut could take the name away again
        finally:
            os.close(folder)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parts(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names if name.endswith(_PART))


def _changed(info: Mapping[str, Any]) -> float:
    changed = next((info[name] for name in _TIMES if name in info), 0.0)
    return changed.timestamp() if isinstance(changed, datetime) else float(changed)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ArtifactMissing(
            f"There is no artifact {name}; it was deleted, or ARTIFACT_URL is another."
        ) from None
    # Each file system of fsspec has errors of its own kind, and they all mean the same here.
    except ArtifactError:
        raise
    except Exception as error:
        raise ArtifactError(f"The artifact {name} cannot be read or stored: {error}.") from error
