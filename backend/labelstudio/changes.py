"""Read what an event says has changed: annotations, tasks, the project, a wish for training.

Owns the shape of each action's payload. What follows from a change is decided elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from backend.entities import Task
from backend.errors import BadRequest
from backend.labelstudio.annotations import excerpt, parse_annotation, parse_id, parse_time, storable
from backend.labelstudio.tasks import parse_task
from backend.review.entities import Annotation

_ANNOTATIONS = frozenset({"ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"})
# They change nothing in the ledger; the projects' own are read elsewhere.
_NOTHING = ("PROJECT_CREATED", "PROJECT_UPDATED", "LABEL_LINK_")
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes:
    """What one event changes in the ledger.

    `tasks` were created, or came along with their annotations; all have an id, and
    `tasks_created_at` says of most since when they are there. `problems` say in words what
    could not be read; the rest of the event holds all the same.
    """

    annotations: tuple[Annotation, ...] = ()
    deleted_annotations: tuple[int, ...] = ()
    tasks: tuple[Task, ...] = ()
    tasks_created_at: Mapping[int, datetime] = field(default_factory=dict)
    deleted_tasks: tuple[int, ...] = ()
    is_project_deleted: bool = False
    asks_for_training: bool = False
    problems: tuple[str, ...] = ()


def read_changes(action: str, payload: Mapping[str, Any]) -> Changes:
    """Return what an event says; nothing that may stand in its payload raises.

    Items stand under a name in the singular or the plural, one alone or a list of them: Label Studio's bulk
    action sends a list under `annotation`. Webhooks without a payload say nothing but the action.
    """
    problems: list[str] = []
    if action in _ANNOTATIONS:
        annotations = _annotations(payload, problems)
        items = list(filter(_has_data, _items(payload, "task")))
        tasks = _tasks(items, problems)
        times = _creation_times(items)
        return Changes(annotations=annotations, tasks=tasks, tasks_created_at=times, problems=tuple(problems))
    match action:
        case "ANNOTATIONS_DELETED":
            ids = _ids(payload, "annotation", problems)
            return Changes(deleted_annotations=ids, problems=tuple(problems))
        case "TASKS_CREATED":
            items = _items(payload, "task")
            _expect(items, "task", problems)
            tasks = _tasks(items, problems)
            return Changes(tasks=tasks, tasks_created_at=_creation_times(items), problems=tuple(problems))
        case "TASKS_DELETED":
            ids = _ids(payload, "task", problems)
            return Changes(deleted_tasks=ids, problems=tuple(problems))
        case "PROJECT_DELETED":
            return Changes(is_project_deleted=True)
        case "START_TRAINING":
            return Changes(asks_for_training=True)
    if action.startswith(_NOTHING):
        return Changes()
    return Changes(problems=(f"unknown action {excerpt(action)}; nothing was read from it",))


def _annotations(payload: Mapping[str, Any], problems: list[str]) -> tuple[Annotation, ...]:
    items = _items(payload, "annotation")
    tasks = tuple(_known_id(task) for task in _items(payload, "task"))
    project_id = _known_id(payload.get("project"))
    # An annotation that names no task has the only one that came along, or the one at its own place.
    if len(tasks) != len(items):
        tasks = (tasks[0] if len(tasks) == 1 else None,) * len(items)

    def read(place: int) -> Annotation:
        return parse_annotation(items[place], project_id=project_id, task_id=tasks[place])

    _expect(items, "annotation", problems)
    return tuple(_each(range(len(items)), read, problems))


def _tasks(items: Iterable[object], problems: list[str]) -> tuple[Task, ...]:
    return tuple(_each(items, _task, problems))


def _task(item: object) -> Task:
    task = parse_task(item)
    if task.id is None or not _has_data(item):
        raise BadRequest(f"A task has no id or no data: {excerpt(item)}; expected both.")
    return Task(id=task.id, data=storable(task.data))


def _creation_times(items: Iterable[object]) -> dict[int, datetime]:
    """Return when each task was created, as far as it says so."""
    times: dict[int, datetime] = {}
    for item in items:
        task_id = _known_id(item)
        if task_id is not None and isinstance(item, dict) and item.get("created_at"):
            try:
                times[task_id] = parse_time(item["created_at"], "A task's time")
            except BadRequest:
                continue  # without it the task's id is taken for one that was never used before
    return times


def _ids(payload: Mapping[str, Any], name: str, problems: list[str]) -> tuple[int, ...]:
    """Return the ids of items that are objects or bare ids, each once."""

    def read(item: object) -> int:
        found = parse_id(item, f"The id of a deleted {name}")
        if found is None:
            raise BadRequest(f"A deleted {name} has no id: {excerpt(item)}; expected a whole number.")
        return found

    items = _items(payload, name)
    _expect(items, name, problems)
    return tuple(dict.fromkeys(_each(items, read, problems)))


def _items(payload: Mapping[str, Any], name: str) -> list[object]:
    """Return what stands under the name and its plural."""
    found: list[object] = []
    for value in (payload.get(name), payload.get(f"{name}s")):
        found += value if isinstance(value, list) else [] if value is None else [value]
    return found


def _expect(items: list[object], name: str, problems: list[str]) -> None:
    # A webhook made without "send payload" has nothing but the action.
    if not items:
        problems.append(
            f'The payload has no "{name}"; expected one or a list. Does the webhook send its payload?'
        )


def _each(items: Iterable[S], read: Callable[[S], T], problems: list[str]) -> Iterator[T]:
    for item in items:
        try:
            yield read(item)
        except BadRequest as error:
            problems.append(error.message)


def _known_id(value: object) -> int | None:
    try:
        return parse_id(value, "An id")
    except BadRequest:
        return None


def _has_data(item: object) -> bool:
    # `parse_task` takes an object without it for the data itself, as requests for predictions may.
    return isinstance(item, dict) and "data" in item
