"""Read the bodies of Label Studio's requests into values, and refuse what does not fit.

Owns the shape of `/setup` and `/predict` requests; results are written in `results.py`, events in
`events.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.entities import Task
from backend.errors import BadRequest

# Ids come from PostgreSQL columns of 64 bits; a larger number could not be stored.
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """Body of `/predict`. `tasks` are objects as sent; `context` is None unless a smart tool asks."""

    tasks: tuple[Mapping[str, Any], ...]
    project_id: int | None
    label_config: str
    context: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """Body of `/setup`. The access token that comes with it is not kept: it may be one that Label Studio
    refuses, and is its creator's, not ours."""

    project_id: int | None
    label_config: str


def parse_project_id(value: object) -> int | None:
    """Read Label Studio's project mark, "<id>.<created at>", or a bare id. None where there is none.

    Raises:
        BadRequest: neither.
    """
    if value is None or value == "":
        return None
    head = str(value).split(".", 1)[0]
    is_number = head.isascii() and head.isdigit() and len(head) <= len(str(MAX_ID))
    if isinstance(value, bool) or not is_number or int(head) > MAX_ID:
        raise BadRequest(f'"project" is {str(value)[:80]!r}; expected "<id>.<time>" or a number.')
    return int(head)


def parse_setup(body: object) -> SetupRequest:
    """Read the body of `/setup` or `/validate`.

    Raises:
        BadRequest: a key is missing or of the wrong type.
    """
    fields = as_object(body, "the body")
    schema = fields.get("schema", fields.get("label_config", fields.get("config")))
    if not isinstance(schema, str):
        raise BadRequest(f'"schema" is {_kind(schema)}; expected the labeling config as text.')
    return SetupRequest(parse_project_id(fields.get("project")), schema)


def parse_predict(body: object) -> PredictRequest:
    """Read the body of `/predict`.

    Raises:
        BadRequest: a key is missing or of the wrong type, or there are no tasks.
    """
    fields = as_object(body, "the body")
    tasks = fields.get("tasks")
    if not isinstance(tasks, list):
        raise BadRequest(f'"tasks" is {_kind(tasks)}; expected a list of tasks.')
    if not tasks:
        raise BadRequest('"tasks" is empty; expected at least one task.')
    config = fields.get("label_config")
    if not isinstance(config, str):
        raise BadRequest(f'"label_config" is {_kind(config)}; expected the labeling config as text.')
    params = as_object(fields.get("params") or {}, '"params"')
    context = params.get("context")
    if context is not None:
        context = as_object(context, '"params.context"')
    return PredictRequest(
        tasks=tuple(as_object(task, "a task") for task in tasks),
        project_id=parse_project_id(fields.get("project")),
        label_config=config,
        context=context,
    )


def parse_task(value: object) -> Task:
    """Read one task. A task without `data` is taken as the data itself, as Label Studio's examples do.

    Raises:
        BadRequest: not an object, or its id or data is of the wrong type.
    """
    fields = as_object(value, "a task")
    task_id = fields.get("id")
    if isinstance(task_id, bool) or not isinstance(task_id, int | None) or not 0 <= (task_id or 0) <= MAX_ID:
        raise BadRequest(f"A task's id is {str(task_id)[:80]!r}; expected a whole number.")
    return Task(id=task_id, data=as_object(fields.get("data", fields), "a task's data"))


def as_object(value: object, name: str) -> Mapping[str, Any]:
    """Return `value` if it is a JSON object.

    Raises:
        BadRequest: it is something else; `name` says which part of the body it is.
    """
    if not isinstance(value, dict):
        raise BadRequest(f"{name[0].upper()}{name[1:]} is {_kind(value)}; expected a JSON object.")
    return value


def _kind(value: object) -> str:
    names = {"NoneType": "missing", "dict": "an object", "list": "a list", "str": "text", "bool": "a boolean"}
    return names.get(type(value).__name__, "a number")
