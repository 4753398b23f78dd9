"""Where Label Studio reports what happened. It waits one second and never repeats."""

from flask import Blueprint, Response, jsonify

from backend.endpoints.auth import require_webhook_caller
from backend.endpoints.context import get_services, read_json_text
from backend.errors import AppError
from backend.labelstudio.events import UNKNOWN_ACTION, name_action
from backend.review.inbox import receive_event

blueprint = Blueprint("webhook", __name__)
blueprint.before_request(require_webhook_caller)


@blueprint.post("/webhook")
def webhook() -> tuple[Response, int]:
    """Store the event, then answer."""
    services = get_services()
    action = UNKNOWN_ACTION
    try:
        body, text = read_json_text()
        action = name_action(body)
        is_new = receive_event(body, events=services.events, queue=services.queue, text=text)
    except AppError as error:
        services.metrics.events.labels(action, error.code).inc()
        raise
    services.metrics.events.labels(action, "stored" if is_new else "duplicate").inc()
    return jsonify({"status": "stored" if is_new else "duplicate"}), 201 if is_new else 200
