"""Read annotations as Label Studio sends them: in a webhook, or inside a task read through its API.

Owns what is kept of an annotation and when two contents are the same. What its regions are is read in
`annotated_regions.py`.
"""

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from backend.errors import BadRequest
from backend.labelstudio.tasks import MAX_ID, as_object
from backend.review.entities import Annotation

# In JSON of ASCII alone: NUL, half of a surrogate pair (or a whole one), and numbers that are none.
_SUSPECT = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def parse_annotation(
    value: object, *, project_id: int | None = None, task_id: int | None = None
) -> Annotation:
    """Read one annotation; `project_id` and `task_id` hold where it names neither itself.

    Items of its `result` that are no objects are left out: having no id, label or geometry they say nothing
    that could be compared, shown or trained on, and every reader of `result` relies on objects. What cannot
    be stored is replaced as `storable` says. A naive time is taken as UTC.

    Raises:
        BadRequest: no object; no id, task or project; an id that is no whole number in the database's range;
            `updated_at` missing or unreadable; or `result` no list.
    """
    given = as_object(value, "an annotation")
    annotation_id = parse_id(given.get("id"), "An annotation's id")
    if annotation_id is None:
        raise BadRequest("An annotation has no id; expected a whole number.")
    name = f"Annotation {annotation_id}"
    updated_at = parse_time(given.get("updated_at"), f'{name}: "updated_at"')
    created_at = given.get("created_at")
    return Annotation(
        id=annotation_id,
        project_id=_required(
            parse_id(given.get("project"), f'{name}: "project"'), project_id, name, "project"
        ),
        task_id=_required(parse_id(given.get("task"), f'{name}: "task"'), task_id, name, "task"),
        annotator=parse_id(given.get("completed_by"), f'{name}: "completed_by"'),
        created_at=updated_at if created_at is None else parse_time(created_at, f'{name}: "created_at"'),
        updated_at=updated_at,
        lead_time=_seconds(given.get("lead_time")),
        is_cancelled=given.get("was_cancelled") is True,
        is_ground_truth=given.get("ground_truth") is True,
        parent_prediction=parse_id(given.get("parent_prediction"), f'{name}: "parent_prediction"'),
        result=_results(given.get("result"), name),
    )


def annotation_digest(annotation: Annotation) -> str:
    """Return SHA-256 (hex) of the content; the order of keys does not matter.

    Id and `updated_at` are no part of it, nor is the parent prediction: Label Studio forgets that one when
    predictions are deleted, and says nothing of it.
    """
    content = {field.name: getattr(annotation, field.name) for field in fields(annotation)}
    del content["id"], content["updated_at"], content["parent_prediction"]
    content["created_at"] = annotation.created_at.astimezone(UTC).isoformat()
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def storable(value: Any) -> Any:
    """Return JSON with all that SQLite and PostgreSQL both hold: the same object where nothing need change.

    NUL and halves of surrogate pairs become "?", NaN and infinity None.

    Raises:
        BadRequest: nested too deeply to be written as JSON.
    """
    try:
        return _replaced(value) if _SUSPECT.search(json.dumps(value)) else value
    except RecursionError:
        raise BadRequest("The content is nested too deeply to be stored.") from None


def _replaced(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "?").encode("utf-8", "replace").decode()
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {_replaced(key): _replaced(inner) for key, inner in value.items()}
        case list():
            return [_replaced(inner) for inner in value]
    return value


def _results(value: object, name: str) -> tuple[Mapping[str, Any], ...]:
    """Return the objects of a `result`, which may also be null or a list written as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadRequest(f'{name}: "result" is text that is no JSON; expected a list.') from None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRequest(f'{name}: "result" is no list; expected the list of its regions.')
    return tuple(storable([item for item in value if isinstance(item, dict)]))


def parse_id(value: object, name: str) -> int | None:
    """Return an id, bare or of an object that has one; None where there is none.

    Raises:
        BadRequest: something else, or out of the database's range; `name` begins the message.
    """
    if isinstance(value, dict):
        value = value.get("id")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_ID:
        raise BadRequest(f"{name} is {excerpt(value)}; expected a whole number from 0 to 2^63-1.")
    return value


def _required(found: int | None, otherwise: int | None, name: str, what: str) -> int:
    number = otherwise if found is None else found
    if number is None:
        raise BadRequest(f"{name} names no {what}; expected its id.")
    return number


def parse_time(value: object, name: str) -> datetime:
    """Read a time of Label Studio's, aware and UTC; one without a zone is UTC. `name` is for the message.

    Raises:
        BadRequest: it is none.
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None:
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadRequest(f"{name} is {excerpt(value)}; expected a time such as 2026-01-31T12:00:00Z.")


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def excerpt(value: object) -> str:
    """Return a value as a message may show it: short however long or deep it is, and printable."""
    return _SHORT.repr(value)
