"""For operators: is it alive, is it ready, what does it measure."""

from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services
from backend.errors import AppError

open_blueprint = Blueprint("health", __name__)
guarded_blueprint = Blueprint("operations", __name__)
guarded_blueprint.before_request(require_caller)


@open_blueprint.get("/")
@open_blueprint.get("/health")
def health() -> Response:
    """Answer that the process is alive; touches neither model nor database."""
    return jsonify({"status": "UP", "model_class": "YoloSamModel"})


@open_blueprint.get("/ready")
def ready() -> tuple[Response, int]:
    """Tell whether database, Redis and model answer; 503 unless predictions can be served.

    Redis may be down: predictions and events do not need it, so it is reported, not required.
    """
    services = get_services()
    checks = {
        "database": _state(services.database.check),
        "redis": _state(services.queue.check),
        "model": _state(services.pipeline.check),
    }
    is_ready = checks["database"] == checks["model"] == "ok"
    return jsonify(
        {"status": "ready" if is_ready else "not ready", "checks": checks}
    ), 200 if is_ready else 503


@guarded_blueprint.get("/metrics")
def metrics() -> Response:
    """Return Prometheus' text format: what this server did, and how its projects are."""
    services = get_services()
    text = services.metrics.render() + services.project_metrics.render()
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _state(check: Callable[[], object]) -> str:
    try:
        check()
    except AppError as error:
        return error.code
    return "ok"
