"""The memory of interactions, in Redis, so that any server process goes on where another one answered.

It is a help and never a condition: without it each click stands alone, and the log says so once.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from backend.labelstudio.smart_request import SmartRequest
from backend.sam.interaction import Interaction, without_page
from backend.sam.interaction_bytes import DAMAGE, from_bytes, to_bytes

log = structlog.get_logger(__name__)

# Part of every key: what an earlier release wrote is not found, and gone soon.
_FORMAT = 2
# Things of one label that an annotator goes back to; each is read at every click.
_MOST_THINGS = 4
# No click waits for a Redis that was away a moment ago.
_PAUSE_SECONDS = 10.0
_TURN = b"turn"
# Writes things, and takes some away, unless a request that came later has written. What it wrote last is
# where the page's prompts are, so that its key is noted.
_WRITE = """
if tonumber(redis.call('HGET', KEYS[1], 'turn') or '0') > tonumber(ARGV[1]) then return 0 end
for i = 5, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('HSET', KEYS[1], 'turn', ARGV[1])
if ARGV[4] == '' then redis.call('DEL', KEYS[2]) else
  redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
  redis.call('SET', KEYS[2], KEYS[1], 'PX', ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a task's label when a request comes: its last things, oldest first.

    `turn` is when the request came, by Redis' own clock: what a later one has written is never replaced.
    """

    turn: int = 0
    interactions: tuple[Interaction, ...] = ()


class Interactions:
    """The last interactions of each task, image tag and label; safe for any number of threads and processes.

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

    def recall(self, project_id: int | None, request: SmartRequest) -> Memory:
        """Return the last interactions on the request's image with its label; to be asked when it comes."""
        return self._read(request.task_id, _key(project_id, request))

    def remember(
        self, project_id: int | None, request: SmartRequest, memory: Memory, interaction: Interaction
    ) -> None:
        """Keep what the next request on the same image with the same label is seen against.

        Args:
            project_id: The project.
            request: What came.
            memory: As it was recalled when the request came.
            interaction: The answer.
        """
        if not self._milliseconds or request.task_id is None:
            return
        name = interaction.thing.region_id
        others = [one.thing.region_id for one in memory.interactions if one.thing.region_id != name]
        key, task = _key(project_id, request), (project_id, request.task_id)
        # Before Redis is asked: that this takes its time should hold up nobody there.
        value = to_bytes(interaction, memory.turn)

        def write() -> None:
            with self._redis.pipeline() as pipe:
                self._put(pipe, key, task, memory.turn, name, value, others[: 1 - _MOST_THINGS])
                pipe.sadd(_prompts_key(*task), *interaction.thing.prompt_ids)
                pipe.pexpire(_prompts_key(*task), self._milliseconds)
                pipe.execute()

        self._ask(request.task_id, write)

    def clear(self, project_id: int | None, task_id: int | None) -> None:
        """Forget the prompts on the page of a task, with all that came of them alone.

        A request that clears does not say of which label. Those that were answered last are on the page, and
        only they: of the things before, people have accepted the masks.
        """
        task = (project_id, task_id)
        key = self._ask(task_id, lambda: self._redis.get(_last_key(*task)))
        if not isinstance(key, bytes):
            return
        memory = self._read(task_id, key.decode(errors="replace"))
        if not memory.interactions:
            return
        last = memory.interactions[-1]
        left, name = without_page(last), last.thing.region_id
        value = to_bytes(left, memory.turn) if left else b""

        def write() -> None:
            with self._redis.pipeline() as pipe:
                self._put(pipe, key, task, memory.turn, name, value, () if left else (name,))
                if last.thing.page_ids:
                    pipe.srem(_prompts_key(*task), *last.thing.page_ids)
                pipe.delete(_last_key(*task))
                pipe.execute()

        self._ask(task_id, write)

    def _put(
        self,
        pipe: Any,
        key: str | bytes,
        task: tuple[int | None, int | None],
        turn: int,
        name: str,
        value: bytes,
        dropped: Iterable[str],
    ) -> None:
        pipe.eval(_WRITE, 2, key, _last_key(*task), turn, self._milliseconds, name, value, *dropped)

    def _read(self, task_id: int | None, key: str) -> Memory:
        def read() -> Any:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.time()
                pipe.hgetall(key)
                return pipe.execute()

        found = self._ask(task_id, read)
        if found is None:
            return Memory()
        (seconds, microseconds), values = found
        values.pop(_TURN, None)
        things: list[tuple[int, Interaction]] = []
        for value in values.values():
            try:
                things.append(from_bytes(value))
            except DAMAGE as error:
                log.warning("interaction_damaged", task=task_id, reason=str(error))
        things.sort(key=lambda thing: thing[0])
        return Memory(seconds * 1_000_000 + microseconds, tuple(interaction for _, interaction in things))

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
    return f"sam:{_FORMAT}:things:{project_id}:{request.task_id}:{names}"


def _last_key(project_id: int | None, task_id: int | None) -> str:
    return f"sam:{_FORMAT}:last:{project_id}:{task_id}"


def _prompts_key(project_id: int | None, task_id: int | None) -> str:
    return f"sam:{_FORMAT}:prompts:{project_id}:{task_id}"
