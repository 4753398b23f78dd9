"""The web application: blueprints, one table of errors, request metrics."""

from http import HTTPStatus
from time import perf_counter

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from backend.endpoints import (
    alerts,
    dashboard,
    dashboard_actions,
    dashboard_details,
    jobs,
    openapi,
    operations,
    protocol,
    quality,
    report,
    reviews,
    thumbnails,
    training,
    versions,
    webhook,
)
from backend.endpoints.context import attach_services
from backend.endpoints.dashboard_page import is_page, show_error
from backend.errors import AppError, PayloadTooLarge
from backend.services import Services

log = structlog.get_logger(__name__)

# A status line may be long, but proxies cut or refuse what is longer than this.
_REASON_CHARS = 900


def create_app(services: Services) -> Flask:
    """Build the application around the services of its process."""
    app = Flask("backend", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = services.settings.max_body_mb * 2**20
    app.json.sort_keys = False  # type: ignore[attr-defined]
    attach_services(app, services)
    for blueprint in (
        alerts.blueprint,
        dashboard.blueprint,
        dashboard_actions.blueprint,
        dashboard_details.blueprint,
        thumbnails.blueprint,
        operations.open_blueprint,
        operations.guarded_blueprint,
        protocol.blueprint,
        jobs.blueprint,
        openapi.blueprint,
        quality.blueprint,
        report.blueprint,
        reviews.blueprint,
        training.blueprint,
        versions.blueprint,
        webhook.blueprint,
    ):
        app.register_blueprint(blueprint)
    app.register_error_handler(AppError, _answer_app_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_unexpected)
    _measure(app, services)
    return app


def _answer_app_error(error: AppError) -> Response:
    level = log.error if error.status >= 500 else log.warning
    level("request_refused", path=request.path, code=error.code, detail=error.message)
    return _error_response(error.status, error.code, error.message)


def _answer_http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return _answer_app_error(
            PayloadTooLarge(
                "The request's body is too large. Pre-label many tasks with: python -m backend prelabel "
                "--project ID. Or send fewer, or raise MAX_BODY_MB."
            )
        )
    status = error.code or 500
    response = _error_response(
        status, HTTPStatus(status).phrase.lower().replace(" ", "_"), error.description or ""
    )
    response.headers.extend({k: v for k, v in error.get_headers() if k.lower() == "allow"})
    return response


def _answer_unexpected(error: Exception) -> Response:
    log.error("request_failed", path=request.path, exc_info=error)
    return _error_response(500, "internal_error", "The server failed; its log says why.")


def _error_response(status: int, code: str, message: str) -> Response:
    response = show_error(message) if is_page(request.path) else jsonify({"error": code, "message": message})
    # Label Studio shows people the status line of a failed call and nothing of its body.
    reason = " ".join(message.encode("ascii", "replace").decode().split())[:_REASON_CHARS]
    response.status = f"{status} {reason or HTTPStatus(status).phrase}"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="backend"'
    return response


def _measure(app: Flask, services: Services) -> None:
    @app.before_request
    def _start() -> None:
        g.started = perf_counter()

    @app.after_request
    def _stop(response: Response) -> Response:
        endpoint = request.endpoint or "unknown"
        services.metrics.requests.labels(endpoint, response.status_code).inc()
        services.metrics.request_seconds.labels(endpoint).observe(perf_counter() - g.started)
        return response
