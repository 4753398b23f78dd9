"""Pre-labelling jobs over HTTP: start, watch, cancel."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from backend.endpoints.audited import audited
from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services, read_json
from backend.endpoints.query import read_number
from backend.entities import Job, JobOptions, TaskState
from backend.errors import BadRequest, NotFound
from backend.labelstudio.tasks import MAX_ID, as_object
from backend.prelabel.progress import job_to_json
from backend.prelabel.start import retry_prelabel, start_prelabel
from backend.store.job_tasks import count_tasks_of, list_tasks
from backend.store.jobs import ask_to_cancel, get_job, list_jobs
from backend.store.reviews import check_project

blueprint = Blueprint("jobs", __name__)
blueprint.before_request(require_caller)

_OPTIONS = {"only_unlabelled": bool, "filters": list, "retry_failed": bool}
_MOST_ROWS = 1000


@blueprint.post("/projects/<int:project_id>/prelabel")
def prelabel(project_id: int) -> tuple[Response, int]:
    """Start a job that pre-labels the project, or join the one that runs: 202 or 200."""
    services = get_services()
    is_known = _is_known(project_id)
    options = _read_options(read_json() if request.get_data() else {})
    asked = JobOptions(options["only_unlabelled"], tuple(options["filters"]))
    with audited(project_id, "prelabel", is_known=is_known) as act:
        if options["retry_failed"]:
            job, is_new = retry_prelabel(services.database, services.queue, project_id, asked), True
        else:
            job, is_new = start_prelabel(services.database, services.queue, project_id, asked)
        act.detail = job.id
    return jsonify(*_shown([job])), 202 if is_new else 200


@blueprint.get("/jobs")
def jobs() -> Response:
    """List jobs, the newest first; `?project=ID` those of one project."""
    project_id = read_number("project", None)
    return jsonify({"jobs": _shown(list_jobs(get_services().database, project_id=project_id))})


@blueprint.get("/jobs/<job_id>")
def job(job_id: str) -> Response:
    """Tell how far a job is."""
    return jsonify(*_shown([get_job(get_services().database, job_id)]))


@blueprint.get("/jobs/<job_id>/tasks")
def tasks(job_id: str) -> Response:
    """List a job's tasks with their states, a page at a time: `?state=failed&after=TASK_ID`."""
    database = get_services().database
    word = request.args.get("state")
    if word is not None and word not in list(TaskState):
        raise BadRequest(f'"state" is {word[:80]!r}; expected one of {", ".join(TaskState)}.')
    found = list_tasks(
        database,
        get_job(database, job_id).id,
        state=TaskState(word) if word else None,
        after=read_number("after", 0),
        limit=_MOST_ROWS,
    )
    rows = [{"task": task_id, "state": state, "reason": reason} for task_id, state, reason in found]
    return jsonify({"tasks": rows, "next_after": rows[-1]["task"] if len(rows) == _MOST_ROWS else None})


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Cancel a job; what is predicted already stays."""
    database = get_services().database
    found = get_job(database, job_id)
    with audited(found.project_id, "cancel-job", found.id):
        ask_to_cancel(database, found.id, now=datetime.now(UTC))
    return jsonify(*_shown([get_job(database, found.id)]))


def _is_known(project_id: int) -> bool:
    """Return whether the project has called here; others can be pre-labelled too, if Label Studio has them.

    Raises:
        NotFound: no project can have that id.
    """
    try:
        check_project(get_services().database, project_id)
    except NotFound:
        if project_id > MAX_ID:
            raise
        return False
    return True


def _shown(found: Sequence[Job]) -> list[dict[str, Any]]:
    counts = count_tasks_of(get_services().database, [job.id for job in found])
    return [job_to_json(job, counts[job.id], now=datetime.now(UTC)) for job in found]


def _read_options(body: object) -> Mapping[str, Any]:
    fields = as_object(body, "the body")
    for name, value in fields.items():
        kind = _OPTIONS.get(name)
        if kind is None or not isinstance(value, kind):
            raise BadRequest(
                f'"{str(name)[:80]}" is {str(value)[:80]!r}; expected only_unlabelled and retry_failed as '
                'true or false, and filters as a list of texts such as "id>100".'
            )
    if not all(isinstance(text, str) for text in fields.get("filters", [])):
        raise BadRequest('"filters" holds something else than texts; expected, for instance, ["id>100"].')
    return {"only_unlabelled": False, "filters": [], "retry_failed": False, **fields}
