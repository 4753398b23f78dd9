"""Embeddings in files: the same back, within the bound, and never the reason why a click fails."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from backend.entities import ImageSize
from backend.errors import ArtifactError
from backend.sam.embedding_files import EmbeddingFiles
from backend.store.artifacts import ArtifactStore
from tests.backend.sam.counting_engine import embedding_of

KEY = "mobile-sam-1a2b"
DIGEST = "ab" * 32
MB = 2**20
SIZE = 3_206  # bytes of a file of these tests


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "kept"), cache=tmp_path / "cache")


@pytest.fixture
def files(store: ArtifactStore) -> EmbeddingFiles:
    return EmbeddingFiles(store, max_bytes=100 * MB)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of DIGEST lies."""
    return tmp_path / f"kept/embeddings/{KEY}/ab/{DIGEST}.npz"


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_written_embedding_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    address = str(tmp_path / "kept") if kind == "folder" else f"memory://{uuid4()}"
    store = ArtifactStore(address, cache=tmp_path / "cache")
    written = embedding_of(3, width=1921)
    EmbeddingFiles(store, max_bytes=MB).write(KEY, DIGEST, written)
    files = EmbeddingFiles(store, max_bytes=MB)
    assert files.has(KEY, DIGEST) and not files.has("other", DIGEST)
    read = files.read(KEY, DIGEST)
    assert read is not None and read.size == ImageSize(1921, 4)
    assert read.features.dtype == np.float16 and np.array_equal(read.features, written.features)
    assert files.read(KEY, "cd" * 32) is None and files.read("other", DIGEST) is None


def test_file_takes_hardly_more_than_its_features(files: EmbeddingFiles, path: Path) -> None:
    files.write(KEY, DIGEST, embedding_of(1, channels=1600))
    assert 0 < path.stat().st_size - embedding_of(1, channels=1600).features.nbytes < 1500


def of_arrays(**arrays: object) -> Callable[[bytes], bytes]:
    def make(_: bytes) -> bytes:
        file = io.BytesIO()
        np.savez(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    return make


def of_shape(shape: tuple[int, ...]) -> Callable[[bytes], bytes]:
    """Make a file with sound check sums whose features are said to be of another shape than they are."""

    def make(data: bytes) -> bytes:
        file, header = io.BytesIO(), io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f2", "fortran_order": False, "shape": shape})
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
            for name in old.namelist():
                is_features = name == "features.npy"
                new.writestr(name, header.getvalue() + bytes(64) if is_features else old.read(name))
        return file.getvalue()

    return make


def compressed(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return file.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 8]) + data[at + 1 :]


NAME = np.array(f"embeddings/{KEY}/ab/{DIGEST}.npz")
HALVES, SIZES = np.zeros((4, 8, 8), np.float16), np.array([6, 4])
DAMAGES = [
    pytest.param(lambda data: b"", id="empty"),
    pytest.param(lambda data: data[: len(data) // 2], id="truncated"),
    pytest.param(lambda data: bytes(len(data)), id="zeros"),
    pytest.param(lambda data: flipped(data, len(data) // 2), id="bit-of-features"),
    pytest.param(lambda data: flipped(data, data.index(b"<f2")), id="bit-of-header"),
    pytest.param(lambda data: flipped(data, data.rindex(b"features")), id="bit-of-directory"),
    pytest.param(lambda data: b"GIF89a, not ours", id="foreign"),
    pytest.param(compressed, id="compressed"),
    pytest.param(of_arrays(features=HALVES, size=SIZES), id="without-name"),
    pytest.param(of_arrays(features=HALVES, size=SIZES, name=np.array("x")), id="of-another-image"),
    pytest.param(of_arrays(features=HALVES.astype(float), size=SIZES, name=NAME), id="doubles"),
    pytest.param(of_arrays(features=HALVES[0], size=SIZES, name=NAME), id="flat"),
    pytest.param(of_arrays(features=HALVES, size=np.array([6]), name=NAME), id="half-a-size"),
    pytest.param(of_shape((2**30, 2**15, 2**15)), id="more-than-any-memory"),
    pytest.param(of_shape((1, 1, 1)), id="less-than-there-is"),
    pytest.param(of_arrays(features=np.array([{}]), size=SIZES, name=NAME), id="pickled"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_no_file_and_deleted_with_one_line(
    files: EmbeddingFiles, path: Path, damage: Callable[[bytes], bytes], read_log: Callable[[], str]
) -> None:
    files.write(KEY, DIGEST, embedding_of(1))
    path.write_bytes(damage(path.read_bytes()))
    assert files.read(KEY, DIGEST) is None
    assert not path.exists()
    assert read_log().count("embedding_file_damaged") == len(read_log().splitlines()) == 1
    files.write(KEY, DIGEST, embedding_of(1))
    assert files.read(KEY, DIGEST) is not None


def test_file_under_another_images_name_is_not_taken_for_it(files: EmbeddingFiles, path: Path) -> None:
    files.write(KEY, DIGEST, embedding_of(1))
    other = path.with_name(f"ab{'0' * 62}.npz")
    path.rename(other)
    assert files.read(KEY, other.stem) is None and not other.exists()


def write_in_turn(files: EmbeddingFiles, store: ArtifactStore, root: Path, keys: list[str]) -> list[Path]:
    """Write one file for each engine's key, the first longest ago."""
    paths = []
    for number, key in enumerate(keys):
        digest = f"{number:064x}"
        files.write(key, digest, embedding_of(number))
        paths.append(root / f"kept/embeddings/{key}/00/{digest}.npz")
        os.utime(paths[-1], (1e9 + number, 1e9 + number))
    return paths


def test_over_the_bound_the_oldest_go_until_a_tenth_is_free(store: ArtifactStore, tmp_path: Path) -> None:
    files = EmbeddingFiles(store, max_bytes=10 * SIZE)
    paths = write_in_turn(files, store, tmp_path, [KEY] * 12)
    files.make_room(KEY)
    left = [path for path in paths if path.exists()]
    assert left == paths[-len(left) :]
    assert len(left) == 9 and {path.stat().st_size for path in left} == {SIZE}


def test_read_file_counts_as_used(store: ArtifactStore, tmp_path: Path) -> None:
    files = EmbeddingFiles(store, max_bytes=10 * SIZE)
    paths = write_in_turn(files, store, tmp_path, [KEY] * 12)
    files.read(KEY, f"{0:064x}")
    files.make_room(KEY)
    assert paths[0].exists() and not paths[1].exists()


def test_files_of_other_engines_go_first(store: ArtifactStore, tmp_path: Path) -> None:
    files = EmbeddingFiles(store, max_bytes=10 * SIZE)
    paths = write_in_turn(files, store, tmp_path, [KEY] * 8 + ["mobile-sam-ffff"] * 4)
    files.make_room(KEY)
    assert all(path.exists() for path in paths[:8]) and not paths[8].exists()


def test_processes_that_write_on_stay_within_the_bound(store: ArtifactStore) -> None:
    both = [EmbeddingFiles(store, max_bytes=40 * SIZE) for _ in range(2)]
    most = 0
    for number in range(80):
        files = both[number % 2]
        files.write(KEY, f"{number:064x}", embedding_of(1))
        files.make_room(KEY)
        most = max(most, len(store.names("embeddings")))
    assert 36 < most <= 40


def test_all_files_are_looked_at_seldom(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    entries = store.entries
    monkeypatch.setattr(store, "entries", lambda folder: looks.append(folder) or entries(folder))
    files = EmbeddingFiles(store, max_bytes=1000 * SIZE)
    for number in range(60):
        files.write(KEY, f"{number:064x}", embedding_of(1))
        files.make_room(KEY)
    assert len(looks) == 2


def test_bound_of_zero_touches_no_file(store: ArtifactStore, tmp_path: Path) -> None:
    files = EmbeddingFiles(store, max_bytes=0)
    files.write(KEY, DIGEST, embedding_of(1))
    files.make_room(KEY)
    assert not files.has(KEY, DIGEST) and files.read(KEY, DIGEST) is None and not files.is_shared
    assert not (tmp_path / "kept").exists()


class FailingStore:
    """Stands for a store that is away, or full; counts what it was asked."""

    def __init__(self, *, failing: set[str], store: ArtifactStore) -> None:
        self.failing = failing
        self.asked: list[str] = []
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object, **named: object) -> object:
            self.asked.append(name)
            if name in self.failing:
                raise ArtifactError("The artifact cannot be stored: No space left on device.")
            return getattr(self._store, name)(*args, **named)

        return call


def test_store_that_is_away_is_asked_once_in_a_while_and_logged_once(
    store: ArtifactStore, read_log: Callable[[], str]
) -> None:
    away = FailingStore(failing={"read", "exists", "put_bytes"}, store=store)
    now = 0.0
    files = EmbeddingFiles(away, max_bytes=MB, clock=lambda: now)  # type: ignore[arg-type]
    for _ in range(5):
        assert files.read(KEY, DIGEST) is None and not files.has(KEY, DIGEST)
        files.write(KEY, DIGEST, embedding_of(1))
    assert away.asked == ["read", "put_bytes"] and not files.is_shared
    now = 301.0
    assert files.read(KEY, DIGEST) is None
    assert away.asked == ["read", "put_bytes", "read"]
    assert read_log().count("doing=read") == 1 and read_log().count("doing=write") == 1


def test_store_that_fails_again_after_it_worked_is_logged_again(
    store: ArtifactStore, read_log: Callable[[], str]
) -> None:
    shaky = FailingStore(failing=set(), store=store)
    now = 0.0
    files = EmbeddingFiles(shaky, max_bytes=MB, clock=lambda: now)  # type: ignore[arg-type]
    for step in range(4):
        now, shaky.failing = step * 301.0, {"read", "put_bytes"} if step % 2 else set()
        files.read(KEY, DIGEST)
        files.write(KEY, DIGEST, embedding_of(1))
    assert read_log().count("doing=read") == read_log().count("doing=write") == 2


def test_full_disk_is_still_read(store: ArtifactStore, read_log: Callable[[], str]) -> None:
    full = FailingStore(failing=set(), store=store)
    now = 0.0
    files = EmbeddingFiles(full, max_bytes=MB, clock=lambda: now)  # type: ignore[arg-type]
    files.write(KEY, DIGEST, embedding_of(1))
    full.failing = {"put_bytes"}
    files.write(KEY, "cd" * 32, embedding_of(2))
    assert files.read(KEY, DIGEST) is not None
    full.failing, now = set(), 301.0
    files.write(KEY, "cd" * 32, embedding_of(2))
    assert files.has(KEY, "cd" * 32) and files.is_shared
    assert read_log().count("embedding_files_fail") == 1


@pytest.mark.parametrize("step", ["entries", "delete_files"])
def test_failing_look_is_no_error(store: ArtifactStore, step: str, read_log: Callable[[], str]) -> None:
    failing = FailingStore(failing={step}, store=store)
    files = EmbeddingFiles(failing, max_bytes=SIZE)  # type: ignore[arg-type]
    for number in range(2):
        files.write(KEY, f"{number:064x}", embedding_of(1))
    files.make_room(KEY)
    assert step in failing.asked and "No space left on device" in read_log()


def test_folder_that_may_not_be_written_to_is_still_read(store: ArtifactStore, files: EmbeddingFiles) -> None:
    files.write(KEY, DIGEST, embedding_of(1))
    read_only = FailingStore(failing={"touch", "put_bytes", "delete_files"}, store=store)
    others = EmbeddingFiles(read_only, max_bytes=MB)  # type: ignore[arg-type]
    assert others.read(KEY, DIGEST) is not None and "touch" in read_only.asked
