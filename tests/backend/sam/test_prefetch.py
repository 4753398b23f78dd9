"""Encoding ahead: what is encoded, in which order, and that nothing of it reaches whoever asked."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from backend.entities import ControlTag, Task
from backend.labelstudio.client import LabelStudioClient
from backend.sam.prefetch import Prefetcher
from backend.services import Services
from tests.backend.image_server import ImageServer
from tests.backend.labelstudio.fake_server import PROJECT, FakeLabelStudio
from tests.backend.pictures import png
from tests.backend.sam.counting_sam import KEY, CountingHolder, CountingSam, embeddings_in

WAIT = 10.0
CONTROL = ControlTag("BrushLabels", "mask", "image", "$image", ("car",))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sam() -> CountingSam:
    return CountingSam()


@pytest.fixture
def holder(sam: CountingSam) -> CountingHolder:
    return CountingHolder(sam)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def label_studio(image_server: ImageServer) -> FakeLabelStudio:
    """A project of the tasks 1 to 9; the image of task n is 10 + n pixels wide."""
    for number in range(1, 10):
        image_server.serve(f"/data/{number}.png", png(10 + number, 8))
    return FakeLabelStudio({n: {"image": f"/data/{n}.png"} for n in range(1, 10)})


MakePrefetcher = Callable[..., Prefetcher]


@pytest.fixture
def make_prefetcher(
    services: Services, holder: CountingHolder, label_studio: FakeLabelStudio, tmp_path: Path, clock: Clock
) -> Iterator[MakePrefetcher]:
    made: list[Prefetcher] = []

    def make(*, ahead: int = 2, client: LabelStudioClient | None = None, **given: Any) -> Prefetcher:
        client = client or label_studio.client()
        embeddings = given.pop("embeddings", None) or embeddings_in(tmp_path)
        made.append(Prefetcher(holder, embeddings, services.media, client, ahead=ahead, clock=clock, **given))
        return made[-1]

    yield make
    for prefetcher in made:
        prefetcher.close()


@pytest.fixture
def prefetcher(make_prefetcher: MakePrefetcher) -> Prefetcher:
    return make_prefetcher()


def task(number: int) -> Task:
    return Task(number, {"image": f"/data/{number}.png"})


def wait_until(is_so: Callable[[], bool]) -> None:
    never = threading.Event()
    for _ in range(int(WAIT / 0.01)):
        if is_so():
            return
        never.wait(0.01)
    raise AssertionError("it did not come to be so")


def finish(sam: CountingSam, count: int) -> list[int]:
    """Wait until `count` images are encoded; return the numbers of their tasks, in order."""
    wait_until(lambda: len(sam.encoded) >= count)
    return [width - 10 for width, _ in sam.encoded]


class Gate:
    """Holds the engine at its first image until it is opened."""

    def __init__(self, sam: CountingSam) -> None:
        self.is_reached = threading.Event()
        self.open = threading.Event()
        sam.before = self

    def __call__(self) -> None:
        self.is_reached.set()
        assert self.open.wait(WAIT)


def test_task_in_work_comes_first_then_the_next_ones(prefetcher: Prefetcher, sam: CountingSam) -> None:
    prefetcher.ask(PROJECT, task(4), CONTROL)
    assert finish(sam, 3) == [4, 5, 6]


def test_labelled_tasks_are_left_out(
    prefetcher: Prefetcher, sam: CountingSam, label_studio: FakeLabelStudio
) -> None:
    label_studio.annotated |= {1, 5, 7}
    prefetcher.ask(PROJECT, task(4), CONTROL)
    assert finish(sam, 3) == [4, 6, 8]


def test_next_tasks_let_serving_go_first_for_a_moment_and_the_task_in_work_does_not(
    make_prefetcher: MakePrefetcher, sam: CountingSam, clock: Clock
) -> None:
    looks: list[float] = []

    def is_serving() -> bool:
        looks.append(clock.now)
        return True

    prefetcher = make_prefetcher(is_serving=is_serving)
    prefetcher.ask(PROJECT, task(4), CONTROL)
    wait_until(lambda: len(looks) >= 2)
    prefetcher.ask(PROJECT, task(8), CONTROL)
    assert finish(sam, 2) == [4, 8]
    for seconds in (3.0, 6.0, 9.0):
        looks.clear()
        wait_until(lambda: bool(looks))  # else the clock would move on before it waits
        count, clock.now = len(sam.encoded), seconds
        wait_until(lambda count=count: len(sam.encoded) == count + 1)  # type: ignore[misc]
    assert finish(sam, 5) == [4, 8, 9, 5, 6]


def test_next_tasks_are_encoded_one_at_a_time_on_a_machine_and_the_task_in_work_at_once(
    make_prefetcher: MakePrefetcher, sam: CountingSam, tmp_path: Path
) -> None:
    path = tmp_path / "locks/ahead.lock"
    path.parent.mkdir()
    prefetcher = make_prefetcher(lock=path)
    with FileLock(path):
        prefetcher.ask(PROJECT, task(4), CONTROL)
        assert finish(sam, 1) == [4]
        prefetcher.ask(PROJECT, task(8), CONTROL)
        assert finish(sam, 2) == [4, 8]
    assert finish(sam, 5) == [4, 8, 9, 5, 6]


def test_embedding_that_another_process_made_comes_into_memory(
    make_prefetcher: MakePrefetcher, sam: CountingSam, tmp_path: Path
) -> None:
    other = make_prefetcher(ahead=0)
    other.ask(PROJECT, task(4), CONTROL)
    finish(sam, 1)
    other.close()
    embeddings = embeddings_in(tmp_path)
    make_prefetcher(ahead=0, embeddings=embeddings).ask(PROJECT, task(4), CONTROL)
    digest = hashlib.sha256(png(14, 8)).hexdigest()
    wait_until(lambda: embeddings._memory.has(KEY, digest))
    assert len(sam.encoded) == 1


def test_task_that_failed_is_not_tried_again_at_each_click(
    make_prefetcher: MakePrefetcher, sam: CountingSam, holder: CountingHolder, clock: Clock
) -> None:
    prefetcher, holder.is_missing = make_prefetcher(ahead=0), True
    for number in (4, 8):
        prefetcher.ask(PROJECT, task(number), CONTROL)
        wait_until(lambda number=number: holder.asked == number // 4)  # type: ignore[misc]
    prefetcher.ask(PROJECT, task(4), CONTROL)
    holder.is_missing = False
    prefetcher.ask(PROJECT, task(9), CONTROL)
    assert finish(sam, 1) == [9]
    clock.now = 61.0
    prefetcher.ask(PROJECT, task(4), CONTROL)
    assert finish(sam, 2) == [9, 4]


def test_next_tasks_are_listed_without_having_them_predicted(
    prefetcher: Prefetcher, sam: CountingSam, label_studio: FakeLabelStudio
) -> None:
    prefetcher.ask(PROJECT, task(4), CONTROL)
    finish(sam, 3)
    [request] = label_studio.seen
    assert (request.url.params["review"], request.url.params["include"]) == ("true", "id,data")


def test_nothing_is_asked_of_label_studio_where_nothing_is_encoded_ahead(
    make_prefetcher: MakePrefetcher, sam: CountingSam, label_studio: FakeLabelStudio
) -> None:
    prefetcher = make_prefetcher(ahead=0)
    prefetcher.ask(PROJECT, task(4), CONTROL)
    prefetcher.ask(None, task(5), CONTROL)
    assert sorted(finish(sam, 2)) == [4, 5] and label_studio.seen == []


def test_one_who_asks_later_goes_first(make_prefetcher: MakePrefetcher, sam: CountingSam) -> None:
    prefetcher, gate = make_prefetcher(), Gate(sam)
    prefetcher.ask(PROJECT, task(1), CONTROL)
    assert gate.is_reached.wait(WAIT)
    prefetcher.ask(PROJECT, task(4), CONTROL)
    prefetcher.ask(PROJECT, task(7), CONTROL)
    gate.open.set()
    # Task 1 was in work; only then does it turn out what comes after it, which is the least pressing.
    order = finish(sam, 9)
    assert order[0] == 1 and [n for n in order if n > 3] == [7, 8, 9, 4, 5, 6]


def test_annotator_who_moves_on_has_the_nearest_tasks_encoded_first(
    make_prefetcher: MakePrefetcher, sam: CountingSam
) -> None:
    prefetcher, gate = make_prefetcher(ahead=3), Gate(sam)
    prefetcher.ask(PROJECT, task(1), CONTROL)
    assert gate.is_reached.wait(WAIT)
    prefetcher.ask(PROJECT, task(2), CONTROL)
    gate.open.set()
    assert finish(sam, 5) == [1, 2, 3, 4, 5]


def test_clicks_on_one_task_ask_label_studio_once_a_minute(
    prefetcher: Prefetcher, sam: CountingSam, label_studio: FakeLabelStudio, clock: Clock
) -> None:
    for _ in range(5):
        prefetcher.ask(PROJECT, task(4), CONTROL)
    assert finish(sam, 3) == [4, 5, 6]
    prefetcher.ask(PROJECT, task(4), CONTROL)
    # The thread takes one wish after the other, so this one shows that nothing came between.
    prefetcher.ask(PROJECT, task(8), CONTROL)
    assert finish(sam, 5) == [4, 5, 6, 8, 9]
    assert len(label_studio.seen) == 2
    clock.now = 61.0
    prefetcher.ask(PROJECT, task(4), CONTROL)
    wait_until(lambda: len(label_studio.seen) == 3)


def test_embedding_that_is_there_loads_no_model(
    make_prefetcher: MakePrefetcher, sam: CountingSam, holder: CountingHolder
) -> None:
    first = make_prefetcher(ahead=0)
    first.ask(PROJECT, task(4), CONTROL)
    finish(sam, 1)
    first.close()
    second, holder.asked = make_prefetcher(ahead=0), 0
    second.ask(PROJECT, task(4), CONTROL)
    second.ask(PROJECT, task(5), CONTROL)
    assert finish(sam, 2) == [4, 5]
    second.close()
    assert holder.asked == 1


def test_no_thread_begins_before_somebody_asks(prefetcher: Prefetcher, sam: CountingSam) -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "sam-prefetch"]

    assert threads() == []
    prefetcher.ask(PROJECT, task(4), CONTROL)
    prefetcher.ask(PROJECT, task(5), CONTROL)
    assert threads() == ["sam-prefetch"]
    prefetcher.close()
    assert threads() == []


def test_asking_never_waits_for_the_work_and_the_oldest_wishes_are_dropped(
    make_prefetcher: MakePrefetcher, sam: CountingSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.sam.prefetch._MOST_WAITING", 3)
    prefetcher, gate = make_prefetcher(ahead=0), Gate(sam)
    prefetcher.ask(PROJECT, task(1), CONTROL)
    assert gate.is_reached.wait(WAIT)
    for number in range(2, 10):
        prefetcher.ask(PROJECT, task(number), CONTROL)
    gate.open.set()
    assert finish(sam, 4) == [1, 9, 8, 7]


def test_image_that_cannot_be_had_keeps_nobody_from_the_next_ones(
    prefetcher: Prefetcher, sam: CountingSam, image_server: ImageServer, read_log: Callable[[], str]
) -> None:
    image_server.serve("/data/4.png", b"no image")
    prefetcher.ask(PROJECT, task(4), CONTROL)
    assert finish(sam, 2) == [5, 6]
    assert read_log().count("sam_prefetch_failed") == 1


def test_each_cause_of_failure_is_one_line(
    make_prefetcher: MakePrefetcher, sam: CountingSam, holder: CountingHolder, read_log: Callable[[], str]
) -> None:
    prefetcher, holder.is_missing = make_prefetcher(ahead=0), True
    for number in range(1, 6):
        prefetcher.ask(PROJECT, task(number), CONTROL)
    wait_until(lambda: holder.asked == 5)
    holder.is_missing = False
    prefetcher.ask(PROJECT, task(6), CONTROL)
    assert finish(sam, 1) == [6]
    assert read_log().count("sam_prefetch_failed") == 1 and "ModelError" in read_log()


def test_thread_outlives_what_nobody_foresaw(
    make_prefetcher: MakePrefetcher, sam: CountingSam, read_log: Callable[[], str]
) -> None:
    prefetcher = make_prefetcher(ahead=0)

    def fail() -> None:
        sam.before = lambda: None
        raise RuntimeError("a convolution of no size")

    sam.before = fail
    prefetcher.ask(PROJECT, task(4), CONTROL)
    prefetcher.ask(PROJECT, task(5), CONTROL)
    assert len(finish(sam, 1)) == 1
    assert "a convolution of no size" in read_log()


def test_without_a_token_the_task_itself_is_encoded(
    make_prefetcher: MakePrefetcher, sam: CountingSam, read_log: Callable[[], str]
) -> None:
    prefetcher = make_prefetcher(client=LabelStudioClient("http://label-studio", ""))
    prefetcher.ask(PROJECT, task(4), CONTROL)
    assert finish(sam, 1) == [4]
    prefetcher.close()
    assert sam.encoded == [(14, 8)] and "LABEL_STUDIO_API_KEY is not set" in read_log()


def test_nothing_is_begun_after_the_end(prefetcher: Prefetcher, sam: CountingSam) -> None:
    prefetcher.close()
    prefetcher.ask(PROJECT, task(4), CONTROL)
    assert "sam-prefetch" not in [thread.name for thread in threading.enumerate()]
    assert sam.encoded == []
