"""Read a webhook's body into an event with a natural key.

Label Studio sends no delivery id and never repeats a webhook, but one project may have two webhooks (its
own and ours), so the same fact can come twice. What an event means is decided elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from backend.entities import WebhookEvent
from backend.errors import BadRequest
from backend.labelstudio.tasks import as_object, parse_project_id

MAX_ACTION_CHARS = 64
START_TRAINING = "START_TRAINING"
KNOWN_ACTIONS = frozenset(
    {
        "PROJECT_CREATED",
        "PROJECT_UPDATED",
        "PROJECT_DELETED",
        "TASKS_CREATED",
        "TASKS_DELETED",
        "ANNOTATION_CREATED",
        "ANNOTATIONS_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "LABEL_LINK_CREATED",
        "LABEL_LINK_UPDATED",
        "LABEL_LINK_DELETED",
        START_TRAINING,
    }
)
UNKNOWN_ACTION = "other"


def name_action(body: object) -> str:
    """Return the body's action for counters: a known one, or "other", so that nobody can invent a million."""
    action = body.get("action") if isinstance(body, dict) else None
    return action if isinstance(action, str) and action in KNOWN_ACTIONS else UNKNOWN_ACTION


def parse_event(body: object, *, received_second: int, text: str | None = None) -> WebhookEvent:
    """Read a webhook's body; unknown actions are kept.

    Args:
        body: The decoded JSON.
        received_second: Unix time of arrival in whole seconds. It is part of the key of events that carry
            neither ids nor times of their own (project settings): those may truly happen again, and only a
            second copy within the same second is taken for the same fact. Of training requests there is one
            a second in each project, whatever its counters say by then: Label Studio may send one after
            every annotation.
        text: The body as it came, where that is worth keeping.

    Raises:
        BadRequest: not an object, or without an action.
    """
    fields = as_object(body, "the body")
    action = fields.get("action")
    if not isinstance(action, str) or not 0 < len(action) <= MAX_ACTION_CHARS or not action.isprintable():
        raise BadRequest('"action" is missing or not a word; expected a name such as ANNOTATION_CREATED.')
    project = as_object(fields.get("project") or {}, '"project"')
    project_id = parse_project_id(project.get("id", project.get("pk")))
    marks = sorted(_marks(fields))
    if action == START_TRAINING:
        marks = [str(received_second)]
    elif not marks:
        marks = [_digest(fields), str(received_second)]
    facts = "\n".join([action, str(project_id), *marks])
    key = hashlib.sha256(facts.encode(errors="surrogatepass")).hexdigest()
    return WebhookEvent(key=key, action=action, project_id=project_id, payload=fields, text=text)


def _marks(fields: Mapping[str, Any]) -> Iterable[str]:
    """Yield "kind:id:updated at" of every annotation; of every task where there is no annotation."""
    kinds = (
        ("annotation", "annotations")
        if "annotation" in fields or "annotations" in fields
        else ("task", "tasks")
    )
    for kind in kinds:
        value = fields.get(kind)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and item.get("id") is not None:
                yield f"{kind.rstrip('s')}:{item['id']}:{item.get('updated_at', '')}"


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()
