"""How far a project's images are encoded, in Redis: what it says is of passing interest.

The embeddings themselves are what must not be lost; where this is, a job that begins anew finds them.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from backend.entities import JobState
from backend.errors import QueueUnavailable
from backend.store.leases import LeaseLost

_UNFINISHED = "embed:unfinished"
_UNFINISHED_SECONDS, _ENDED_SECONDS = 30 * 86_400, 86_400
_LEASE_SECONDS = 30
_MOST_REASONS = 5
_CANCEL = "is_cancel_asked"


@dataclass(frozen=True, slots=True)
class EmbedProgress:
    """One pass over a project's tasks by ascending id; `cursor` is the highest id that is through.

    Of the tasks, `encoded` had an image encoded now, `ready` all of them before, and of `failed` one at least
    cannot be had; `reasons` are those of the first. `stalls` counts turns in a row that were killed before
    they finished a task. `error` says why the pass failed, or what it waits for.
    """

    project_id: int
    state: JobState
    total: int | None = None
    cursor: int = 0
    encoded: int = 0
    ready: int = 0
    failed: int = 0
    reasons: tuple[str, ...] = ()
    note: str = ""
    error: str = ""
    stalls: int = 0
    is_cancel_asked: bool = False

    @property
    def done(self) -> int:
        """Tasks that are through, whatever came of them."""
        return self.encoded + self.ready + self.failed


class EmbedJobs:
    """The passes, one for each project. A process that works on one holds its lease.

    Every method raises QueueUnavailable where Redis does not answer, and those with an `owner` LeaseLost
    where another process works on the pass by now.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its annotations are those of the asynchronous client as well

    def begin(self, project_id: int) -> bool:
        """Begin a pass at the first task; False where one is unfinished, which goes on.

        One that was to be cancelled and has not come to it goes on as well.
        """
        with _translated():
            self._redis.hdel(_key(project_id), _CANCEL)
        # Only then looked at: a pass that ended before this is begun anew, any other does not end by it.
        found = self.get(project_id)
        if found is not None and not found.state.is_end:
            return False
        with _translated(), self._redis.pipeline() as pipe:
            pipe.delete(_key(project_id))
            _store(pipe, project_id, {"state": JobState.QUEUED})
            pipe.sadd(_UNFINISHED, project_id)
            pipe.execute()
        return True

    def get(self, project_id: int) -> EmbedProgress | None:
        """Return the project's newest pass; None where there was none within the last day."""
        with _translated():
            row = self._redis.hgetall(_key(project_id))
        return _to_entity(project_id, {k.decode(): v.decode() for k, v in row.items()}) if row else None

    def without_worker(self) -> list[int]:
        """Return the projects whose pass is unfinished, nobody's, and not to rest, by id."""
        with _translated():
            ids = sorted(int(member) for member in self._redis.smembers(_UNFINISHED))
            return [i for i in ids if not self._redis.exists(_lease(i), _rest(i))]

    def ask_to_cancel(self, project_id: int) -> bool:
        """Have the pass ended before its next task; False where none is unfinished."""
        found = self.get(project_id)
        if found is None or found.state.is_end:
            return False
        with _translated(), self._redis.pipeline() as pipe:
            _store(pipe, project_id, {_CANCEL: 1})
            pipe.execute()
        if found.state == JobState.QUEUED:
            try:  # nobody need come to end what nobody works on
                if self.claim(project_id, owner="cancel") is not None:
                    self.end(project_id, JobState.CANCELLED, owner="cancel")
            except LeaseLost:
                pass
        return True

    def claim(self, project_id: int, *, owner: str) -> EmbedProgress | None:
        """Take the lease of an unfinished pass; None where there is none, or another process works on it."""
        with _translated():
            if not self._redis.set(_lease(project_id), owner, nx=True, ex=_LEASE_SECONDS):
                return None
            found = self.get(project_id)
            if found is None or found.state.is_end:
                self._redis.srem(_UNFINISHED, project_id)
                self._redis.delete(_lease(project_id))
                return None
        self.store(project_id, owner=owner, state=JobState.RUNNING, stalls=found.stalls + 1)
        return self.get(project_id)

    def store(self, project_id: int, *, owner: str, **values: object) -> None:
        """Set what is known of the pass, by the names of `EmbedProgress`, and renew the lease."""

        def change(pipe: Pipeline) -> None:
            _store(pipe, project_id, values)
            pipe.expire(_lease(project_id), _LEASE_SECONDS)

        self._change(project_id, owner, change)

    def task_done(
        self, before: EmbedProgress, task_id: int, outcome: str, reason: str | None = None, *, owner: str
    ) -> EmbedProgress:
        """Count a task as "encoded", "ready" or "failed", move the cursor to it, and return the new state."""
        reasons = [*before.reasons, *([reason] if reason else [])][:_MOST_REASONS]
        self.store(
            before.project_id,
            owner=owner,
            cursor=task_id,
            reasons=json.dumps(reasons),
            error="",
            stalls=0,
            **{outcome: getattr(before, outcome) + 1},
        )
        return self.get(before.project_id) or before

    def release(self, project_id: int, *, owner: str, error: str = "", rest_seconds: int = 0) -> None:
        """Give the unfinished pass back.

        Args:
            project_id: Label Studio's.
            owner: Who works on it.
            error: What it waits for, if not for its next turn.
            rest_seconds: For so long `without_worker` leaves it out.
        """

        def change(pipe: Pipeline) -> None:
            _store(pipe, project_id, {"state": JobState.QUEUED, "error": error, "stalls": 0})
            if rest_seconds:
                pipe.set(_rest(project_id), 1, ex=rest_seconds)
            pipe.delete(_lease(project_id))

        self._change(project_id, owner, change)

    def cancel(self, project_id: int, *, owner: str) -> bool:
        """End the pass that is to be cancelled; False where somebody has begun it again meanwhile."""
        is_asked = False

        def change(pipe: Pipeline) -> None:
            if is_asked:
                _end(pipe, project_id, JobState.CANCELLED)

        def look(pipe: Any) -> None:
            nonlocal is_asked
            is_asked = bool(pipe.hexists(_key(project_id), _CANCEL))

        self._change(project_id, owner, change, look)
        return is_asked

    def end(self, project_id: int, state: JobState, *, owner: str, error: str = "") -> None:
        """Note how the pass ended."""

        self._change(project_id, owner, lambda pipe: _end(pipe, project_id, state, error))

    def _change(
        self, project_id: int, owner: str, change: Any, look: Callable[[Any], None] = lambda _: None
    ) -> None:
        """Change the pass in one step with the look at its lease, and at what `look` does."""

        def apply(pipe: Any) -> None:
            if pipe.get(_lease(project_id)) != owner.encode():
                raise LeaseLost(f"the embeddings of project {project_id}")
            look(pipe)
            pipe.multi()
            change(pipe)

        with _translated():
            # Tried again where the lease changes hands meanwhile, and then lost.
            self._redis.transaction(apply, _lease(project_id), _key(project_id))


def _end(pipe: Any, project_id: int, state: JobState, error: str = "") -> None:
    _store(pipe, project_id, {"state": state, "error": error}, seconds=_ENDED_SECONDS)
    pipe.srem(_UNFINISHED, project_id)
    pipe.delete(_lease(project_id))


def _store(pipe: Any, project_id: int, values: Any, *, seconds: int = _UNFINISHED_SECONDS) -> None:
    if values:
        pipe.hset(_key(project_id), mapping={name: str(value) for name, value in values.items()})
    pipe.expire(_key(project_id), seconds)


def _to_entity(project_id: int, row: dict[str, str]) -> EmbedProgress:
    numbers = {name: int(row.get(name, 0)) for name in ("cursor", "encoded", "ready", "failed", "stalls")}
    return EmbedProgress(
        project_id=project_id,
        state=JobState(row.get("state", JobState.QUEUED)),
        total=int(row["total"]) if "total" in row else None,
        reasons=tuple(json.loads(row.get("reasons", "[]"))),
        note=row.get("note", ""),
        error=row.get("error", ""),
        is_cancel_asked=_CANCEL in row,
        **numbers,
    )


def _key(project_id: int) -> str:
    return f"embed:{project_id}"


def _lease(project_id: int) -> str:
    return f"embed:{project_id}:worker"


def _rest(project_id: int) -> str:
    return f"embed:{project_id}:rest"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}.") from error
