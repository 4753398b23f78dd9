"""A snapshot as a file: the same content gives the same bytes, and its name is their SHA-256.

The time at which it was taken is kept with it, but is no part of the content.
"""

import hashlib
import json
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from backend.errors import ArtifactError
from backend.store.artifacts import ArtifactStore
from backend.training.entities import Snapshot
from backend.training.names import manifest_artifact

_FORMAT = 1
_SNAPSHOT = TypeAdapter(Snapshot)
# Neither can be part of what the digest is made from.
_APART = ("digest", "created_at")


def sealed(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with its examples sorted by image, and with the digest of its content."""
    ordered = replace(snapshot, examples=tuple(sorted(snapshot.examples, key=lambda one: one.image)))
    return replace(ordered, digest=_digest(ordered))


def manifest_bytes(snapshot: Snapshot) -> bytes:
    """Return the snapshot as canonical JSON."""
    return _canonical({**_fields(snapshot), "format": _FORMAT})


def parse_manifest(data: bytes, digest: str) -> Snapshot:
    """Return the snapshot that `manifest_bytes` wrote.

    Raises:
        ArtifactError: the file is damaged, or of another version of this program.
    """
    try:
        fields = json.loads(data)
        if not isinstance(fields, dict):
            raise _damaged(digest)
        if fields.pop("format") != _FORMAT:
            raise ArtifactError(
                f"The manifest of snapshot {digest} is of another version of this program. Take a new "
                "snapshot: start a new run."
            )
        snapshot = _SNAPSHOT.validate_python(fields)
    except (ValueError, KeyError):  # pydantic's errors are ValueErrors
        raise _damaged(digest) from None
    if snapshot.digest != digest or _digest(snapshot) != digest:
        raise _damaged(digest)
    return snapshot


def store_manifest(artifacts: ArtifactStore, snapshot: Snapshot) -> Snapshot:
    """Keep the manifest of a sealed snapshot, and return it as it is kept: as it was taken first.

    Raises:
        ArtifactError: it cannot be stored.
    """
    try:
        return load_snapshot(artifacts, snapshot.digest)
    except ArtifactError:  # not there yet, or damaged
        artifacts.put_bytes(manifest_bytes(snapshot), manifest_artifact(snapshot.digest))
        return snapshot


def load_snapshot(artifacts: ArtifactStore, digest: str) -> Snapshot:
    """Return a snapshot that was taken before.

    Raises:
        ArtifactError: its manifest is not there, out of reach, or damaged.
    """
    return parse_manifest(artifacts.read(manifest_artifact(digest)), digest)


def _digest(snapshot: Snapshot) -> str:
    fields = {name: value for name, value in _fields(snapshot).items() if name not in _APART}
    return hashlib.sha256(_canonical({**fields, "format": _FORMAT})).hexdigest()


def _fields(snapshot: Snapshot) -> dict[str, Any]:
    fields: dict[str, Any] = _SNAPSHOT.dump_python(snapshot, mode="json")
    return fields


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _damaged(digest: str) -> ArtifactError:
    return ArtifactError(f"The manifest of snapshot {digest} is damaged. Start a new run.")
