"""Alerts over HTTP."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from backend.alerts.entities import Alert
from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services
from backend.endpoints.query import read_number, refuse_unknown
from backend.errors import BadRequest
from backend.store.alerts import list_alerts

blueprint = Blueprint("alerts", __name__)
blueprint.before_request(require_caller)

_PARAMETERS = ("project", "open")
_MOST_ROWS = 1000


@blueprint.get("/alerts")
def alerts() -> Response:
    """List alerts, the newest first; `?project=ID` those of one project, `?open=true` those not resolved."""
    refuse_unknown(_PARAMETERS)
    found = list_alerts(
        get_services().database,
        project_id=read_number("project", None),
        is_open=_read_open(),
        limit=_MOST_ROWS,
    )
    return jsonify({"alerts": [_shown(alert) for alert in found]})


def _read_open() -> bool | None:
    word = request.args.get("open")
    if word not in (None, "true", "false"):
        raise BadRequest(f'"open" is {word[:80]!r}; expected true or false.')
    return None if word is None else word == "true"


def _shown(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.id,
        "project": alert.project_id,
        "kind": alert.kind,
        "open": alert.is_open,
        "message": alert.message,
        "raised_at": _time(alert.raised_at),
        "delivered_at": _time(alert.delivered_at),
        "acknowledged_at": _time(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
        "resolved_message": alert.resolved_message,
        "resolved_at": _time(alert.resolved_at),
        "resolved_delivered_at": _time(alert.resolved_delivered_at),
        "attempts": alert.attempts,
        "error": alert.error,
        "next_attempt_at": _time(alert.retry_at),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
