"""The memory of interactions, in Redis, so that any server process goes on where another one answered.

It is a help and never a condition: without it each click stands alone, and the log says so once.
"""

import json
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog
from redis import Redis
from redis.exceptions import RedisError

from backend.entities import Box, Mask
from backend.labelstudio.smart_request import SmartRequest
from backend.sam.entities import PromptPoint
from backend.sam.interaction import Interaction, Thing

log = structlog.get_logger(__name__)

# Part of every key: what an earlier release wrote is not found, and gone soon.
_FORMAT = 1
# No click waits for a Redis that was away a moment ago.
_PAUSE_SECONDS = 10.0
_HEAD = struct.Struct(">I")
_FAST = 1
_DAMAGE = (zlib.error, struct.error, ValueError, TypeError, KeyError)


class Interactions:
    """The last interaction of each task, image tag and label; safe for any number of threads and processes.

    Nothing is sent until the first call, and no method raises.

    Args:
        redis: A client that answers bytes.
        seconds: For which an interaction is kept after its last answer; 0 keeps none.
        clock: Seconds, only ever growing.
    """

    def __init__(self, redis: Redis, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._milliseconds = round(seconds * 1000)
        self._clock = clock
        self._away_until = -1.0
        self._is_away = False

    def live_prompts(self, project_id: int | None, task_id: int | None) -> frozenset[str]:
        """Return the ids of the prompts that were answered lately, of all labels of a task."""
        members = self._ask(task_id, lambda: self._redis.smembers(_prompts_key(project_id, task_id)))
        return frozenset(member.decode(errors="replace") for member in members or ())

    def recall(self, project_id: int | None, request: SmartRequest) -> Interaction | None:
        """Return the last interaction on the request's image with its label; None where there is none."""
        key = _key(project_id, request)
        value = self._ask(request.task_id, lambda: self._redis.get(key))
        if not isinstance(value, bytes):
            return None
        try:
            return _read(value)
        except _DAMAGE as error:
            log.warning("interaction_damaged", task=request.task_id, reason=str(error))
            return None

    def remember(self, project_id: int | None, request: SmartRequest, interaction: Interaction) -> None:
        """Keep what the next request on the same image with the same label is seen against."""
        if not self._milliseconds or request.task_id is None:
            return
        key, task = _key(project_id, request), (project_id, request.task_id)
        value = _write(interaction)

        def write() -> None:
            with self._redis.pipeline() as pipe:
                pipe.set(key, value, px=self._milliseconds)
                pipe.sadd(_index_key(*task), key)
                pipe.pexpire(_index_key(*task), self._milliseconds)
                pipe.sadd(_prompts_key(*task), *interaction.thing.prompt_ids)
                pipe.pexpire(_prompts_key(*task), self._milliseconds)
                pipe.execute()

        self._ask(request.task_id, write)

    def forget(self, project_id: int | None, task_id: int | None) -> None:
        """Forget a task's interactions: a request that clears does not say of which label."""

        def delete() -> None:
            index, prompts = _index_key(project_id, task_id), _prompts_key(project_id, task_id)
            self._redis.delete(*self._redis.smembers(index), index, prompts)

        self._ask(task_id, delete)

    def _ask(self, task_id: int | None, ask: Callable[[], Any]) -> Any:
        """Return Redis' answer; None where it is away, memory is off, or a task has no id to know it by."""
        if not self._milliseconds or task_id is None or self._clock() < self._away_until:
            return None
        try:
            answer = ask()
        except RedisError as error:
            self._away_until = self._clock() + _PAUSE_SECONDS
            if not self._is_away:
                self._is_away = True
                log.warning("interactions_away", reason=str(error), consequence="each click stands alone")
            return None
        self._is_away = False
        return answer


def _key(project_id: int | None, request: SmartRequest) -> str:
    # As JSON, so that no two pairs of names become one.
    names = json.dumps([request.to_name, request.label])
    return f"sam:{_FORMAT}:thing:{project_id}:{request.task_id}:{names}"


def _index_key(project_id: int | None, task_id: int | None) -> str:
    return f"sam:{_FORMAT}:things:{project_id}:{task_id}"


def _prompts_key(project_id: int | None, task_id: int | None) -> str:
    return f"sam:{_FORMAT}:prompts:{project_id}:{task_id}"


def _write(interaction: Interaction) -> bytes:
    """Return an interaction as bytes: a head of JSON after its length, the mask, the logits.

    The mask's bits are compressed; the logits are noise, on which that would take most of the time.
    """
    thing, mask = interaction.thing, interaction.mask
    bits = zlib.compress(np.packbits(mask.pixels).tobytes(), _FAST)
    logits = np.ascontiguousarray(interaction.logits, np.float16).tobytes()
    head = {
        "region_id": thing.region_id,
        "page_ids": thing.page_ids,
        "clicks": {name: _point_to_json(click) for name, click in thing.clicks.items()},
        "drawn_ids": thing.drawn_ids,
        "drawn": [_point_to_json(point) for point in thing.drawn],
        "box": thing.box and [thing.box.x1, thing.box.y1, thing.box.x2, thing.box.y2],
        "mask": [mask.x, mask.y, *mask.pixels.shape],
        "mask_bytes": len(bits),
        "logits": interaction.logits.shape,
        "check": zlib.crc32(logits),
    }
    text = json.dumps(head).encode()
    return _HEAD.pack(len(text)) + text + bits + logits


def _read(value: bytes) -> Interaction:
    """Return what `_write` wrote.

    Raises:
        One of `_DAMAGE`: it did not write that.
    """
    [length] = _HEAD.unpack_from(value)
    head = json.loads(value[_HEAD.size : _HEAD.size + length])
    mask_at = _HEAD.size + length
    logits_at = mask_at + head["mask_bytes"]
    x, y, height, width = head["mask"]
    bits = np.frombuffer(zlib.decompress(value[mask_at:logits_at]), np.uint8)
    if zlib.crc32(value[logits_at:]) != head["check"]:
        raise ValueError("its logits are not those that were written")
    thing = Thing(
        region_id=head["region_id"],
        page_ids=tuple(head["page_ids"]),
        clicks={name: PromptPoint(*click) for name, click in head["clicks"].items()},
        drawn_ids=tuple(head["drawn_ids"]),
        drawn=tuple(PromptPoint(*point) for point in head["drawn"]),
        box=Box(*head["box"]) if head["box"] else None,
    )
    pixels = np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)
    logits = np.frombuffer(value[logits_at:], np.float16).reshape(head["logits"]).astype(np.float32)
    return Interaction(thing, Mask(x, y, pixels), logits)


def _point_to_json(point: PromptPoint) -> tuple[float, float, bool]:
    return point.x, point.y, point.is_positive
