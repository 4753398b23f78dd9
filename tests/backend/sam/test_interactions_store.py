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

REQUEST = SmartRequest(4, "image", "tag", "keypoint", "Car", ImageSize(100, 80), prompt_ids=("a",))
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
LAST = Interaction(THING, Mask(7, 9, PIXELS), LOGITS)


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
    store.remember(1, REQUEST, LAST)
    found = Interactions(redis, seconds=300).recall(1, REQUEST)
    assert found is not None and found.thing == THING
    assert list(found.thing.clicks) == ["a", "b"]
    assert (found.mask.x, found.mask.y) == (7, 9)
    assert found.mask.pixels.dtype == bool and np.array_equal(found.mask.pixels, PIXELS)
    assert found.logits.dtype == np.float32 and np.allclose(found.logits, LOGITS, rtol=1e-3)


def test_empty_mask_and_no_box_come_back(store: Interactions) -> None:
    thing = Thing("0123456789ab", ("a",), {"a": PromptPoint(1, 1, True)})
    nothing = Interaction(thing, Mask(0, 0, np.zeros((0, 0), bool)), LOGITS)
    store.remember(1, REQUEST, nothing)
    found = store.recall(1, REQUEST)
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
    store.remember(1, REQUEST, LAST)
    assert store.recall(1, other) is None
    assert store.recall(2, REQUEST) is None


def test_other_kinds_of_prompt_find_the_same_interaction(store: Interactions) -> None:
    store.remember(1, replace(REQUEST, kind="rectangle", from_name="box"), LAST)
    assert store.recall(1, REQUEST) is not None


def test_names_do_not_run_into_each_other(store: Interactions) -> None:
    store.remember(1, replace(REQUEST, to_name="a:b", label="c"), LAST)
    assert store.recall(1, replace(REQUEST, to_name="a", label="b:c")) is None


def test_all_keys_go_away_by_themselves(store: Interactions, redis: Redis) -> None:
    store.remember(1, REQUEST, LAST)
    left = [redis.pttl(key) for key in redis.keys()]
    assert len(left) == 3 and all(0 < milliseconds <= 300_000 for milliseconds in left)


def test_live_prompts_are_those_of_all_labels_of_the_task(store: Interactions) -> None:
    store.remember(1, REQUEST, LAST)
    other = Interaction(Thing("ba9876543210", ("z",), {"z": PromptPoint(1, 1, True)}), LAST.mask, LOGITS)
    store.remember(1, replace(REQUEST, label="Person"), other)
    assert store.live_prompts(1, 4) == {"r", "a", "b", "z"}
    assert store.live_prompts(1, 5) == frozenset()


def test_clearing_forgets_all_labels_of_the_task_and_no_other_task(store: Interactions, redis: Redis) -> None:
    requests = [REQUEST, replace(REQUEST, label="Person"), replace(REQUEST, task_id=5)]
    for request in requests:
        store.remember(1, request, LAST)
    store.forget(1, 4)
    assert [store.recall(1, request) is not None for request in requests] == [False, False, True]
    assert len(redis.keys()) == 3
    store.forget(1, 4)


@pytest.mark.parametrize("seconds", [0, 0.0001])
def test_no_seconds_keep_nothing(redis: Redis, seconds: float) -> None:
    store = Interactions(redis, seconds=seconds)
    store.remember(1, REQUEST, LAST)
    assert store.recall(1, REQUEST) is None
    assert redis.keys() == []


def test_task_without_an_id_is_not_remembered(store: Interactions, redis: Redis) -> None:
    unknown = replace(REQUEST, task_id=None)
    store.remember(1, unknown, LAST)
    assert store.recall(1, unknown) is None
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
    store.remember(1, REQUEST, LAST)
    [key] = [key for key in redis.keys() if b":thing:" in key]
    redis.set(key, damage(redis.get(key)))
    assert store.recall(1, REQUEST) is None
    assert "interaction_damaged" in read_log()


def test_redis_that_is_away_is_no_memory_and_one_line_in_the_log(
    dead_redis: Redis, read_log: Callable[[], str]
) -> None:
    now = [0.0]
    store = Interactions(dead_redis, seconds=300, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 60.0):
        store.remember(1, REQUEST, LAST)
        assert store.recall(1, REQUEST) is None
        assert store.live_prompts(1, 4) == frozenset()
        store.forget(1, 4)
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
    store.remember(1, REQUEST, LAST)
    redis.connection_pool = connections
    store.remember(1, REQUEST, LAST)
    assert redis.keys() == []
    now[0] = 60.0
    store.remember(1, REQUEST, LAST)
    assert store.recall(1, REQUEST) is not None
    assert read_log().count("interactions_away") == 1
