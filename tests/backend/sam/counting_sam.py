"""A SAM that encodes nothing and counts how often it is asked to, and a cache of embeddings in a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from backend.entities import Image, ImageSize
from backend.errors import ModelError
from backend.sam.embedding_files import EmbeddingFiles
from backend.sam.embedding_memory import EmbeddingMemory
from backend.sam.embeddings import Embeddings
from backend.sam.entities import Embedding, FoundMask, Prompts
from backend.store.artifacts import ArtifactStore

KEY = "counting-f1"


class CountingSam:
    """Plays the engine. `encoded` are the (width, height) of the images, in order.

    `before` is called at each image, and may raise.
    """

    version = "counting-00000000"
    key = KEY
    memory_bytes = 0

    def __init__(self) -> None:
        self.encoded: list[tuple[int, int]] = []
        self.before: Callable[[], None] = lambda: None

    def embed(self, image: Image) -> Embedding:
        self.before()
        height, width = image.shape[:2]
        self.encoded.append((width, height))
        return Embedding(np.zeros((1, 4, 4), np.float16), ImageSize(width, height))

    def segment(self, embedding: Embedding, prompts: Sequence[Prompts]) -> list[FoundMask]:
        raise NotImplementedError


class CountingHolder:
    """Holds the engine and counts how often it was asked for; with `is_missing` its file is not there."""

    def __init__(self, sam: CountingSam) -> None:
        self.sam = sam
        self.asked = 0
        self.is_missing = False

    def engine(self) -> CountingSam:
        self.asked += 1
        self._check()
        return self.sam

    def key(self) -> str:
        self._check()
        return KEY

    def _check(self) -> None:
        if self.is_missing:
            raise ModelError("The weights file counting.pt does not exist.")


def embeddings_in(folder: Path) -> Embeddings:
    """Return a cache that shares its files with others in the folder."""
    files = EmbeddingFiles(ArtifactStore(str(folder / "artifacts"), cache=folder / "copies"), max_bytes=2**20)
    return Embeddings(EmbeddingMemory(2**20), files, lock_folder=folder / "locks")
