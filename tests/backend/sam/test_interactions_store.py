"""The memory of interactions on a real Redis: shared, for a while, and missed by nobody where it is away."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from backend.entities import Box, ImageSize, Mask
from backend.labelstudio.smart_request import SmartRequest
from backend.sam.entities import PromptPoint
from backend.sam.interaction import Interaction, Thing
from backend.sam.interactions import Interactions

REQUEST = SmartRequest(4, "image", "keypoint", "Car", ImageSize(100, 80), prompt_ids=("a",))
PIXELS = np.random.default_rng(0).random((13, 21)) > 0.5
LOGITS = np.random.default_rng(1).normal(0, 9, (64, 64)).astype(np.float32)
THING = Thing(
    region_id="0123456789ab",
    page_ids=("b",),
    clicks={"a": PromptPoint(1.5, 2.25, True), "b": PromptPoint(3, 4, False)},
    drawn_ids=("r",),
    drawn=(PromptPoint(5, 6, True),),
    box=Box(0.1, 0.2, 30.3, 40.4),
)
SIZE = ImageSize(100, 80)
LAST = Interaction(THING, Mask(7, 9, PIXELS), LOGITS, "engine-1", SIZE)


def keep(store: Interactions, request: SmartRequest, interaction: Interaction) -> None:
    store.remember(1, request, store.recall(1, request), interaction)


def recall(store: Interactions, request: SmartRequest = REQUEST, *, project: int = 1) -> Interaction | None:
    """Return the last one."""
    found = store.recall(project, request).interactions
    return found[-1] if found else None


def named(name: str, *clicks: str) -> Interaction:
    points = {click: PromptPoint(1, 1, True) for click in clicks}
    return replace(LAST, thing=Thing(name, clicks[-1:], points))


@pytest.fixture
def redis(redis_address: str) -> Iterator[Redis]:
    """An empty Redis."""
    with Redis.from_url(redis_address) as opened:
        opened.flushdb()
        yield opened


@pytest.fixture
def store(redis: Redis) -> Interactions:
    return Interactions(redis, seconds=300)


@pytest.fixture
def dead_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that is not there."""
    with Redis.from_url(f"unix://{tmp_path}/none.sock") as opened:
        yield opened


def test_interaction_comes_back_as_it_was(store: Interactions, redis: Redis) -> None:
    keep(store, REQUEST, LAST)
    found = recall(Interactions(redis, seconds=300))
    assert found is not None and found.thing == THING
    assert list(found.thing.clicks) == ["a", "b"]
    assert (found.mask.x, found.mask.y) == (7, 9)
    assert found.mask.pixels.dtype == bool and np.array_equal(found.mask.pixels, PIXELS)
    assert found.logits.dtype == np.float32 and np.allclose(found.logits, LOGITS, rtol=1e-3)


def test_empty_mask_and_no_box_come_back(store: Interactions) -> None:
    thing = Thing("0123456789ab", ("a",), {"a": PromptPoint(1, 1, True)})
    nothing = Interaction(thing, Mask(0, 0, np.zeros((0, 0), bool)), LOGITS, "engine-1", SIZE)
    keep(store, REQUEST, nothing)
    found = recall(store)
    assert found is not None and found.thing == nothing.thing
    assert found.mask.pixels.shape == (0, 0)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(REQUEST, task_id=5), id="task"),
        pytest.param(replace(REQUEST, to_name="second"), id="image"),
        pytest.param(replace(REQUEST, label="Person"), id="label"),
    ],
)
def test_interaction_is_of_one_task_image_and_label(store: Interactions, other: SmartRequest) -> None:
    keep(store, REQUEST, LAST)
    assert recall(store, other) is None
    assert recall(store, project=2) is None


def test_other_kinds_of_prompt_find_the_same_interaction(store: Interactions) -> None:
    keep(store, replace(REQUEST, kind="rectangle"), LAST)
    assert recall(store) is not None


def test_names_do_not_run_into_each_other(store: Interactions) -> None:
    keep(store, replace(REQUEST, to_name="a:b", label="c"), LAST)
    assert recall(store, replace(REQUEST, to_name="a", label="b:c")) is None


def test_all_keys_go_away_by_themselves(store: Interactions, redis: Redis) -> None:
    keep(store, REQUEST, LAST)
    left = [redis.pttl(key) for key in redis.keys()]
    assert len(left) == 3 and all(0 < milliseconds <= 300_000 for milliseconds in left)


def test_live_prompts_are_those_of_all_labels_of_the_task(store: Interactions) -> None:
    keep(store, REQUEST, LAST)
    other = Interaction(
        Thing("ba9876543210", ("z",), {"z": PromptPoint(1, 1, True)}), LAST.mask, LOGITS, "engine-1", SIZE
    )
    keep(store, replace(REQUEST, label="Person"), other)
    assert store.live_prompts(1, 4) == {"r", "a", "b", "z"}
    assert store.live_prompts(1, 5) == frozenset()


def test_clearing_takes_what_stood_on_the_page_from_the_thing_that_was_answered_last(
    store: Interactions,
) -> None:
    others = [replace(REQUEST, label="Person"), replace(REQUEST, task_id=5)]
    for request in others:
        keep(store, request, LAST)
    keep(store, REQUEST, named("one", "a"))
    keep(store, REQUEST, named("two", "b", "c"))
    for _ in range(2):  # a second one finds nothing on the page any more
        store.clear(1, 4)
        assert [tuple(one.thing.clicks) for one in store.recall(1, REQUEST).interactions] == [("a",), ("b",)]
        assert all(recall(store, request) for request in others)
    assert store.live_prompts(1, 4) == {"r", "a", "b"}


def test_clearing_forgets_a_thing_of_which_nothing_is_left(store: Interactions) -> None:
    keep(store, REQUEST, named("one", "a"))
    store.clear(1, 4)
    assert recall(store) is None and store.live_prompts(1, 4) == frozenset()
    store.clear(1, 4)


def test_last_things_are_kept_the_one_that_was_refined_last_at_the_end(store: Interactions) -> None:
    for name in ("one", "two", "three", "four", "five", "three"):
        keep(store, REQUEST, named(name, "a"))
    found = store.recall(1, REQUEST).interactions
    assert [one.thing.region_id for one in found] == ["two", "four", "five", "three"]


def test_answer_to_an_earlier_request_does_not_replace_that_to_a_later_one(store: Interactions) -> None:
    first, second = store.recall(1, REQUEST), store.recall(1, REQUEST)
    assert first.turn < second.turn
    store.remember(1, REQUEST, second, named("one", "a", "b"))
    store.remember(1, REQUEST, first, named("one", "a"))
    found = recall(store)
    assert found is not None and tuple(found.thing.clicks) == ("a", "b")


def test_answer_to_a_request_before_clearing_is_not_kept(store: Interactions) -> None:
    keep(store, REQUEST, named("one", "a"))
    late = store.recall(1, REQUEST)
    store.clear(1, 4)
    store.remember(1, REQUEST, late, named("one", "a", "b"))
    assert recall(store) is None


def test_interaction_without_logits_comes_back(store: Interactions) -> None:
    keep(store, REQUEST, replace(LAST, logits=None))
    found = recall(store)
    assert found is not None and found.logits is None and found.thing == THING


@pytest.mark.parametrize("seconds", [0, 0.0001])
def test_no_seconds_keep_nothing(redis: Redis, seconds: float) -> None:
    store = Interactions(redis, seconds=seconds)
    keep(store, REQUEST, LAST)
    assert recall(store) is None
    assert redis.keys() == []


def test_task_without_an_id_is_not_remembered(store: Interactions, redis: Redis) -> None:
    unknown = replace(REQUEST, task_id=None)
    keep(store, unknown, LAST)
    assert recall(store, unknown) is None
    assert redis.keys() == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda value: b"", id="empty"),
        pytest.param(lambda value: value[:-9], id="cut off"),
        pytest.param(
            lambda value: value[:40] + bytes([value[40] ^ 255]) + value[41:], id="a byte of the head"
        ),
        pytest.param(
            lambda value: value[:-40] + bytes([value[-40] ^ 255]) + value[-39:], id="a logit's byte"
        ),
        pytest.param(lambda value: b"another's", id="foreign"),
    ],
)
def test_damaged_interaction_is_none(
    store: Interactions, redis: Redis, damage: Callable[[bytes], bytes], read_log: Callable[[], str]
) -> None:
    keep(store, REQUEST, LAST)
    [key] = [key for key in redis.keys() if b":things:" in key]
    redis.hset(key, THING.region_id, damage(redis.hget(key, THING.region_id)))
    assert recall(store) is None
    assert "interaction_damaged" in read_log()


def test_redis_that_is_away_is_no_memory_and_one_line_in_the_log(
    dead_redis: Redis, read_log: Callable[[], str]
) -> None:
    now = [0.0]
    store = Interactions(dead_redis, seconds=300, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 60.0):
        keep(store, REQUEST, LAST)
        assert recall(store) is None
        assert store.live_prompts(1, 4) == frozenset()
        store.clear(1, 4)
    assert read_log().count("interactions_away") == 1


def test_redis_that_was_away_is_left_alone_for_a_moment_and_then_used_again(
    redis: Redis, tmp_path: Path, read_log: Callable[[], str]
) -> None:
    now = [0.0]
    store = Interactions(redis, seconds=300, clock=lambda: now[0])
    connections, redis.connection_pool = (
        redis.connection_pool,
        Redis.from_url(f"unix://{tmp_path}/none.sock").connection_pool,
    )
    keep(store, REQUEST, LAST)
    redis.connection_pool = connections
    keep(store, REQUEST, LAST)
    assert redis.keys() == []
    now[0] = 60.0
    keep(store, REQUEST, LAST)
    assert recall(store) is not None
    assert read_log().count("interactions_away") == 1
