"""The embedding of a task's image, from its address: the file is read and decoded only to be encoded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backend.entities import Image
from backend.errors import MediaError, ModelError
from backend.media.loader import MediaLoader, digest_of
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

    def get(self, value: object, *, task_id: int | None) -> Embedding:
        """Return the image's embedding for somebody who waits, encoded now where it is kept nowhere.

        Args:
            value: The field of the task's data that the labeling config names.
            task_id: Label Studio's id of the task, without which it opens no bucket.

        Raises:
            MediaError: the image cannot be had.
            ModelError: the engine cannot be had.
        """
        return self._get(self._holder.engine(), self._find(value, task_id), is_urgent=True)

    def prepare(self, value: object, *, task_id: int | None, into_memory: bool = False) -> Embedding | None:
        """Have the image's embedding kept, without hurry; return it, or None where it was kept before.

        The engine is not loaded where all is there. Raises as `get` does.

        Args:
            value: As for `get`.
            task_id: As for `get`.
            into_memory: Clicks are to come to this very process.
        """
        found = self._find(value, task_id)
        if self._is_kept(found.digest, into_memory):
            return None
        return self._get(self._holder.engine(), found, is_urgent=False)

    def _is_kept(self, digest: str, into_memory: bool) -> bool:
        look = self._embeddings.bring if into_memory else self._embeddings.is_ready
        try:
            return look(self._holder.key(), digest)
        except ModelError:
            # The weights are not there yet: to ask for the engine fetches them, or says why they cannot be.
            return look(self._holder.engine().key, digest)

    def _find(self, value: object, task_id: int | None) -> "_Found":
        """Return the image's digest, and how to come by the image of this digest."""
        digest = self._media.digest(value, task_id=task_id)
        if digest is None:
            return self._fetched(value, task_id)

        def load() -> Image:
            data, image = self._media.load_file(value, task_id=task_id)
            if digest_of(data) != digest:
                raise _OtherImage
            return image

        return _Found(digest, load, lambda: self._fetched(value, task_id))

    def _fetched(self, value: object, task_id: int | None) -> "_Found":
        data, image = self._media.load_file(value, task_id=task_id)
        return _Found(digest_of(data), lambda: image, None)

    def _get(self, engine: SamEngine, found: "_Found", *, is_urgent: bool) -> Embedding:
        try:
            return self._embeddings.get(engine, found.digest, found.load, is_urgent=is_urgent)
        except _OtherImage:
            if found.again is None:
                raise
        return self._get(engine, found.again(), is_urgent=is_urgent)


@dataclass(frozen=True, slots=True)
class _Found:
    """A task's image by its digest. `again` finds it once more, where `load` may find another."""

    digest: str
    load: Callable[[], Image]
    again: "Callable[[], _Found] | None"


class _OtherImage(MediaError):
    """Under the address lies another file than a moment ago, or the disk has changed a kept one."""

    def __init__(self) -> None:
        super().__init__("changed", "The image's file changed while it was read; click again.")
