"""Store predictions in Label Studio, one for each task and version, however often and wherever it breaks off.

What Label Studio does (1.23.2):
- `POST /api/projects/ID/import/predictions` knows no duplicates: what comes twice is stored twice. As it is
  shipped it stores all of a request or nothing: a task that is not there makes it refuse all (400), and a
  prediction that does not fit the labeling config is left out without a word, "created" being lower. With
  fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short it commits 500 by 500, and checks no
  config.
- As it is shipped, that call then counts anew the predictions of every task of the project that has any,
  within the request unless Label Studio has a queue of its own: 0.25 s for 100 predictions at first, 100 s
  in a project with 50 000 predicted tasks. An error or a time out there comes after they were stored.
- `POST /api/predictions` stores one, checks only that the task exists, and takes the same time in any
  project: 45 ms where four come at once. It sets the task's "updated at" and "updated by".
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from backend.errors import LabelStudioError
from backend.labelstudio.client import LabelStudioClient, api_error, explain, is_refusal, translate_errors
from backend.labelstudio.project_tasks import ProjectTasks

MAX_ITEMS = 100
MAX_BYTES = 8 * 2**20
# With more predicted tasks than this for each prediction of ours, storing one by one is faster: 2 ms for
# each task that is counted anew against 45 ms for each prediction.
_IMPORT_UP_TO = 20
_THREADS = 4
# Label Studio may go on counting for minutes after the predictions are stored.
_IMPORT_SECONDS = 300.0
_ROUNDS = 3
# How long predictions of a request without an answer may take to appear.
_WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
# Nothing of such a request has reached Label Studio.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# The token or the project is what is refused, not a prediction.
_FATAL = frozenset({401, 403, 404})
# A proxy's words, and those for later: Label Studio may be at work on the request still. Its own error, 500,
# is an end.
_UNFINISHED = frozenset({408, 409, 425, 429, 502, 503, 504})
_NOT_HELD = "Label Studio accepted the prediction, but does not hold it."


@dataclass(frozen=True, slots=True)
class PushReport:
    """What became of each task's prediction.

    `pushed` were stored now and `present` before; the tasks in `missing` are not in the project any more.
    Label Studio would not have the predictions in `refused`, for the reason given.
    """

    pushed: frozenset[int]
    present: frozenset[int]
    missing: frozenset[int]
    refused: Mapping[int, str] = field(default_factory=dict)


@translate_errors
def push_predictions(
    client: LabelStudioClient,
    project_id: int,
    items: Mapping[int, Mapping[str, Any]],
    *,
    version: str,
    in_doubt: bool,
) -> PushReport:
    """Make each of these tasks hold one prediction of the version.

    Args:
        client: Label Studio.
        project_id: Of the tasks.
        items: Label Studio's `result` and `score` by task id.
        version: The predictions' model version.
        in_doubt: Whether an earlier push of the same, whose end nobody saw, may have stored some of them.

    Raises:
        LabelStudioError: out of reach, or the token or the project is refused. What was stored until then is
            found by the next push of the same items, which must be told that it is in doubt.
    """
    if not items:
        return PushReport(frozenset(), frozenset(), frozenset())
    push = _Push(client, project_id, version, items)
    report = push.run()
    doubtful = (set(items) if in_doubt else push.doubtful) - report.missing
    if doubtful:
        _remove_duplicates(client, project_id, version, doubtful)
    return report


@dataclass(slots=True)
class _Sent:
    """How a round of requests ended, by task; of the other tasks a look tells whether they are done."""

    unanswered: set[int] = field(default_factory=set)  # stored, or not, or in a while
    accepted: set[int] = field(default_factory=set)  # alone
    refused: dict[int, str] = field(default_factory=dict)

    def take(self, response: httpx.Response | None, tasks: Collection[int], *, is_alone: bool) -> None:
        """Note the answer to one request, None where there was none; `is_alone`: no import.

        Raises:
            ApiError: the token or the project is refused.
        """
        status = None if response is None else response.status_code
        if response is None or status in _UNFINISHED:
            self.unanswered |= set(tasks)
        elif status in _FATAL:
            raise api_error(response)
        elif is_alone and response.is_success:
            self.accepted |= set(tasks)
        elif is_alone and is_refusal(status):
            self.refused |= dict.fromkeys(tasks, explain(api_error(response)))


class _Push:
    """One push: look, send what is missing, look again, until nothing is missing.

    `doubtful` are the tasks whose prediction may have been stored by more than one request.
    """

    def __init__(
        self, client: LabelStudioClient, project_id: int, version: str, items: Mapping[int, Mapping[str, Any]]
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._version = version
        self._items = items
        self._tasks = ProjectTasks(client, project_id)
        self.doubtful: set[int] = set()

    def run(self) -> PushReport:
        """Push.

        Raises:
            LabelStudioError: as `push_predictions` says.
        """
        held = self._tasks.holders_of(self._version, self._items)
        present = {task_id for task_id, holds in held.items() if holds}
        todo = set(held) - present
        missing = set(self._items) - set(held)
        pushed: set[int] = set()
        refused: dict[int, str] = {}
        may_import = True
        for _ in range(_ROUNDS):
            if not todo:
                break
            sent = self._send(sorted(todo), may_import=may_import)
            held = self._look_again(todo, sent.unanswered)
            missing |= todo - set(held)
            pushed |= {task_id for task_id, holds in held.items() if holds}
            todo = set(held) - pushed
            self.doubtful |= todo & sent.unanswered
            # Nothing that was accepted goes a second time, whatever became of it.
            ends = {**sent.refused, **dict.fromkeys(sent.accepted, _NOT_HELD)}
            refused |= {task_id: reason for task_id, reason in ends.items() if task_id in todo}
            todo -= refused.keys()
            # What Label Studio refused or left out among many it takes one by one, or says what is wrong.
            may_import = may_import and not todo - sent.unanswered
        text = f"Label Studio did not store it in {_ROUNDS} attempts; its log says why."
        if todo and not pushed:
            raise LabelStudioError(f"Prediction of task {min(todo)} and {len(todo) - 1} more: {text}")
        # Where others went through, it is not Label Studio that has broken down.
        refused |= dict.fromkeys(todo, text)
        return PushReport(frozenset(pushed), frozenset(present), frozenset(missing), refused)

    def _send(self, todo: list[int], *, may_import: bool) -> _Sent:
        if may_import and self._tasks.count_predicted() <= _IMPORT_UP_TO * len(todo):
            return self._import(todo)
        return self._store_one_by_one(todo)

    def _import(self, todo: list[int]) -> _Sent:
        sent = _Sent()
        path = f"api/projects/{self._project_id}/import/predictions"
        for tasks, content in _requests((task_id, self._encode(task_id)) for task_id in todo):
            if not sent.unanswered:  # what does not answer gets no more work
                sent.take(self._post(path, content, timeout=_IMPORT_SECONDS), tasks, is_alone=False)
        return sent

    def _store_one_by_one(self, todo: list[int]) -> _Sent:
        sent = _Sent()
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="store") as pool:
            for start in range(0, len(todo), _THREADS):
                if sent.unanswered:
                    break
                tasks = todo[start : start + _THREADS]
                for task_id, response in zip(tasks, pool.map(self._store, tasks), strict=True):
                    sent.take(response, [task_id], is_alone=True)
        return sent

    def _store(self, task_id: int) -> httpx.Response | None:
        return self._post("api/predictions/", self._encode(task_id))

    def _post(self, path: str, content: bytes, *, timeout: float = 60.0) -> httpx.Response | None:
        try:
            return self._client.send("POST", path, content=content, timeout=timeout)
        except _UNSENT:
            raise
        except httpx.TransportError:
            return None

    def _encode(self, task_id: int) -> bytes:
        names = {"task": task_id, "project": self._project_id, "model_version": self._version}
        return json.dumps({**self._items[task_id], **names}, separators=(",", ":")).encode()

    def _look_again(self, todo: Collection[int], unanswered: set[int]) -> dict[int, bool]:
        held = self._tasks.holders_of(self._version, todo)
        for seconds in _WAITS_SECONDS:
            if all(held.get(task_id, True) for task_id in unanswered):
                break
            self._client.sleep(seconds)
            held = self._tasks.holders_of(self._version, todo)
        return held


def _requests(encoded: Iterable[tuple[int, bytes]]) -> Iterator[tuple[list[int], bytes]]:
    """Yield the tasks and the body of each request; one prediction above the limit goes alone."""
    tasks: list[int] = []
    bodies: list[bytes] = []
    size = 0
    for task_id, body in encoded:
        if tasks and (len(tasks) >= MAX_ITEMS or size + len(body) > MAX_BYTES):
            yield tasks, b"[" + b",".join(bodies) + b"]"
            tasks, bodies, size = [], [], 0
        tasks.append(task_id)
        bodies.append(body)
        size += len(body) + 1
    if tasks:
        yield tasks, b"[" + b",".join(bodies) + b"]"


def _remove_duplicates(
    client: LabelStudioClient, project_id: int, version: str, task_ids: Collection[int]
) -> None:
    """Leave each task the oldest of its predictions of the version: the one that a person may have seen."""
    for stored in ProjectTasks(client, project_id).predictions_of(task_ids).values():
        for extra in [prediction for prediction in stored if prediction.version == version][1:]:
            try:
                client.request("DELETE", f"api/predictions/{extra.id}/")
            except LabelStudioError as error:
                if error.refused_with != 404:  # gone already: an earlier attempt went unanswered
                    raise
