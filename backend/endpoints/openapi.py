"""The OpenAPI document: what the routes themselves say, with a table of what they take and answer.

Pages for people (/dashboard) are left out, and so is this document's own route.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from inspect import getdoc
from typing import Any

import yaml
from flask import Blueprint, Flask, Response, current_app, jsonify
from pydantic import TypeAdapter
from werkzeug.routing import Rule

from backend.endpoints.auth import SECRET_HEADER, require_caller
from backend.endpoints.report import PARTS
from backend.report.entities import ProjectReport

blueprint = Blueprint("openapi", __name__)
blueprint.before_request(require_caller)

_OPEN = ("/", "/health", "/ready")
_REF = "#/components/schemas/"
_DYNAMIC = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True, slots=True)
class _Route:
    """What one endpoint answers, takes as its body, and takes as query parameters with their types.

    `answer` is a schema, None for text alone; each of `statuses` comes with it. `text` is the media type of
    an answer that may be asked for instead.
    """

    answer: str | None
    body: str | None = None
    statuses: tuple[int, ...] = (200,)
    query: tuple[tuple[str, str], ...] = ()
    is_body_needed: bool = True
    text: str | None = None


_ROUTES = {
    "health.health": _Route("State"),
    "health.ready": _Route("State", statuses=(200, 503)),
    "operations.metrics": _Route(None, text="text/plain"),
    "protocol.setup": _Route("Version", "Setup"),
    "protocol.validate": _Route("Version", "Setup"),
    "protocol.predict": _Route("Predictions", "Tasks"),
    "protocol.versions": _Route("Versions"),
    "protocol.job_status": _Route("State", "JobId"),
    "jobs.prelabel": _Route("Job", "PrelabelOptions", (200, 202), is_body_needed=False),
    "jobs.jobs": _Route("Jobs", query=(("project", "integer"),)),
    "jobs.job": _Route("Job"),
    "jobs.tasks": _Route("JobTasks", query=(("state", "string"), ("after", "integer"))),
    "jobs.cancel": _Route("Job"),
    "training.train": _Route("Training", statuses=(202,)),
    "training.runs": _Route("Runs", query=(("project", "integer"),)),
    "training.run": _Route("Run"),
    "training.cancel": _Route("Run"),
    "training.settings": _Route("Settings"),
    "training.change_settings": _Route("Settings", "OwnSettings"),
    "alerts.alerts": _Route("Alerts", query=(("project", "integer"), ("open", "boolean"))),
    "quality.quality": _Route("Quality", query=(("version", "string"), ("since", "string"))),
    "report.report": _Route("ProjectReport"),
    "report.report_part": _Route("ReportPart"),
    "trained_versions.versions": _Route("TrainedVersions"),
    "trained_versions.promote": _Route("Change", "Promotion"),
    "trained_versions.rollback": _Route("Change", "Rollback", is_body_needed=False),
    "reviews.reviews": _Route(
        "Reviews",
        query=(
            ("state", "string"),
            ("annotator", "integer"),
            ("version", "string"),
            ("corrected", "boolean"),
            ("blind", "boolean"),
            ("since", "string"),
            ("after", "integer"),
            ("limit", "integer"),
            ("format", "string"),
        ),
        text="text/csv",
    ),
    "webhook.webhook": _Route("State", "Event", (200, 201)),
}


@blueprint.get("/openapi.json")
def document() -> Response:
    """Return the OpenAPI document of the JSON routes."""
    return jsonify(describe(current_app))


def describe(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the app's routes."""
    paths: dict[str, Any] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.rule.startswith("/dashboard") or rule.endpoint == "openapi.document":
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation = _operation(app, rule, method)
            paths.setdefault(_DYNAMIC.sub(r"{\2}", rule.rule), {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Label Studio YOLO and SAM backend",
            "version": "1",
            "license": {"name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "webhook": {"type": "apiKey", "in": "header", "name": SECRET_HEADER},
            },
        },
    }


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    words = getdoc(app.view_functions[rule.endpoint]) or ""
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{rule.rule}").rstrip("_"),
        "summary": words.splitlines()[0] if words else rule.endpoint,
        "description": words,
        "parameters": [*_path_parameters(rule)],
        "responses": {"default": _answer("Error", "What went wrong.")},
        "security": _security(rule),
    }
    route = _ROUTES[rule.endpoint]
    operation["parameters"] += [
        {"name": name, "in": "query", "schema": {"type": kind}} for name, kind in route.query
    ]
    for status in route.statuses:
        answer = _answer(route.answer, HTTPStatus(status).phrase)
        if route.text:
            answer["content"][route.text] = {}
        operation["responses"][str(status)] = answer
    if route.body and method != "GET":
        content = {"application/json": {"schema": {"$ref": _REF + route.body}}}
        operation["requestBody"] = {"required": route.is_body_needed, "content": content}
    return operation


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for kind, name in _DYNAMIC.findall(rule.rule):
        schema: dict[str, Any] = {"type": "integer" if kind == "int" else "string"}
        if name == "part":
            schema["enum"] = list(PARTS)
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _security(rule: Rule) -> list[dict[str, list[str]]]:
    if rule.rule in _OPEN:
        return []
    basic: dict[str, list[str]] = {"basic": []}
    return [{"webhook": []}, basic] if rule.endpoint == "webhook.webhook" else [basic]


def _answer(schema: str | None, words: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REF + schema}}} if schema else {}
    return {"description": words, "content": content}


def _schemas() -> dict[str, Any]:
    written = yaml.safe_load(files("backend.endpoints").joinpath("schemas.yaml").read_text("utf-8"))
    report = TypeAdapter(ProjectReport).json_schema(ref_template=_REF + "{model}", mode="serialization")
    parts = report.pop("$defs")
    of_part = {name: {**report["properties"][name]} for name in PARTS.values()}
    common = {name: report["properties"][name] for name in ("project_id", "made_at")}
    part = {"type": "object", "required": list(common), "properties": {**common, **of_part}}
    return {**parts, **written, "ProjectReport": report, "ReportPart": part}
