"""A project's trained versions over HTTP: list them, promote one, roll back."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import TypeAdapter

from backend.endpoints.audited import audited
from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services, read_json
from backend.errors import BadRequest
from backend.labelstudio.tasks import as_object
from backend.registry.change import Change, promote_version, roll_back, version_of_settings
from backend.registry.entities import SETTINGS_WEIGHTS, ListedVersion
from backend.store.reviews import check_project
from backend.store.versions import champion_of, list_judged
from backend.training.entities import Comparison

blueprint = Blueprint("trained_versions", __name__)
blueprint.before_request(require_caller)

_COMPARISON = TypeAdapter(Comparison)


@blueprint.get("/projects/<int:project_id>/versions")
def versions(project_id: int) -> Response:
    """List the project's versions, the newest first, with what was measured; name the one in service."""
    services = get_services()
    check_project(services.database, project_id)
    champion = champion_of(services.database, project_id)
    return jsonify(
        {
            "project": project_id,
            "champion": champion.version if champion else None,
            "settings_version": version_of_settings(services, project_id),
            "versions": [_version(listed) for listed in list_judged(services.database, project_id)],
        }
    )


@blueprint.post("/projects/<int:project_id>/promote")
def promote(project_id: int) -> Response:
    """Put `version` in service; null: the weights of the settings. `reason` is kept with it."""
    fields = as_object(read_json(), "the body")
    _refuse_others(fields, ("version", "reason"))
    version = fields.get("version", "")
    if version is not None and (not isinstance(version, str) or not version or "\x00" in version):
        raise BadRequest(
            f'"version" is {str(version)[:80]!r}; expected one of those that '
            f"GET /projects/{project_id}/versions lists, or null for the weights of the settings."
        )
    reason = _reason(fields)
    check_project(get_services().database, project_id)
    with audited(project_id, "promote", version or SETTINGS_WEIGHTS):
        change = promote_version(get_services(), project_id, version, reason=reason)
    return jsonify(_change(change))


@blueprint.post("/projects/<int:project_id>/rollback")
def rollback(project_id: int) -> Response:
    """Put back in service what served before."""
    fields = as_object(read_json(), "the body") if request.get_data() else {}
    _refuse_others(fields, ("reason",))
    reason = _reason(fields)
    check_project(get_services().database, project_id)
    with audited(project_id, "rollback") as act:
        change = roll_back(get_services(), project_id, reason=reason)
        act.detail = f"back to {change.version or SETTINGS_WEIGHTS}"
    return jsonify(_change(change))


def _version(listed: ListedVersion) -> dict[str, Any]:
    trained = listed.trained
    return {
        "number": trained.number,
        "version": trained.version,
        "state": trained.state,
        "parent": trained.parent,
        "run": trained.run_id,
        "snapshot": trained.snapshot,
        "images": listed.images,
        "controls": list(trained.controls),
        "has_weights": trained.artifact is not None,
        "verdict": listed.verdict,
        "verdict_reasons": list(listed.verdict_reasons),
        "comparison": _COMPARISON.dump_python(trained.comparison, mode="json"),
        "created_at": trained.created_at.isoformat(),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "project": change.project_id,
        "champion": change.version,
        "changed": change.is_new,
        "prelabel_job": change.prelabel_job,
        "prelabel_waits": change.is_prelabel_waiting,
    }


def _reason(fields: Mapping[str, Any]) -> str:
    reason = fields.get("reason", "")
    if not isinstance(reason, str) or "\x00" in reason:
        raise BadRequest(f'"reason" is {str(reason)[:80]!r}; expected a text.')
    return reason.strip()


def _refuse_others(fields: Mapping[str, Any], known: tuple[str, ...]) -> None:
    # A name that is misspelt and ignored would change another thing than was asked.
    for name in fields:
        if name not in known:
            raise BadRequest(f'"{name[:80]}" is no field here; expected any of {", ".join(known)}.')
