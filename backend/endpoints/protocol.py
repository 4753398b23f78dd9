"""The protocol that Label Studio speaks to a machine learning backend."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify
from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq.job import Job

from backend.endpoints.auth import require_caller
from backend.endpoints.context import get_services, read_json
from backend.entities import JobOptions
from backend.errors import BadRequest, NotFound, QueueUnavailable, TooManyTasks
from backend.labelstudio.tasks import PredictRequest, as_object, parse_predict, parse_setup, parse_task
from backend.prelabel.start import start_prelabel
from backend.review.sync_request import ask_for_sync
from backend.services import Services
from backend.store.projects import label_config_of, list_model_versions
from model import YoloSamModel

blueprint = Blueprint("protocol", __name__)
blueprint.before_request(require_caller)


@blueprint.post("/setup")
def setup() -> Response:
    """Check the project's labeling config and name the model version that serves it."""
    services = get_services()
    asked = parse_setup(read_json())
    is_new = asked.project_id is not None and label_config_of(services.database, asked.project_id) is None
    plan = services.pipeline.setup(asked.project_id, asked.label_config)
    if is_new and asked.project_id is not None:
        # What was annotated before anybody told us.
        ask_for_sync(services.queue, asked.project_id)
    return jsonify({"model_version": plan.version})


@blueprint.post("/validate")
def validate() -> Response:
    """Check a labeling config and tell which of the model's classes or key points fill which label."""
    asked = parse_setup(read_json())
    plan = get_services().pipeline.planner.plan(asked.label_config, asked.project_id)
    tags = {tag.control.name: dict(tag.label_map or tag.points) for tag in plan.tags}
    return jsonify({"status": "ok", "model_version": plan.version, "label_maps": tags})


@blueprint.post("/predict")
def predict() -> Response:
    """Predict tasks: one result for each, in order. More than fit in a request become a job."""
    services = get_services()
    asked = parse_predict(read_json())
    if len(asked.tasks) > services.settings.predict_max_tasks:
        raise _become_job(services, asked)
    services.serving.touch()
    model = YoloSamModel(asked.project_id, asked.label_config, services=services)
    return jsonify({"results": model.predict(asked.tasks, context=asked.context)})


@blueprint.get("/versions")
@blueprint.post("/versions")
def versions() -> Response:
    """List the model versions that have served, newest first."""
    return jsonify({"versions": list_model_versions(get_services().database)})


@blueprint.post("/job_status")
def job_status() -> Response:
    """Tell the state of a job of ours."""
    job_id = as_object(read_json(), "the body").get("job")
    if not isinstance(job_id, str) or not job_id:
        raise BadRequest('"job" is missing; expected the id of a job.')
    try:
        job = Job.fetch(job_id, connection=get_services().queue.redis)
        return jsonify(_job_json(job))
    except (NoSuchJobError, ValueError):
        raise NotFound(f"There is no job {job_id[:80]!r}; jobs that ended well are forgotten.") from None
    except RedisError as error:
        raise QueueUnavailable(f"Redis does not answer: {error}.") from None


def _become_job(services: Services, asked: PredictRequest) -> TooManyTasks:
    """Return the error that tells of the job which predicts the tasks."""
    many = f"{len(asked.tasks)} tasks are more than one request takes (PREDICT_MAX_TASKS)."
    ids = {task.id for task in map(parse_task, asked.tasks) if task.id is not None}
    if asked.project_id is None or len(ids) < len(asked.tasks):
        return TooManyTasks(f"{many} Without a project and task ids they cannot become a job: send fewer.")
    # What cannot work is told now, not later.
    services.pipeline.planner.plan(asked.label_config, asked.project_id).check_is_trained()
    job, _ = start_prelabel(
        services.database, services.queue, asked.project_id, JobOptions(scans=False), task_ids=ids
    )
    return TooManyTasks(
        f"{many} Job {job.id} predicts them now, and their predictions appear by themselves. Watch it: "
        f"python -m backend jobs {job.id} --watch, or GET /jobs/{job.id}"
    )


def _job_json(job: Job) -> Mapping[str, Any]:
    times = {name: getattr(job, name) for name in ("created_at", "enqueued_at", "ended_at")}
    return {
        "job_id": job.id,
        "job_status": job.get_status(refresh=False),
        **{name: time.isoformat() if time else None for name, time in times.items()},
    }
