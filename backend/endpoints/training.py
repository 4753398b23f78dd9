"""Training over HTTP: ask for a run, watch and cancel runs, a project's own settings."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify

from backend.endpoints.audited import audited
from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services, read_json
from backend.endpoints.query import read_number, refuse_unknown
from backend.labelstudio.tasks import as_object
from backend.store.project_settings import own_settings, project_settings, set_project_settings
from backend.store.reviews import check_project
from backend.store.runs import active_run, ask_to_cancel_run, get_run, list_epochs, list_runs
from backend.training.progress import run_to_json
from backend.training.request import ask_for_training

blueprint = Blueprint("training", __name__)
blueprint.before_request(require_caller)


@blueprint.post("/projects/<int:project_id>/train")
def train(project_id: int) -> tuple[Response, int]:
    """Ask for a run of the project; it follows the active one, if there is one."""
    services = get_services()
    check_project(services.database, project_id)
    with audited(project_id, "train"):
        ask_for_training(services.database, services.queue, project_id, now=datetime.now(UTC))
    active = active_run(services.database, project_id)
    return jsonify(
        {"project": project_id, "state": "asked", "active_run": active.id if active else None}
    ), 202


@blueprint.get("/runs")
def runs() -> Response:
    """List runs, the newest first; `?project=ID` those of one project."""
    refuse_unknown(("project",))
    found = list_runs(get_services().database, project_id=read_number("project", None))
    return jsonify({"runs": [run_to_json(run, None, now=datetime.now(UTC)) for run in found]})


@blueprint.get("/runs/<run_id>")
def run(run_id: str) -> Response:
    """Tell how far a run is, with its epochs."""
    return _shown(run_id)


@blueprint.post("/runs/<run_id>/cancel")
def cancel(run_id: str) -> Response:
    """Cancel a run; the model in service stays."""
    database = get_services().database
    found = get_run(database, run_id)
    with audited(found.project_id, "cancel-run", found.id):
        ask_to_cancel_run(database, found.id, now=datetime.now(UTC))
    return _shown(found.id)


@blueprint.get("/projects/<int:project_id>/settings")
def settings(project_id: int) -> Response:
    """Tell which settings of retraining hold for the project, and which are its own."""
    check_project(get_services().database, project_id)
    return _shown_settings(project_id)


@blueprint.put("/projects/<int:project_id>/settings")
def change_settings(project_id: int) -> Response:
    """Change the project's own settings: those that are named; null takes one away."""
    services = get_services()
    changes = as_object(read_json(), "the body")
    check_project(services.database, project_id)
    with audited(project_id, "settings", ", ".join(f"{name}={value}" for name, value in changes.items())):
        set_project_settings(services.database, project_id, changes, services.settings)
    return _shown_settings(project_id)


def _shown(run_id: str) -> Response:
    database = get_services().database
    found = get_run(database, run_id)
    return jsonify(run_to_json(found, list_epochs(database, run_id), now=datetime.now(UTC)))


def _shown_settings(project_id: int) -> Response:
    services = get_services()
    effective = project_settings(services.database, project_id, services.settings)
    return jsonify(
        {
            "project": project_id,
            "settings": _in_capitals(effective.model_dump(mode="json")),
            "own": _in_capitals(own_settings(services.database, project_id)),
        }
    )


def _in_capitals(values: dict[str, Any]) -> dict[str, Any]:
    # As they are written everywhere else.
    return {name.upper(): value for name, value in values.items()}
