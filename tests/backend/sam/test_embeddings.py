"""Each image is encoded once, by one of many threads, and for people before others."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from backend.errors import MediaError
from backend.metrics import Metrics
from tests.backend.sam.asking import (
    Gate,
    MakeEmbeddings,
    ask,
    count,
    digest_of,
    get,
    number_of,
    wait_until,
)
from tests.backend.sam.counting_engine import PATIENCE, CountingEngine, image_of


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


def test_work_ahead_waits_while_a_person_waits(
    make_embeddings: MakeEmbeddings, looked_for: list[str]
) -> None:
    gate = Gate(1, 2)
    gate.open(2)
    embeddings, engine = make_embeddings(), CountingEngine(before=gate)
    with ThreadPoolExecutor(2) as threads:
        person = ask(threads, embeddings, engine, 1, is_urgent=True)
        gate.wait(1)
        ahead = ask(threads, embeddings, engine, 2, is_urgent=False)
        wait_until(lambda: digest_of(2) in looked_for)
        was_early = gate.entered[2].wait(0.1)
        gate.open(1)
        assert not was_early
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


def test_person_who_wants_an_image_that_gives_way_gets_it_at_once(
    make_embeddings: MakeEmbeddings, looked_for: list[str]
) -> None:
    gate = Gate(1)
    embeddings, engine = make_embeddings(), CountingEngine(before=gate)
    with ThreadPoolExecutor(3) as threads:
        ask(threads, embeddings, engine, 1, is_urgent=True)
        gate.wait(1)
        ahead = ask(threads, embeddings, engine, 2, is_urgent=False)
        wait_until(lambda: digest_of(2) in looked_for)
        person = ask(threads, embeddings, engine, 2, is_urgent=True)
        # The first image is still in the encoder: nothing else can have let the second through.
        assert number_of(person.result(PATIENCE)) == 2 and ahead.result(PATIENCE) is person.result()
        gate.open(1)
    assert engine.encoded == [1, 2]


def test_work_that_may_not_wait_for_long_is_given_up_and_fails_nobody_else(
    make_embeddings: MakeEmbeddings, looked_for: list[str]
) -> None:
    gate, metrics = Gate(1), Metrics()
    embeddings, engine = make_embeddings(metrics=metrics), CountingEngine(before=gate)
    with ThreadPoolExecutor(3) as threads:
        person = ask(threads, embeddings, engine, 1, is_urgent=True)
        gate.wait(1)
        hasty = threads.submit(
            embeddings.get, engine, digest_of(2), lambda: image_of(2), is_urgent=False, timeout=0.2
        )
        wait_until(lambda: digest_of(2) in looked_for)
        patient = ask(threads, embeddings, engine, 2, is_urgent=False)
        with pytest.raises(TimeoutError):
            hasty.result(PATIENCE)
        gate.open(1)
        assert number_of(patient.result(PATIENCE)) == 2 and number_of(person.result(PATIENCE)) == 1
    assert engine.encoded == [1, 2]


def test_who_may_not_wait_for_long_does_not_wait_for_an_image_in_work(
    make_embeddings: MakeEmbeddings,
) -> None:
    gate = Gate(1)
    embeddings, engine = make_embeddings(), CountingEngine(before=gate)
    with ThreadPoolExecutor(1) as threads:
        person = ask(threads, embeddings, engine, 1, is_urgent=True)
        gate.wait(1)
        with pytest.raises(TimeoutError):
            embeddings.get(engine, digest_of(1), lambda: image_of(1), is_urgent=False, timeout=0)
        gate.open(1)
        assert number_of(person.result(PATIENCE)) == 1


def test_image_that_another_process_encodes_is_not_encoded_past_the_time(
    make_embeddings: MakeEmbeddings, tmp_path: Path
) -> None:
    embeddings, engine = make_embeddings(), CountingEngine()
    (tmp_path / "locks").mkdir()
    with FileLock(tmp_path / f"locks/{engine.key}-{digest_of(1)}.lock"), pytest.raises(TimeoutError):
        embeddings.get(engine, digest_of(1), lambda: image_of(1), is_urgent=False, timeout=0.05)
    assert engine.encoded == []
