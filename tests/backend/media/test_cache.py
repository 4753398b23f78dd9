"""The cache of files: bounded, for a while, shared, and never the reason why an image is missing."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import diskcache
import pytest

from backend.media.cache import MediaCache

MB = 2**20
KEPT_IN_INDEX, KEPT_AS_FILE = 1000, 100_000  # bytes: diskcache keeps small values in its index
MakeCache = Callable[..., MediaCache]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def make_cache(folder: Path) -> Iterator[MakeCache]:
    made: list[MediaCache] = []

    def make(*, max_bytes: int = 100 * MB, max_age: float = 3600.0) -> MediaCache:
        made.append(MediaCache(folder, max_bytes=max_bytes, max_age=max_age))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


def body(number: int, size: int = KEPT_AS_FILE) -> bytes:
    return number.to_bytes(4, "big") * (size // 4)


def size_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("size", [KEPT_IN_INDEX, KEPT_AS_FILE])
def test_what_was_put_comes_back_to_everyone_who_shares_the_folder(make_cache: MakeCache, size: int) -> None:
    make_cache().put("s3://bucket/a.png", body(1, size))
    assert make_cache().get("s3://bucket/a.png") == body(1, size)
    assert make_cache().get("s3://bucket/b.png") is None


def test_later_file_of_an_image_takes_the_place_of_the_earlier(make_cache: MakeCache, folder: Path) -> None:
    cache = make_cache()
    for number in range(3):
        cache.put("a", body(number))
    assert cache.get("a") == body(2)
    assert len(list(folder.rglob("*.val"))) == 1


def test_addresses_are_not_written_to_the_disk(make_cache: MakeCache, folder: Path) -> None:
    make_cache().put("https://host/a.png?X-Signature=secret", body(1))
    assert not [path for path in folder.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


def test_file_is_not_given_out_after_its_age(make_cache: MakeCache) -> None:
    cache = make_cache(max_age=0.0)
    cache.put("a", body(1))
    assert cache.get("a") is None


@pytest.mark.parametrize("size", [KEPT_IN_INDEX, KEPT_AS_FILE])
def test_folder_stays_within_its_size_and_the_newest_stay_in_it(
    make_cache: MakeCache, folder: Path, size: int
) -> None:
    cache = make_cache(max_bytes=2 * MB)
    count = 6 * MB // size
    for number in range(count):
        cache.put(str(number), body(number, size))
    # SQLite's log is beside the bound: it holds up to 1000 pages until they are written over.
    in_log = sum(path.stat().st_size for path in folder.glob("cache.db-*"))
    assert size_on_disk(folder) - in_log <= 2 * MB
    assert cache.get(str(count - 1)) == body(count - 1, size)
    assert cache.get("0") is None


def test_large_file_takes_the_place_of_as_many_small_ones_as_it_needs(
    make_cache: MakeCache, folder: Path
) -> None:
    cache = make_cache(max_bytes=2 * MB)
    for number in range(40):
        cache.put(str(number), body(number, 40_000))
    cache.put("large", body(99, 15 * MB // 10))
    assert cache.get("large") == body(99, 15 * MB // 10)
    assert sum(path.stat().st_size for path in folder.rglob("*.val")) <= 2 * MB


def test_file_larger_than_the_whole_cache_is_not_kept_and_moves_nothing_out(make_cache: MakeCache) -> None:
    cache = make_cache(max_bytes=MB)
    cache.put("small", body(1))
    cache.put("large", body(2, 2 * MB))
    assert (cache.get("small"), cache.get("large")) == (body(1), None)


def test_cache_of_no_size_keeps_nothing_and_makes_no_folder(make_cache: MakeCache, folder: Path) -> None:
    cache = make_cache(max_bytes=0)
    cache.put("a", body(1))
    assert (cache.get("a"), folder.exists()) == (None, False)


def test_hit_writes_nothing(make_cache: MakeCache, folder: Path) -> None:
    cache = make_cache()
    cache.put("a", body(1))
    changes = "SELECT access_time, access_count FROM Cache"
    with sqlite3.connect(folder / "cache.db") as index:
        before = index.execute(changes).fetchall(), index.execute("PRAGMA data_version").fetchall()
        assert cache.get("a") == body(1)
        assert (index.execute(changes).fetchall(), index.execute("PRAGMA data_version").fetchall()) == before
    index.close()


def test_pickle_that_somebody_put_into_the_folder_is_not_loaded(make_cache: MakeCache, folder: Path) -> None:
    cache = make_cache()
    cache.put("a", body(1))
    with diskcache.Cache(folder) as foreign:
        for key in list(foreign):
            foreign[key] = Trap(str(folder / "sprung"))
    assert cache.get("a") is None
    assert not (folder / "sprung").exists()


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


TWO_PROCESSES = """
import os, sys
from pathlib import Path
from backend.media.cache import MediaCache

cache = MediaCache(Path(sys.argv[1]), max_bytes=2**20, max_age=3600)
assert cache.get("test") == b"of the test"
child = os.fork()
if child == 0:
    cache.put("child", b"of the child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
cache.put("parent", cache.get("child") + b" and the parent")
"""


def test_processes_share_it_also_those_forked_after_its_first_use(
    make_cache: MakeCache, folder: Path
) -> None:
    cache = make_cache()
    cache.put("test", b"of the test")
    subprocess.run([sys.executable, "-c", TWO_PROCESSES, str(folder)], check=True, timeout=60)
    assert cache.get("child") == b"of the child"
    assert cache.get("parent") == b"of the child and the parent"


PUT_FOR_EVER = """
import itertools, sys
from pathlib import Path
from backend.media.cache import MediaCache

cache = MediaCache(Path(sys.argv[1]), max_bytes=2**20, max_age=3600)
for number in itertools.count():
    cache.put(str(number), b"x" * 100_000)
    if number == 20:
        print("busy", flush=True)
"""


def test_process_killed_while_it_writes_leaves_a_cache_that_works(
    make_cache: MakeCache, folder: Path
) -> None:
    command = [sys.executable, "-c", PUT_FOR_EVER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"busy\n"
        process.kill()
    cache = make_cache(max_bytes=MB)
    cache.put("a", body(1))
    assert cache.get("a") == body(1)
    with sqlite3.connect(folder / "cache.db") as index:
        known = index.execute("SELECT COUNT(filename) FROM Cache").fetchone()[0]
    index.close()
    assert len(list(folder.rglob("*.val"))) - known <= 1, "at most the file that was being written"


def test_threads_share_it(make_cache: MakeCache) -> None:
    cache = make_cache()

    def put_and_get(number: int) -> bool:
        cache.put(str(number % 20), body(number % 20))
        return cache.get(str(number % 20)) in (body(number % 20), None)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put_and_get, range(200)))
    assert [cache.get(str(number)) for number in range(20)] == [body(number) for number in range(20)]


def test_file_that_a_killed_process_left_behind_goes_when_nobody_may_read_it_any_more(
    make_cache: MakeCache, folder: Path
) -> None:
    left = {name: folder / "ab" / f"{name}.val" for name in ("old", "young")}
    left["old"].parent.mkdir(parents=True)
    for path in left.values():
        path.write_bytes(body(1))
    os.utime(left["old"], (0, 0))
    assert make_cache(max_age=3600.0).get("a") is None
    assert {name: path.exists() for name, path in left.items()} == {"old": False, "young": True}


def overwrite_index(folder: Path) -> None:
    for path in folder.glob("cache.db*"):
        path.write_bytes(b"no index at all " * 1000)


def take_tables(folder: Path) -> None:
    with sqlite3.connect(folder / "cache.db") as index:
        index.execute("DROP TABLE Cache")
        index.execute("CREATE TABLE Cache (other INTEGER)")
    index.close()


def put_file_in_place_of_folder(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    folder.write_bytes(b"")


@pytest.mark.parametrize("damage", [overwrite_index, take_tables, put_file_in_place_of_folder])
def test_damaged_cache_keeps_and_gives_nothing_and_says_so_once(
    make_cache: MakeCache, folder: Path, read_log: Callable[[], str], damage: Callable[[Path], None]
) -> None:
    first = make_cache()
    first.put("a", body(1))
    first.close()
    damage(folder)
    cache = make_cache()
    for _ in range(3):
        assert cache.get("a") is None
        cache.put("a", body(1))
    assert read_log().count("image cache fails") == 1
    assert str(folder) in read_log() and "delete it" in read_log()


def test_full_disk_keeps_no_half_files_and_says_so_once(
    make_cache: MakeCache, folder: Path, read_log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(_: object, path: str, *__: object) -> int:
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(diskcache.Disk, "_write", write_half)
    cache = make_cache()
    for number in range(3):
        cache.put(str(number), body(number))
    assert list(folder.rglob("*.val")) == []
    assert read_log().count("No space left on device") == 1


def test_index_that_another_process_holds_is_waited_for_a_while_and_used_again_later(
    make_cache: MakeCache, folder: Path, read_log: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.media.cache._LOCK_SECONDS", 0.01)
    cache = make_cache()
    cache.put("a", body(1))
    other = sqlite3.connect(folder / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cache.put("b", body(2))
    cache.put("b", body(2))
    assert (cache.get("a"), cache.get("b")) == (body(1), None)
    other.execute("ROLLBACK")
    other.close()
    cache.put("b", body(2))
    assert cache.get("b") == body(2)
    assert read_log().count("image cache fails") == 1
    assert len(list(folder.rglob("*.val"))) == 2
