"""Listings of artifacts with sizes and times, and many deleted at once: what a bounded cache needs."""

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from backend.errors import ArtifactError, ArtifactMissing
from backend.store.artifacts import ArtifactStore


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """Artifacts in a folder, and elsewhere."""
    address = str(tmp_path / "kept") if request.param == "folder" else f"memory://{uuid4()}"
    return ArtifactStore(address, cache=tmp_path / "cache")


def test_entries_are_the_files_of_a_folder_with_size_and_time(store: ArtifactStore) -> None:
    before = datetime.now(UTC).timestamp()
    store.put_bytes(b"abc", "embeddings/a/1.npz")
    store.put_bytes(b"abcd", "embeddings/b/2.npz")
    store.put_bytes(b"x", "versions/7/weights.pt")
    entries = {entry.name: entry for entry in store.entries("embeddings")}
    assert {name: entry.bytes for name, entry in entries.items()} == {
        "embeddings/a/1.npz": 3,
        "embeddings/b/2.npz": 4,
    }
    assert all(abs(entry.changed - before) < 60 for entry in entries.values())


def test_folder_that_is_not_there_has_no_entries(store: ArtifactStore) -> None:
    assert store.entries("embeddings") == []


def test_many_files_are_deleted_and_others_stay(store: ArtifactStore) -> None:
    names = [f"embeddings/{number}.npz" for number in range(4)]
    for name in names:
        store.put_bytes(b"x", name)
    store.delete_files(names[:3])
    assert store.names("embeddings") == names[3:]
    store.delete_files(names[:1])  # gone already
    store.delete_files([])
    assert store.names("embeddings") == names[3:]


def test_missing_file_is_told_from_a_store_out_of_reach(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ArtifactMissing, match="There is no artifact x.npz"):
        store.read("x.npz")

    def fails(*_: object) -> bytes:
        raise TimeoutError("no answer")

    monkeypatch.setattr(store._files, "cat_file", fails)
    with pytest.raises(ArtifactError) as caught:
        store.read("x.npz")
    assert not isinstance(caught.value, ArtifactMissing)


def test_store_out_of_reach_is_not_one_without_the_file(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> dict[str, object]:
        raise TimeoutError("no answer")

    store.put_bytes(b"x", "runs/1/last.pt")
    assert (
        store.exists("runs/1/last.pt") and not store.exists("runs/1") and not store.exists("runs/2/last.pt")
    )
    monkeypatch.setattr(store._files, "info", fails)
    with pytest.raises(ArtifactError, match="no answer"):
        store.exists("runs/1/last.pt")


def test_touched_file_of_a_folder_is_as_if_just_written(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")
    store.put_bytes(b"x", "embeddings/1.npz")
    os.utime(tmp_path / "kept/embeddings/1.npz", (1e9, 1e9))
    assert store.entries("embeddings")[0].changed == 1e9
    store.touch("embeddings/1.npz")
    assert store.entries("embeddings")[0].changed > 1.6e9


def test_touch_elsewhere_writes_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(f"memory://{uuid4()}", cache=tmp_path / "cache")
    store.touch("embeddings/1.npz")
    assert store.entries("embeddings") == []
