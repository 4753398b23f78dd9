"""A project's report as JSON: whole, or one of its parts."""

from dataclasses import fields
from typing import Any

from flask import Blueprint, Response, jsonify
from pydantic import TypeAdapter

from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services
from backend.errors import NotFound
from backend.report.build import current_report
from backend.report.entities import ProjectReport
from backend.store.reviews import check_project

blueprint = Blueprint("report", __name__)
blueprint.before_request(require_caller)

REPORT = TypeAdapter(ProjectReport)
# By their names in addresses; the others say of what, and of when, all of them are.
PARTS = {
    field.name.replace("_", "-"): field.name
    for field in fields(ProjectReport)
    if field.name not in ("project_id", "title", "names", "made_at")
}


@blueprint.get("/projects/<int:project_id>/report")
def report(project_id: int) -> Response:
    """Return all that was worked out of the project, and when."""
    return jsonify(_read(project_id))


@blueprint.get("/projects/<int:project_id>/report/<part>")
def report_part(project_id: int, part: str) -> Response:
    """Return one part of the report, such as agreement or label-errors, and when it was worked out."""
    if part not in PARTS:
        raise NotFound(f"A report has no part {part[:80]!r}; it has {', '.join(PARTS)}.")
    whole = _read(project_id)
    name = PARTS[part]
    return jsonify({"project_id": project_id, "made_at": whole["made_at"], name: whole[name]})


def _read(project_id: int) -> dict[str, Any]:
    services = get_services()
    check_project(services.database, project_id)
    found: dict[str, Any] = REPORT.dump_python(current_report(services, project_id), mode="json")
    return found
