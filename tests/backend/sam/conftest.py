"""Embeddings as a server process has them, each test with files and locks of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.sam.embedding_files import EmbeddingFiles
from backend.sam.embedding_memory import EmbeddingMemory
from backend.sam.embeddings import Embeddings
from backend.sam.entities import Embedding
from backend.store.artifacts import ArtifactStore

MB = 2**20


@pytest.fixture
def make_embeddings(tmp_path: Path) -> Callable[..., Embeddings]:
    """Make what each server process has; they share files and locks."""

    def make(*, memory_mb: int = 1, cache_mb: int = 10, **changes: object) -> Embeddings:
        store = ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")
        return Embeddings(
            EmbeddingMemory(memory_mb * MB),
            EmbeddingFiles(store, max_bytes=cache_mb * MB),
            lock_folder=tmp_path / "locks",
            **changes,  # type: ignore[arg-type]
        )

    return make


@pytest.fixture
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Digests that were looked for in files: in memory there was nothing, and others may join by now."""
    digests: list[str] = []
    read = EmbeddingFiles.read

    def read_and_tell(files: EmbeddingFiles, key: str, digest: str) -> Embedding | None:
        digests.append(digest)
        return read(files, key, digest)

    monkeypatch.setattr(EmbeddingFiles, "read", read_and_tell)
    return digests
