"""Embeddings in memory: the ones used last, within the bound."""

from concurrent.futures import ThreadPoolExecutor

from backend.sam.embedding_memory import EmbeddingMemory
from tests.backend.sam.counting_engine import embedding_of

SIZE = embedding_of(0).features.nbytes


def test_what_was_put_is_returned_for_its_engine_and_image_alone() -> None:
    memory = EmbeddingMemory(10 * SIZE)
    kept = embedding_of(1)
    memory.put("a", "1", kept)
    assert memory.get("a", "1") is kept
    assert memory.get("b", "1") is None and memory.get("a", "2") is None


def test_the_one_used_longest_ago_makes_room() -> None:
    memory = EmbeddingMemory(3 * SIZE)
    for number in range(3):
        memory.put("a", str(number), embedding_of(number))
    memory.get("a", "0")
    memory.has("a", "1")  # only looked at
    memory.put("a", "3", embedding_of(3))
    assert [memory.has("a", str(number)) for number in range(4)] == [True, False, True, True]


def test_large_one_takes_the_place_of_several() -> None:
    memory = EmbeddingMemory(4 * SIZE)
    for number in range(4):
        memory.put("a", str(number), embedding_of(number))
    memory.put("a", "large", embedding_of(5, channels=48))
    assert [memory.has("a", name) for name in ("0", "1", "2", "3", "large")] == [False] * 3 + [True] * 2
    assert memory.used_bytes == 4 * SIZE


def test_one_over_the_bound_is_not_kept_and_drives_out_nothing() -> None:
    memory = EmbeddingMemory(2 * SIZE)
    memory.put("a", "1", embedding_of(1))
    memory.put("a", "2", embedding_of(2, channels=64))
    assert memory.has("a", "1") and not memory.has("a", "2")


def test_bound_of_zero_keeps_nothing() -> None:
    memory = EmbeddingMemory(0)
    memory.put("a", "1", embedding_of(1))
    assert memory.get("a", "1") is None and memory.used_bytes == 0


def test_one_put_again_is_counted_once() -> None:
    memory = EmbeddingMemory(3 * SIZE)
    for _ in range(5):
        memory.put("a", "1", embedding_of(1))
    assert memory.used_bytes == SIZE


def test_many_threads_never_see_more_than_the_bound_nor_anothers_image() -> None:
    memory = EmbeddingMemory(3 * SIZE)

    def use(thread: int) -> bool:
        is_right = True
        for step in range(300):
            number = (thread * 7 + step) % 9
            memory.put("a", str(number), embedding_of(number))
            found = memory.get("a", str(number))
            is_right &= found is None or int(found.features[0, 0, 0]) == number
            is_right &= memory.used_bytes <= 3 * SIZE
        return is_right

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(8)))
    assert memory.used_bytes == 3 * SIZE
