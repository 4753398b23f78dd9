"""Encode ahead: the image that an annotator is at, then those of the next tasks, behind all who wait.

The next tasks' images also let predictions and clicks of all processes of the machine go first, for a moment,
and are encoded one at a time on it. The image in work is not held up: a click on it is what comes next.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog
from filelock import FileLock, Timeout

from backend.entities import ControlTag, Task
from backend.errors import AppError, MediaError
from backend.labelstudio.client import LabelStudioClient
from backend.labelstudio.label_config import image_address
from backend.media.loader import MediaLoader
from backend.sam.embeddings import Embeddings
from backend.sam.next_tasks import next_tasks
from backend.sam.task_embeddings import EngineHolder, TaskEmbeddings

log = structlog.get_logger(__name__)

# More annotators than this at once in one process, and the one who moved on longest ago is forgotten.
_MOST_WAITING = 64
# An annotator's further clicks on one task need not ask Label Studio for the next ones each time.
_AGAIN_SECONDS = 60.0
_SAY_AGAIN_SECONDS = 3600.0
_CLOSE_SECONDS = 10.0
# Longest pause for what is served, before each image, and how often to look meanwhile.
_PAUSE_SECONDS = 3.0
_LOOK_SECONDS = 0.1


class _Key(NamedTuple):
    """What makes two wishes one; tasks without an id are told apart by their image."""

    project_id: int | None
    task_id: int | None
    image: str


@dataclass(frozen=True, slots=True)
class _Wish:
    """One image to encode: the `place`-th from the annotator who asked as the `turn`-th."""

    turn: int
    place: int
    task: Task
    control: ControlTag


class Prefetcher:
    """One thread that encodes ahead, begun by the first `ask`, so that a process may fork before.

    The newest wish goes first: who asked before has moved on, or has the image already. What fails costs
    nobody anything but the log a line.

    Args:
        holder: Of the SAM engine.
        embeddings: Keeps what was encoded.
        media: Reads images.
        label_studio: Names the next tasks; without a token there are none.
        ahead: How many tasks after the one in work.
        is_serving: Tells whether this machine answers somebody at this moment.
        lock: A file that this machine's processes share; None where there is one process.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        holder: EngineHolder,
        embeddings: Embeddings,
        media: MediaLoader,
        label_studio: LabelStudioClient,
        *,
        ahead: int,
        is_serving: Callable[[], bool] = lambda: False,
        lock: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._embeddings = TaskEmbeddings(holder, embeddings, media)
        self._label_studio = label_studio
        self._ahead = ahead
        self._is_serving = is_serving
        self._lock = FileLock(lock, timeout=0, fallback_to_soft=False) if lock is not None else None
        self._clock = clock
        self._changed = threading.Condition()
        self._wishes: dict[_Key, _Wish] = {}
        self._done_at: dict[_Key, float] = {}
        self._said_at: dict[str, float] = {}
        # The task of an annotator; not one of those after it, whose own next ones would not be looked for.
        self._in_work: _Key | None = None
        self._turns = 0
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def ask(self, project_id: int | None, task: Task, control: ControlTag) -> None:
        """Wish for the image of the task that an annotator is at, and of the next ones; returns at once."""
        key = _key(project_id, task, control)
        with self._changed:
            if self._is_closed or key == self._in_work or self._is_fresh(key):
                return
            self._turns += 1
            self._add(key, _Wish(self._turns, 0, task, control))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sam-prefetch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what waits, and wait a moment for the image in work."""
        with self._changed:
            self._is_closed = True
            self._wishes.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def _is_fresh(self, key: _Key) -> bool:
        done_at = self._done_at.get(key)
        return done_at is not None and self._clock() < done_at + _AGAIN_SECONDS

    def _add(self, key: _Key, wish: _Wish) -> None:
        self._wishes[key] = wish
        if len(self._wishes) > _MOST_WAITING:
            del self._wishes[max(self._wishes, key=self._order)]

    def _order(self, key: _Key) -> tuple[int, int]:
        wish = self._wishes[key]
        return -wish.turn, wish.place

    def _work(self) -> None:
        while (found := self._next()) is not None:
            key, wish = found
            try:
                self._fulfil(key, wish)
            # The boundary of the thread: nobody waits for what it does, and it must outlive all.
            except Exception as error:
                self._say(error, key)
            finally:
                self._end(key, wish)

    def _next(self) -> tuple[_Key, _Wish] | None:
        """Wait for a wish whose turn it is; None at the end."""
        with self._changed:
            patience = self._clock() + _PAUSE_SECONDS
            while not self._is_closed:
                key = min(self._wishes, key=self._order, default=None)
                if key is None:
                    self._changed.wait()
                    patience = self._clock() + _PAUSE_SECONDS
                elif self._wishes[key].place and not self._may_go_on(patience):
                    # Whoever opens a task meanwhile ends it.
                    self._changed.wait(_LOOK_SECONDS)
                else:
                    wish = self._wishes.pop(key)
                    self._in_work = None if wish.place else key
                    return key, wish
            return None

    def _may_go_on(self, patience: float) -> bool:
        """Tell whether it is a next task's turn on this machine, and take the machine's lock if so."""
        if self._clock() < patience and self._is_serving():
            return False
        if self._lock is None:
            return True
        try:
            Path(self._lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            return False
        except OSError:
            pass  # a disk that is full or read-only, of which others complain
        return True

    def _fulfil(self, key: _Key, wish: _Wish) -> None:
        try:
            address = image_address(wish.control, wish.task.data)
            self._embeddings.prepare(address, task_id=wish.task.id, into_memory=True)
        except MediaError as error:
            self._say(error, key)  # the next tasks' images may be there all the same
        if not wish.place and key.project_id is not None and key.task_id is not None:
            self._add_next(key.project_id, key.task_id, wish)

    def _end(self, key: _Key, wish: _Wish) -> None:
        """Let others have their turn, and remember the task in work, also where it failed."""
        if self._lock is not None:
            with suppress(OSError):
                self._lock.release()
        with self._changed:
            self._in_work = None
            if not wish.place:
                self._done_at = {k: at for k, at in self._done_at.items() if self._is_fresh(k)}
                self._done_at[key] = self._clock()

    def _add_next(self, project_id: int, task_id: int, wish: _Wish) -> None:
        tasks = next_tasks(self._label_studio, project_id, task_id, count=self._ahead)
        with self._changed:
            for place, task in enumerate(tasks, start=1):
                key = _key(project_id, task, wish.control)
                waiting = self._wishes.get(key)
                # A wish of somebody who asked later has the better place already.
                if not self._is_closed and (waiting is None or waiting.turn < wish.turn):
                    self._add(key, _Wish(wish.turn, place, task, wish.control))

    def _say(self, error: Exception, key: _Key) -> None:
        """Log a failure, once for each cause within an hour."""
        reason = error.reason if isinstance(error, MediaError) else ""
        cause = f"{type(error).__name__} {reason}".strip()
        now = self._clock()
        if now < self._said_at.get(cause, -_SAY_AGAIN_SECONDS) + _SAY_AGAIN_SECONDS:
            return
        self._said_at[cause] = now
        log.warning(
            "sam_prefetch_failed",
            cause=cause,
            project=key.project_id,
            task=key.task_id,
            detail=error.message if isinstance(error, AppError) else str(error),
            exc_info=not isinstance(error, AppError),
        )


def _key(project_id: int | None, task: Task, control: ControlTag) -> _Key:
    image = control.image_value if task.id is not None else str(image_address(control, task.data))
    return _Key(project_id, task.id, image)
