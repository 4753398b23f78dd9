"""The one SAM of a process: loaded once, named without being loaded, tried again where loading failed."""

import hashlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from backend.errors import ModelError
from backend.inference.weights import version_name
from backend.sam.digest_notes import DigestNotes
from backend.sam.entities import SamEngine
from backend.sam.holder import SamHolder
from backend.sam.names import embedding_key
from tests.backend.sam.asking import wait_until
from tests.backend.sam.tiny_sam import save_tiny_sam

WAIT = 10.0


class Loads:
    """A loader that counts, fails and waits as told."""

    def __init__(self) -> None:
        self.digests: list[str] = []
        self.failures = 0
        self.has_begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, path: Path, digest: str) -> SamEngine:
        self.digests.append(digest)
        self.has_begun.set()
        assert self.gate.wait(WAIT)
        if self.failures:
            self.failures -= 1
            raise ModelError("it holds no SAM")
        names = {"version": version_name(path, digest), "key": embedding_key(digest), "memory_bytes": 10}
        return cast(SamEngine, SimpleNamespace(**names))


class Reads:
    """Counts how often a file's digest is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._real = hashlib.file_digest
        monkeypatch.setattr("hashlib.file_digest", self)

    def __call__(self, file: Any, name: str) -> Any:
        self.count += 1
        return self._real(file, name)


def reloads() -> list[threading.Thread]:
    """Threads that load a replaced file now."""
    return [thread for thread in threading.enumerate() if thread.name == "sam-reload"]


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "our sam.pt"
    made.write_bytes(b"weights")
    return made


@pytest.fixture
def holder(path: Path, loads: Loads, clock: Clock) -> SamHolder:
    return SamHolder(path, load=loads, clock=clock)


def test_names_are_known_before_anything_is_loaded(holder: SamHolder, loads: Loads) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    assert holder.version() == f"our-sam-{digest[:8]}" and holder.key() == f"{digest[:16]}-f1"
    assert not loads.digests
    engine = holder.engine()
    assert (engine.version, engine.key) == (holder.version(), holder.key())
    assert loads.digests == [digest]


def test_second_caller_waits_for_the_first(holder: SamHolder, loads: Loads) -> None:
    loads.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        engines = [pool.submit(holder.engine) for _ in range(8)]
        assert loads.has_begun.wait(WAIT)
        assert holder.version().startswith("our-sam-"), "names are told while it is loaded"
        loads.gate.set()
        assert len({id(engine.result(WAIT)) for engine in engines}) == 1
    assert len(loads.digests) == 1


def test_file_is_read_once_while_it_is_unchanged(holder: SamHolder, monkeypatch: pytest.MonkeyPatch) -> None:
    version = holder.version()

    def refuse(*_: object) -> None:
        raise AssertionError("the file was read again")

    monkeypatch.setattr("hashlib.file_digest", refuse)
    assert holder.version() == version and holder.key()


def test_file_that_failed_is_tried_again_after_half_a_minute(
    holder: SamHolder, loads: Loads, clock: Clock
) -> None:
    loads.failures = 1
    for _ in range(3):
        with pytest.raises(ModelError, match="it holds no SAM"):
            holder.engine()
    assert len(loads.digests) == 1
    clock.now += 30
    assert holder.engine().version == holder.version()
    assert len(loads.digests) == 2


def test_other_file_is_tried_at_once(holder: SamHolder, loads: Loads, path: Path) -> None:
    loads.failures = 1
    with pytest.raises(ModelError):
        holder.engine()
    path.write_bytes(b"better weights")
    assert holder.engine().key == embedding_key(hashlib.sha256(b"better weights").hexdigest())


def test_replaced_file_is_loaded_anew(holder: SamHolder, loads: Loads, path: Path) -> None:
    first = holder.engine()
    path.write_bytes(b"other weights")
    wait_until(lambda: holder.engine() is not first)
    second = holder.engine()
    assert second.key == holder.key() != first.key
    assert holder.engine() is second and len(loads.digests) == 2


def test_nobody_waits_while_a_replaced_file_is_loaded(holder: SamHolder, loads: Loads, path: Path) -> None:
    first = holder.engine()
    loads.gate.clear()
    loads.has_begun.clear()
    path.write_bytes(b"other weights")
    assert holder.engine() is first
    assert loads.has_begun.wait(WAIT)
    for _ in range(3):
        assert holder.engine() is first
        assert (holder.version(), holder.key()) == (first.version, first.key)
    loads.gate.set()
    wait_until(lambda: holder.engine() is not first)
    assert len(loads.digests) == 2 and holder.version() != first.version


def test_touched_file_is_not_loaded_anew(
    holder: SamHolder, loads: Loads, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = holder.engine()
    read = Reads(monkeypatch)
    path.write_bytes(b"weights")
    assert holder.engine() is first
    wait_until(lambda: read.count == 1 and not reloads())
    assert holder.engine() is first and not reloads()
    assert len(loads.digests) == 1 and read.count == 1


def test_loaded_model_outlives_a_file_that_turns_bad(
    holder: SamHolder, loads: Loads, path: Path, clock: Clock
) -> None:
    first = holder.engine()
    loads.failures = 1
    path.write_bytes(b"spoilt")
    with capture_logs() as logs:
        assert holder.engine() is first
        wait_until(lambda: len(loads.digests) == 2 and not reloads())
        assert holder.engine() is first and not reloads()
    assert [(entry["event"], entry["kept"]) for entry in logs] == [("sam_weights_unusable", first.version)]
    assert (holder.version(), holder.key()) == (first.version, first.key)
    clock.now += 30
    wait_until(lambda: holder.engine() is not first)


def test_loaded_model_outlives_whatever_goes_wrong_with_the_next(path: Path, clock: Clock) -> None:
    def load(path: Path, digest: str) -> SamEngine:
        if path.read_bytes() != b"weights":
            raise MemoryError
        return Loads()(path, digest)

    holder = SamHolder(path, load=load, clock=clock)
    first = holder.engine()
    path.write_bytes(b"spoilt")
    with capture_logs() as logs:
        assert holder.engine() is first
        wait_until(lambda: bool(logs) and not reloads())
        assert holder.engine() is first and not reloads()
    assert [(entry["event"], entry["detail"]) for entry in logs] == [
        ("sam_weights_unusable", "MemoryError()")
    ]


def test_digest_of_a_file_is_read_once_for_all_processes(
    path: Path, loads: Loads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Reads(monkeypatch)
    holders = [SamHolder(path, load=loads, digests=DigestNotes(tmp_path / "note.json")) for _ in range(3)]
    assert len({holder.version() for holder in holders}) == 1 and read.count == 1
    path.write_bytes(b"other weights")
    assert {holder.version() for holder in holders} == {
        version_name(path, hashlib.sha256(b"other weights").hexdigest())
    }
    assert read.count == 2


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b"{}", b"null", b"\xff"])
def test_note_that_is_damaged_is_written_anew(path: Path, tmp_path: Path, note: bytes) -> None:
    noted = tmp_path / "note.json"
    noted.write_bytes(note)
    expected = SamHolder(path).version()
    assert SamHolder(path, digests=DigestNotes(noted)).version() == expected
    assert hashlib.sha256(b"weights").hexdigest().encode() in noted.read_bytes()


def test_note_that_cannot_be_written_is_a_line_in_the_log(path: Path, tmp_path: Path) -> None:
    with capture_logs() as logs:
        version = SamHolder(path, digests=DigestNotes(tmp_path / "none" / "note.json")).version()
    assert version == SamHolder(path).version()
    assert [entry["event"] for entry in logs] == ["digest_not_noted"]


def test_loaded_model_outlives_a_file_that_goes_away(holder: SamHolder, path: Path) -> None:
    first = holder.engine()
    path.unlink()
    assert holder.engine() is first
    assert (holder.version(), holder.key()) == (first.version, first.key)


def test_file_replaced_while_it_is_loaded_is_read_again(path: Path, loads: Loads, clock: Clock) -> None:
    def load(path: Path, digest: str) -> SamEngine:
        engine = loads(path, digest)
        if len(loads.digests) == 1:
            path.write_bytes(b"other weights")
        return engine

    holder = SamHolder(path, load=load, clock=clock)
    with pytest.raises(ModelError, match="replaced"):
        holder.engine()
    assert holder.engine().key == embedding_key(hashlib.sha256(b"other weights").hexdigest())


def test_missing_file_is_said_with_its_folder_and_setting(tmp_path: Path, loads: Loads) -> None:
    holder = SamHolder(tmp_path / "sam_of_ours.pt", load=loads)
    for call in (holder.version, holder.key, holder.engine):
        with pytest.raises(ModelError) as caught:
            call()
        assert all(part in caught.value.message for part in ("sam_of_ours.pt", str(tmp_path), "SAM_MODEL"))
    assert not loads.digests


def test_known_file_has_its_name_before_it_is_fetched(tmp_path: Path, loads: Loads) -> None:
    holder = SamHolder(tmp_path / "mobile_sam.pt", load=loads)
    assert holder.version() == "mobile_sam-6dbb9052"
    assert holder.key().startswith("6dbb90523a35330f")
    assert not loads.digests


def test_known_file_is_fetched_once_for_all(
    tmp_path: Path, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def download(url: str, to: str, **_: Any) -> None:
        fetched.append(url)
        Path(to).write_bytes(b"weights")

    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    holder = SamHolder(tmp_path / "models" / "mobile_sam.pt", load=loads)
    with ThreadPoolExecutor(4) as pool:
        engines = [pool.submit(holder.engine) for _ in range(4)]
        assert len({id(engine.result(WAIT)) for engine in engines}) == 1
    assert len(fetched) == 1 and fetched[0].endswith("/weights/mobile_sam.pt")


def test_network_away_names_file_address_and_folder_and_waits(
    tmp_path: Path, loads: Loads, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def download(*_: Any, **__: Any) -> None:
        tries.append(1)
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    path = tmp_path / "sam_vit_b_01ec64.pth"
    holder = SamHolder(path, load=loads, clock=clock)
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            holder.engine()
    address = "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth"
    assert all(part in caught.value.message for part in (str(path), address, "SAM_MODEL"))
    assert len(tries) == 1
    path.write_bytes(b"weights")  # put there by hand
    assert holder.engine().version == holder.version()


def test_default_engine_is_one_of_torch(tmp_path: Path) -> None:
    holder = SamHolder(save_tiny_sam(tmp_path / "tiny.pt"), device="cpu")
    engine = holder.engine()
    assert type(engine).__name__ == "TorchSam"
    assert (engine.version, engine.key) == (holder.version(), holder.key())


def test_naming_a_file_imports_no_torch(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from backend.sam.holder import SamHolder; "
        "print(SamHolder(Path(sys.argv[1])).version(), 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [SamHolder(path).version(), "False"]
