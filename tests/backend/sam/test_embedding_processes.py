"""What one process encoded, no other encodes; and what goes wrong between them costs time alone."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from backend.metrics import Metrics
from backend.sam.embedding_files import EmbeddingFiles
from tests.backend.sam.asking import Gate, MakeEmbeddings, ask, count, digest_of, get, number_of, wait_until
from tests.backend.sam.counting_engine import PATIENCE, CountingEngine, image_of

ROOT = Path(__file__).parents[3]


def test_second_process_never_encodes_what_the_first_has(make_embeddings: MakeEmbeddings) -> None:
    metrics = Metrics()
    first, second = make_embeddings(), make_embeddings(metrics=metrics)
    engine, other = CountingEngine(), CountingEngine()
    for number in range(3):
        get(first, engine, number)
        assert second.is_ready(other.key, digest_of(number))
        assert number_of(get(second, other, number)) == number
    assert other.encoded == [] and count(metrics, "disk") == 3


def test_second_process_waits_for_the_first_to_encode(
    make_embeddings: MakeEmbeddings, tmp_path: Path
) -> None:
    gate = Gate(1)
    engine, other = CountingEngine(before=gate), CountingEngine()
    with ThreadPoolExecutor(2) as threads:
        in_first = ask(threads, make_embeddings(), engine, 1, is_urgent=True)
        gate.wait(1)
        in_second = ask(threads, make_embeddings(), other, 1, is_urgent=True)
        gate.open(1)
        assert number_of(in_first.result(PATIENCE)) == number_of(in_second.result(PATIENCE)) == 1
    assert engine.encoded == [1] and other.encoded == []
    assert not list((tmp_path / "locks").iterdir())


def test_person_does_not_wait_for_the_file_and_another_process_does(
    make_embeddings: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    write = EmbeddingFiles.write

    def write_late(*args: object) -> None:
        assert may_write.wait(PATIENCE)
        write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(EmbeddingFiles, "write", write_late)
    first, engine, other = make_embeddings(), CountingEngine(), CountingEngine()
    assert number_of(first.get(engine, digest_of(1), lambda: image_of(1))) == 1
    with ThreadPoolExecutor(1) as threads:
        in_second = ask(threads, make_embeddings(), other, 1, is_urgent=True)
        assert not in_second.done()
        may_write.set()
        assert number_of(in_second.result(PATIENCE)) == 1
    first.close()
    assert other.encoded == []


def test_work_ahead_is_written_before_it_is_done(make_embeddings: MakeEmbeddings) -> None:
    engine = CountingEngine()
    make_embeddings().get(engine, digest_of(1), lambda: image_of(1), is_urgent=False)
    assert make_embeddings(memory_mb=0).is_ready(engine.key, digest_of(1))


def test_what_another_process_encoded_is_brought_into_memory(
    make_embeddings: MakeEmbeddings, tmp_path: Path
) -> None:
    engine, second = CountingEngine(), make_embeddings()
    assert not second.bring(engine.key, digest_of(1))
    get(make_embeddings(), engine, 1)
    assert second.bring(engine.key, digest_of(1))
    shutil.rmtree(tmp_path / "kept")
    assert second.bring(engine.key, digest_of(1)) and number_of(get(second, engine, 1)) == 1
    assert engine.encoded == [1]


def test_person_of_another_process_does_not_wait_for_an_image_that_gives_way(
    make_embeddings: MakeEmbeddings, looked_for: list[str]
) -> None:
    gate = Gate(1)
    first, engine, other = make_embeddings(), CountingEngine(before=gate), CountingEngine()
    with ThreadPoolExecutor(3) as threads:
        ask(threads, first, engine, 1, is_urgent=True)
        gate.wait(1)
        ahead = ask(threads, first, engine, 2, is_urgent=False)
        wait_until(lambda: digest_of(2) in looked_for)
        assert number_of(get(make_embeddings(), other, 2)) == 2
        gate.open(1)
        assert number_of(ahead.result(PATIENCE)) == 2
    assert engine.encoded == [1] and other.encoded == [2]


def test_lock_that_cannot_be_had_in_time_is_done_without(
    make_embeddings: MakeEmbeddings, tmp_path: Path, read_log: Callable[[], str]
) -> None:
    embeddings, engine = make_embeddings(lock_seconds=0.05), CountingEngine()
    (tmp_path / "locks").mkdir()
    with FileLock(tmp_path / f"locks/{engine.key}-{digest_of(1)}.lock"):
        assert number_of(get(embeddings, engine, 1)) == 1
    assert engine.encoded == [1] and read_log().count("embedding_lock_missed") == 1


def test_lock_folder_that_cannot_be_made_is_done_without(
    make_embeddings: MakeEmbeddings, tmp_path: Path, read_log: Callable[[], str]
) -> None:
    (tmp_path / "locks").write_text("a file")
    assert number_of(get(make_embeddings(), CountingEngine(), 1)) == 1
    assert "embedding_lock_missed" in read_log()


def test_lock_file_of_a_killed_process_stops_nobody(make_embeddings: MakeEmbeddings, tmp_path: Path) -> None:
    engine = CountingEngine()
    left = tmp_path / f"locks/{engine.key}-{digest_of(1)}.lock"
    left.parent.mkdir()
    left.touch()
    assert number_of(get(make_embeddings(), engine, 1)) == 1
    assert not left.exists()


def test_damaged_file_is_encoded_anew(make_embeddings: MakeEmbeddings, tmp_path: Path) -> None:
    get(make_embeddings(), CountingEngine(), 1)
    (path,) = (tmp_path / "kept").rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-100])
    engine, later = CountingEngine(), CountingEngine()
    assert number_of(get(make_embeddings(), engine, 1)) == 1
    assert number_of(get(make_embeddings(), later, 1)) == 1
    assert engine.encoded == [1] and later.encoded == []


def test_full_disk_is_no_error_and_memory_serves_on(
    make_embeddings: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch, read_log: Callable[[], str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.store.artifacts.ArtifactStore._write_local", full)
    embeddings, engine = make_embeddings(), CountingEngine()
    for number in (1, 2, 1, 2):
        assert number_of(get(embeddings, engine, number)) == number
    assert engine.encoded == [1, 2] and read_log().count("No space left on device") == 1


def test_files_stay_within_their_bound(make_embeddings: MakeEmbeddings, tmp_path: Path) -> None:
    embeddings, engine = make_embeddings(cache_mb=1), CountingEngine()
    engine.channels = 1000  # an eighth of a megabyte each
    for number in range(12):
        get(embeddings, engine, number)
    assert 4 < len(list((tmp_path / "kept").rglob("*.npz"))) < 9


_PROCESS = """
import sys
from pathlib import Path
from time import sleep
from backend.sam.embedding_files import EmbeddingFiles
from backend.sam.embedding_memory import EmbeddingMemory
from backend.sam.embeddings import Embeddings
from backend.store.artifacts import ArtifactStore
from tests.backend.sam.counting_engine import CountingEngine, image_of

folder, own, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def before(number):
    (folder / f"encoded-{number}-{own}").touch()
    while not (folder / f"asks-{other}").exists():
        sleep(0.005)

embeddings = Embeddings(
    EmbeddingMemory(2**20),
    EmbeddingFiles(ArtifactStore(str(folder / "kept"), cache=folder / "cache"), max_bytes=2**20),
    lock_folder=folder / "locks",
)
(folder / f"asks-{own}").touch()
for number in range(20):
    found = embeddings.get(CountingEngine(before=before), f"{number:064x}", lambda: image_of(number))
    assert found.features[0, 0, 0] == number
embeddings.close()
"""


def test_two_processes_encode_each_image_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", _PROCESS, str(tmp_path), *names], cwd=ROOT)
        for names in (("a", "b"), ("b", "a"))
    ]
    try:
        assert [process.wait(PATIENCE * 2) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    assert len(list(tmp_path.glob("encoded-*"))) == 20
    assert not list((tmp_path / "locks").iterdir())
