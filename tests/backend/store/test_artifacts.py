"""Artifacts: whole or not at all, the same in a folder and elsewhere, and never outside of their place."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import ArtifactError, SettingsError
from backend.store.artifacts import ArtifactStore, sha256_of

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """Artifacts in a folder, and where fsspec must copy them here first."""
    address = str(tmp_path / "kept") if request.param == "folder" else f"memory://{tmp_path}/kept"
    return ArtifactStore(address, cache=tmp_path / "cache")


def write(path: Path, data: bytes = b"abc") -> Path:
    path.write_bytes(data)
    return path


def test_stored_file_comes_back_with_its_content(store: ArtifactStore, tmp_path: Path) -> None:
    store.put_file(write(tmp_path / "weights.pt"), "versions/7/weights.pt")
    assert store.fetch("versions/7/weights.pt", digest=ABC).read_bytes() == b"abc"
    assert store.read("versions/7/weights.pt") == b"abc"
    assert store.exists("versions/7/weights.pt") and not store.exists("versions/7/other.pt")


def test_replaced_file_is_fetched_anew_by_its_digest(store: ArtifactStore) -> None:
    store.put_bytes(b"old", "runs/1/last.pt")
    store.fetch("runs/1/last.pt")
    store.put_bytes(b"abc", "runs/1/last.pt")
    assert store.fetch("runs/1/last.pt", digest=ABC).read_bytes() == b"abc"


def test_names_are_those_of_all_files_below_a_folder(store: ArtifactStore) -> None:
    for name in ("images/ab/1.jpg", "images/cd/2.jpg", "snapshots/3.json"):
        store.put_bytes(b"x", name)
    assert store.names("images") == ["images/ab/1.jpg", "images/cd/2.jpg"]
    assert store.names("none") == []


def test_folders_are_those_with_files_and_those_without(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")
    assert store.folders("runs") == set()
    store.put_bytes(b"x", "runs/1/base/x.pt")
    (tmp_path / "kept/runs/2").mkdir()
    (tmp_path / "cache/runs/3").mkdir(parents=True)
    assert store.folders("runs") == {"1", "2", "3"}


def test_folders_elsewhere_are_those_of_files_and_of_copies_here(store: ArtifactStore) -> None:
    store.put_bytes(b"x", "runs/1/last.pt")
    store.fetch("runs/1/last.pt")
    assert store.folders("runs") == {"1"}


def test_parts_of_killed_writes_are_removed_once_they_are_old(store: ArtifactStore, tmp_path: Path) -> None:
    store.put_bytes(b"x", "runs/1/last.pt")
    store.fetch("runs/1/last.pt")
    old, young = (tmp_path / "cache/runs/1" / f"{name}.part" for name in ("old", "young"))
    for path in (old, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    long_ago = time.time() - 100
    os.utime(old, (long_ago, long_ago))
    assert store.remove_parts(older_than=50) == 1
    assert young.exists() and not old.exists()
    assert store.read("runs/1/last.pt") == b"x"


def test_parts_in_the_folder_itself_are_removed(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")
    store.put_bytes(b"x", "versions/7/a.pt")
    left = tmp_path / "kept/versions/7/b.pt.1a2b3c4d.part"
    left.write_bytes(b"half")
    assert store.remove_parts(older_than=-1) == 1
    assert store.names("versions") == ["versions/7/a.pt"] and not left.exists()


def test_deleted_folder_is_gone_and_may_be_deleted_again(store: ArtifactStore) -> None:
    store.put_bytes(b"x", "runs/1/last.pt")
    store.fetch("runs/1/last.pt")
    store.delete("runs/1")
    store.delete("runs/1")
    with pytest.raises(ArtifactError, match="There is no artifact runs/1/last.pt"):
        store.fetch("runs/1/last.pt")


def test_damaged_file_is_refused(store: ArtifactStore) -> None:
    store.put_bytes(b"abd", "runs/1/last.pt")
    with pytest.raises(ArtifactError, match="damaged"):
        store.fetch("runs/1/last.pt", digest=ABC)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "runs/../../x"])
def test_name_that_leads_elsewhere_is_refused(store: ArtifactStore, name: str) -> None:
    with pytest.raises(ArtifactError, match="no name of an artifact"):
        store.put_bytes(b"x", name)


def test_failed_write_leaves_the_earlier_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")
    store.put_bytes(b"abc", "runs/1/last.pt")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("backend.store.artifacts.os.fsync", full)
        with pytest.raises(ArtifactError, match="No space left on device"):
            store.put_bytes(b"new", "runs/1/last.pt")
    assert store.read("runs/1/last.pt") == b"abc"
    assert [path.name for path in (tmp_path / "kept/runs/1").iterdir()] == ["last.pt"]


def test_readers_see_all_of_a_file_or_the_one_before(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")
    contents = [bytes([number]) * 300_000 for number in range(2)]
    store.put_bytes(contents[0], "x.bin")
    ended = threading.Event()

    def write_on() -> None:
        for number in range(40):
            store.put_bytes(contents[number % 2], "x.bin")
        ended.set()

    thread = threading.Thread(target=write_on)
    thread.start()
    seen = set()
    while not ended.is_set():
        seen.add(store.read("x.bin"))
    thread.join()
    assert seen <= set(contents)


def test_address_that_nothing_opens_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ARTIFACT_URL cannot be used"):
        ArtifactStore("nowhere://bucket", cache=tmp_path)


def test_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    assert sha256_of(write(tmp_path / "x")) == ABC


def test_unreadable_artifact_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: ArtifactStore
) -> None:
    def fails(*_: object) -> bytes:
        raise TimeoutError("no answer")

    monkeypatch.setattr(store._files, "cat_file", fails)
    read: Callable[[str], bytes] = store.read
    with pytest.raises(ArtifactError, match="cannot be read or stored: no answer"):
        read("x.bin")


def test_file_that_need_not_survive_a_power_cut_is_whole_without_waiting_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")
    monkeypatch.setattr("backend.store.artifacts.os.fsync", None)
    store.put_bytes(b"abc", "embeddings/a/1.npz", is_durable=False)
    assert store.read("embeddings/a/1.npz") == b"abc"
    assert [path.name for path in (tmp_path / "kept/embeddings/a").iterdir()] == ["1.npz"]
