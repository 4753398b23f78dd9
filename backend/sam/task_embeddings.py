"""The embedding of a task's image, from its address: the file is read, and decoded only to be encoded."""

import hashlib
from typing import Protocol

from backend.entities import Image
from backend.errors import MediaError, ModelError
from backend.media.loader import MediaLoader
from backend.sam.embeddings import Embeddings
from backend.sam.entities import Embedding, SamEngine


class EngineHolder(Protocol):
    """What is needed of `SamHolder`: the engine, and its key without loading it."""

    def engine(self) -> SamEngine:
        """Return the engine, loaded at the first call."""

    def key(self) -> str:
        """Return the engine's key."""


class TaskEmbeddings:
    """Embeddings of tasks' images; safe for any number of threads.

    Args:
        holder: Of the SAM engine.
        embeddings: Keeps what was encoded.
        media: Reads images.
    """

    def __init__(self, holder: EngineHolder, embeddings: Embeddings, media: MediaLoader) -> None:
        self._holder = holder
        self._embeddings = embeddings
        self._media = media

    def get(self, value: object, *, task_id: int | None, is_urgent: bool = True) -> Embedding:
        """Return the image's embedding, encoded now where it is kept nowhere.

        Args:
            value: The field of the task's data that the labeling config names.
            task_id: Label Studio's id of the task, without which it opens no bucket.
            is_urgent: Whether somebody waits for it; what is not urgent lets that go first.

        Raises:
            MediaError: the image cannot be had.
            ModelError: the engine cannot be had.
        """
        return self._get(value, self._media.read_file(value, task_id=task_id), task_id, is_urgent)

    def prepare(self, value: object, *, task_id: int | None) -> Embedding | None:
        """Have the image's embedding kept, without hurry; return it, or None where it was kept before.

        The engine is not loaded where all is there. Raises as `get` does.
        """
        data = self._media.read_file(value, task_id=task_id)
        if self._is_ready(digest_of(data)):
            return None
        return self._get(value, data, task_id, is_urgent=False)

    def _is_ready(self, digest: str) -> bool:
        try:
            return self._embeddings.is_ready(self._holder.key(), digest)
        except ModelError:
            # The weights are not there yet: to ask for the engine fetches them, or says why they cannot be.
            return self._embeddings.is_ready(self._holder.engine().key, digest)

    def _get(self, value: object, data: bytes, task_id: int | None, is_urgent: bool) -> Embedding:
        engine = self._holder.engine()

        def load() -> Image:
            return self._media.decode(data)

        try:
            return self._embeddings.get(engine, digest_of(data), load, is_urgent=is_urgent)
        except MediaError:
            # Perhaps a kept file that the disk has changed, which this fetches anew.
            data, image = self._media.load_file(value, task_id=task_id)
            return self._embeddings.get(engine, digest_of(data), lambda: image, is_urgent=is_urgent)


def digest_of(data: bytes) -> str:
    """Return by which name an image file's embedding is kept: its SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
