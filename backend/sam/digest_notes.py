"""SHA-256 of weights files, noted where all processes of a machine find it: gigabytes are read once."""

import json
import os
import tempfile
from pathlib import Path

import structlog

from backend.inference.weights import FileMark

log = structlog.get_logger(__name__)


class DigestNotes:
    """One digest in one small file, for the weights that were read last. Neither side raises.

    Args:
        path: Of the note.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, weights: Path, mark: FileMark) -> str | None:
        """Return the digest of the weights, hexadecimal; None where none is noted for the file as it is."""
        try:
            noted = json.loads(self._path.read_bytes())
            is_of_file = [noted["weights"], noted["mark"]] == [str(weights), list(mark)]
            return str(noted["digest"]) if is_of_file else None
        except (OSError, ValueError, TypeError, KeyError):  # none yet, or another program's
            return None

    def keep(self, weights: Path, mark: FileMark, digest: str) -> None:
        """Note the digest of the weights as they are."""
        note = json.dumps({"weights": str(weights), "mark": mark, "digest": digest})
        try:
            # Appears whole: other processes read it at any moment.
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False) as file:
                file.write(note)
            os.replace(file.name, self._path)
        except OSError as error:
            log.warning("digest_not_noted", path=str(self._path), reason=str(error))
