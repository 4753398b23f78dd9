"""Each image is encoded once: by one of many threads, by one of two processes, by people before prefetching."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest
from filelock import FileLock

from backend.errors import MediaError
from backend.metrics import Metrics
from backend.sam.embedding_files import EmbeddingFiles
from backend.sam.embedding_memory import EmbeddingMemory
from backend.sam.embeddings import Embeddings
from backend.sam.entities import Embedding
from backend.store.artifacts import ArtifactStore
from tests.backend.sam.counting_engine import PATIENCE, CountingEngine, image_of

MB = 2**20
ROOT = Path(__file__).parents[3]
MakeEmbeddings = Callable[..., Embeddings]


@pytest.fixture
def make_embeddings(tmp_path: Path) -> MakeEmbeddings:
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


def digest_of(number: int) -> str:
    return f"{number:064x}"


def get(embeddings: Embeddings, engine: CountingEngine, number: int, *, is_urgent: bool = True) -> Embedding:
    """Ask for the embedding of `image_of(number)`."""
    return embeddings.get(engine, digest_of(number), lambda: image_of(number), is_urgent=is_urgent)


def number_of(embedding: Embedding) -> int:
    return int(embedding.features[0, 0, 0])


def count(metrics: Metrics, found: str, asked: str = "now") -> int:
    """Return how many embeddings were found there."""
    start = f'yolo_sam_embeddings_total{{asked="{asked}",found="{found}"}} '
    values = [line[len(start) :] for line in metrics.render().decode().splitlines() if line.startswith(start)]
    return int(float(values[0])) if values else 0


def wait_until(is_true: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.005)):
        if is_true():
            return
        sleep(0.005)
    raise AssertionError("it never came to that")


class Gate:
    """Holds images in the encoder: `entered` tells that one is there, `open` lets it go on."""

    def __init__(self, *held: int) -> None:
        self.entered = {number: threading.Event() for number in held}
        self._opened = {number: threading.Event() for number in held}

    def __call__(self, number: int) -> None:
        if number in self.entered:
            self.entered[number].set()
            assert self._opened[number].wait(PATIENCE)

    def wait(self, number: int) -> None:
        assert self.entered[number].wait(PATIENCE)

    def open(self, number: int) -> None:
        self._opened[number].set()


def test_image_is_loaded_and_encoded_at_the_first_time_alone(make_embeddings: MakeEmbeddings) -> None:
    embeddings, engine, loaded = make_embeddings(), CountingEngine(), []

    def load() -> object:
        loaded.append(1)
        return image_of(1)

    first = embeddings.get(engine, digest_of(1), load)  # type: ignore[arg-type]
    assert embeddings.get(engine, digest_of(1), load) is first  # type: ignore[arg-type]
    assert number_of(first) == 1 and engine.encoded == [1] and loaded == [1]


def test_other_engine_has_embeddings_of_its_own(make_embeddings: MakeEmbeddings) -> None:
    embeddings, engine, other = make_embeddings(), CountingEngine("a"), CountingEngine("b")
    get(embeddings, engine, 1)
    assert not embeddings.is_ready("b", digest_of(1))
    get(embeddings, other, 1)
    assert engine.encoded == other.encoded == [1]


@pytest.mark.parametrize(
    ("memory_mb", "cache_mb"),
    [
        pytest.param(1, 0, id="memory-alone"),
        pytest.param(0, 10, id="files-alone"),
        pytest.param(1, 10, id="both"),
    ],
)
def test_what_is_kept_is_ready(make_embeddings: MakeEmbeddings, memory_mb: int, cache_mb: int) -> None:
    embeddings, engine = make_embeddings(memory_mb=memory_mb, cache_mb=cache_mb), CountingEngine()
    assert not embeddings.is_ready(engine.key, digest_of(1))
    get(embeddings, engine, 1)
    assert embeddings.is_ready(engine.key, digest_of(1))
    assert number_of(get(embeddings, engine, 1)) == 1
    assert engine.encoded == [1]


def test_without_memory_and_files_each_call_encodes(make_embeddings: MakeEmbeddings, tmp_path: Path) -> None:
    embeddings, engine = make_embeddings(memory_mb=0, cache_mb=0), CountingEngine()
    for _ in range(2):
        assert number_of(get(embeddings, engine, 1)) == 1
    assert engine.encoded == [1, 1]
    assert not (tmp_path / "locks").exists()


def test_eight_threads_that_ask_for_a_new_image_encode_it_once(make_embeddings: MakeEmbeddings) -> None:
    metrics = Metrics()
    # Encoding ends when all others wait for it.
    engine = CountingEngine(before=lambda _: wait_until(lambda: count(metrics, "waited") == 7))
    embeddings = make_embeddings(metrics=metrics)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: get(embeddings, engine, 1), range(8)))
    assert engine.encoded == [1] and all(each is found[0] for each in found)
    get(embeddings, engine, 1)
    assert (count(metrics, "encoded"), count(metrics, "waited"), count(metrics, "memory")) == (1, 7, 1)
    assert "yolo_sam_encode_seconds_count 1.0" in metrics.render().decode()


def test_many_threads_with_many_images_get_each_its_own(make_embeddings: MakeEmbeddings) -> None:
    embeddings, engine = make_embeddings(), CountingEngine()
    asked = [step * 5 % 12 for step in range(200)]
    with ThreadPoolExecutor(8) as threads:
        found = list(
            threads.map(lambda number: get(embeddings, engine, number, is_urgent=number % 3 > 0), asked)
        )
    assert [number_of(each) for each in found] == asked
    assert sorted(engine.encoded) == list(range(12))


def test_failure_reaches_all_who_wait_and_is_not_remembered(make_embeddings: MakeEmbeddings) -> None:
    metrics = Metrics()
    embeddings, engine = make_embeddings(metrics=metrics), CountingEngine()

    def fail() -> object:
        wait_until(lambda: count(metrics, "waited") == 3)
        raise MediaError("missing", "The image is gone.")

    def ask(_: int) -> str:
        with pytest.raises(MediaError) as caught:
            embeddings.get(engine, digest_of(1), fail)  # type: ignore[arg-type]
        return caught.value.reason

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == ["missing"] * 4
    assert number_of(get(embeddings, engine, 1)) == 1
    assert not list((ROOT / "locks").glob("*"))


@pytest.fixture
def threads() -> "ThreadPoolExecutor":
    return ThreadPoolExecutor(8)


def ask(
    threads: ThreadPoolExecutor,
    embeddings: Embeddings,
    engine: CountingEngine,
    number: int,
    *,
    is_urgent: bool,
) -> "Future[Embedding]":
    return threads.submit(get, embeddings, engine, number, is_urgent=is_urgent)


def test_work_ahead_waits_while_a_person_waits(make_embeddings: MakeEmbeddings) -> None:
    gate, looked = Gate(1), threading.Event()
    embeddings, engine = make_embeddings(), CountingEngine(before=gate)
    with ThreadPoolExecutor(2) as threads:
        person = ask(threads, embeddings, engine, 1, is_urgent=True)
        gate.wait(1)
        ahead = ask(threads, embeddings, engine, 2, is_urgent=False)
        # What would be encoded too early is so by then; the test is never wrong about what waits.
        assert not looked.wait(0.1) and engine.encoded == [1] and not ahead.done()
        gate.open(1)
        assert number_of(person.result(PATIENCE)) == 1 and number_of(ahead.result(PATIENCE)) == 2
    assert engine.encoded == [1, 2]


def test_person_never_waits_for_work_ahead(make_embeddings: MakeEmbeddings) -> None:
    gate = Gate(1)
    embeddings, engine = make_embeddings(), CountingEngine(before=gate)
    with ThreadPoolExecutor(4) as threads:
        ahead = ask(threads, embeddings, engine, 1, is_urgent=False)
        gate.wait(1)
        assert number_of(get(embeddings, engine, 2)) == 2
        assert not ahead.done()
        gate.open(1)


def test_person_who_wants_the_image_that_is_being_encoded_ahead_joins_in(
    make_embeddings: MakeEmbeddings,
) -> None:
    gate, metrics = Gate(1), Metrics()
    embeddings, engine = make_embeddings(metrics=metrics), CountingEngine(before=gate)
    with ThreadPoolExecutor(2) as threads:
        ahead = ask(threads, embeddings, engine, 1, is_urgent=False)
        gate.wait(1)
        person = ask(threads, embeddings, engine, 1, is_urgent=True)
        wait_until(lambda: count(metrics, "waited") == 1)
        gate.open(1)
        assert person.result(PATIENCE) is ahead.result(PATIENCE)
    assert engine.encoded == [1]
    assert (count(metrics, "waited", "now"), count(metrics, "encoded", "ahead")) == (1, 1)


def test_person_who_wants_an_image_that_gives_way_gets_it_at_once(make_embeddings: MakeEmbeddings) -> None:
    gate, metrics = Gate(1), Metrics()
    embeddings, engine = make_embeddings(metrics=metrics), CountingEngine(before=gate)
    with ThreadPoolExecutor(3) as threads:
        ask(threads, embeddings, engine, 1, is_urgent=True)
        gate.wait(1)
        ahead = ask(threads, embeddings, engine, 2, is_urgent=False)
        person = ask(threads, embeddings, engine, 2, is_urgent=True)
        # The first image is still in the encoder: nothing else can have let the second through.
        assert number_of(person.result(PATIENCE)) == 2 and ahead.result(PATIENCE) is person.result()
        gate.open(1)
    assert engine.encoded == [1, 2]


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


def test_person_of_another_process_does_not_wait_for_an_image_that_gives_way(
    make_embeddings: MakeEmbeddings,
) -> None:
    gate = Gate(1)
    first, engine, other = make_embeddings(), CountingEngine(before=gate), CountingEngine()
    with ThreadPoolExecutor(3) as threads:
        ask(threads, first, engine, 1, is_urgent=True)
        gate.wait(1)
        ahead = ask(threads, first, engine, 2, is_urgent=False)
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
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.store.artifacts.os.fsync", full)
    embeddings, engine = make_embeddings(), CountingEngine()
    for number in (1, 2, 1, 2):
        assert number_of(get(embeddings, engine, number)) == number
    assert engine.encoded == [1, 2] and read_log().count("No space left on device") == 1


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
"""


def test_two_processes_encode_each_image_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", _PROCESS, str(tmp_path), *names], cwd=ROOT)
        for names in (("a", "b"), ("b", "a"))
    ]
    assert [process.wait(PATIENCE * 2) for process in processes] == [0, 0]
    assert len(list(tmp_path.glob("encoded-*"))) == 20
    assert not list((tmp_path / "locks").iterdir())
