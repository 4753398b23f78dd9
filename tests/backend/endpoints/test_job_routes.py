"""Pre-labelling jobs over HTTP: started once, watched, cancelled; too large a selection becomes one."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from rq import Queue

from backend.entities import Prediction, TaskState
from backend.queue import PREDICT
from backend.services import Services
from backend.store.audit import list_audit
from backend.store.job_tasks import add_tasks, mark_tasks, queued_tasks, store_job_predictions
from backend.store.jobs import claim_job
from tests.backend.label_configs import BOXES, NO_COMMON_LABEL
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.tallies import know_project


def start(client: FlaskClient, status: int = 202, **options: Any) -> dict[str, Any]:
    answer = client.post("/projects/7/prelabel", json=options)
    assert answer.status_code == status, answer.text
    return dict(answer.json)


def select_tasks(client: FlaskClient, *ids: int, config: str = BOXES) -> Any:
    """Do what Label Studio does for "Retrieve predictions" over these tasks."""
    tasks = [{"id": n, "data": {"image": "/data/a.png"}} for n in ids]
    return client.post("/predict", json={"tasks": tasks, "project": "7.1", "label_config": config})


def test_started_job_waits_and_says_what_it_is(client: FlaskClient) -> None:
    job = start(client, only_unlabelled=True, filters=["id>5"])
    assert (job["kind"], job["project"], job["state"]) == ("prelabel", 7, "queued")
    assert job["options"] == {"only_unlabelled": True, "filters": ["id>5"], "scans": True}
    assert job["tasks"] == {
        "total": None,
        "queued": 0,
        "predicted": 0,
        "done": 0,
        "failed": 0,
        "skipped": 0,
    }
    assert client.get(f"/jobs/{job['id']}").json == job
    assert client.get("/jobs").json["jobs"] == [job] == client.get("/jobs?project=7").json["jobs"]
    assert client.get("/jobs?project=8").json["jobs"] == []


def test_project_has_one_job_at_a_time(client: FlaskClient) -> None:
    first = start(client)
    assert start(client, status=200)["id"] == first["id"]
    other = client.post("/projects/8/prelabel")
    assert (other.status_code, other.json["id"] == first["id"]) == (202, False)


def test_job_with_other_options_than_the_active_one_is_refused(client: FlaskClient) -> None:
    start(client, filters=["id>5"])
    for options in ({}, {"filters": ["id>6"]}, {"only_unlabelled": True}):
        answer = client.post("/projects/7/prelabel", json=options)
        assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
        assert "--cancel" in answer.json["message"]


def test_options_are_refused_where_a_job_goes_on_with_its_own(client: FlaskClient) -> None:
    answer = client.post("/projects/7/prelabel", json={"retry_failed": True, "filters": ["id>5"]})
    assert (answer.status_code, "keeps its options" in answer.json["message"]) == (400, True)


def test_options_in_a_body_of_unknown_length_count_too(client: FlaskClient) -> None:
    answer = client.post(
        "/projects/7/prelabel",
        input_stream=BytesIO(b'{"filters": ["id>5"]}'),
        environ_overrides={"wsgi.input_terminated": True},
        headers={"Transfer-Encoding": "chunked"},
    )
    assert answer.json["options"]["filters"] == ["id>5"]


def test_started_job_reaches_the_workers_queue(
    make_services: MakeServices, make_settings: MakeSettings, redis_address: str
) -> None:
    from backend.app import create_app

    services = make_services(make_settings(redis_url=redis_address))
    services.queue.redis.flushdb()
    job = start(create_app(services).test_client())
    [queued] = Queue(PREDICT, connection=services.queue.redis).jobs
    assert (queued.func_name, queued.args) == ("retrain.jobs.prelabel", (job["id"],))
    assert queued.timeout == -1
    services.queue.redis.flushdb()


def test_running_job_shows_counts_speed_and_reasons(client: FlaskClient, services: Services) -> None:
    job_id = start(client)["id"]
    now = datetime.now(UTC)
    assert claim_job(services.database, job_id, owner="me", done=0, now=now)
    assert add_tasks(services.database, job_id, range(1, 11))
    found = [Prediction(n, "v", None, (), 0.5, 0.1, filtered={"sliver": 2}) for n in (1, 2, 3)]
    store_job_predictions(services.database, job_id, found, owner="me", now=now)
    mark_tasks(services.database, job_id, {1: None, 2: None, 3: "gone"}, owner="me", now=now)
    job = client.get(f"/jobs/{job_id}").json
    assert (job["tasks"]["queued"], job["tasks"]["done"], job["tasks"]["failed"]) == (7, 2, 1)
    assert job["tasks_per_second"] > 0 and job["regions_filtered"] == {"sliver": 6}
    failed = client.get(f"/jobs/{job_id}/tasks?state=failed").json
    assert failed == {"tasks": [{"task": 3, "state": "failed", "reason": "gone"}], "next_after": None}
    assert [row["task"] for row in client.get(f"/jobs/{job_id}/tasks?after=8").json["tasks"]] == [9, 10]


def test_waiting_job_is_cancelled_at_once_and_makes_room(client: FlaskClient) -> None:
    job = start(client)
    assert client.post(f"/jobs/{job['id']}/cancel").json["state"] == "cancelled"
    assert client.post(f"/jobs/{job['id']}/cancel").status_code == 200
    assert start(client)["id"] != job["id"]


def test_failed_tasks_are_retried_in_the_same_job(client: FlaskClient, services: Services) -> None:
    job_id = start(client)["id"]
    now = datetime.now(UTC)
    claim_job(services.database, job_id, owner="me", done=0, now=now)
    add_tasks(services.database, job_id, {1, 2})
    mark_tasks(services.database, job_id, {1: None, 2: "gone"}, owner="me", now=now)
    busy = client.post("/projects/7/prelabel", json={"retry_failed": True})
    assert (busy.status_code, busy.json["error"]) == (400, "bad_request")
    with services.database.write() as session:
        from backend.store.tables import SqlJob

        job = session.get(SqlJob, job_id)
        assert job is not None
        job.state, job.active_project_id, job.finished_at = "done", None, now
    again = start(client, retry_failed=True)
    assert (again["id"], again["state"], again["finished_at"]) == (job_id, "queued", None)
    assert queued_tasks(services.database, job_id, after=0, limit=9) == [2]
    assert again["tasks"]["failed"] == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"only_unlabeled": True}, id="unknown option"),
        pytest.param({"only_unlabelled": "yes"}, id="word for a boolean"),
        pytest.param({"filters": "id>5"}, id="text for a list"),
        pytest.param({"filters": [5]}, id="number for a text"),
        pytest.param({"filters": ["id is five"]}, id="no filter"),
        pytest.param([], id="a list"),
    ],
)
def test_options_that_are_none_are_refused_and_start_nothing(client: FlaskClient, body: Any) -> None:
    answer = client.post("/projects/7/prelabel", json=body)
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert client.get("/jobs").json == {"jobs": []}


@pytest.mark.parametrize("path", ["/jobs/none", "/jobs/none/tasks"])
def test_unknown_job_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")
    assert client.post("/jobs/none/cancel").status_code == 404
    assert client.post("/projects/7/prelabel", json={"retry_failed": True}).status_code == 404


@pytest.mark.parametrize("query", ["state=perhaps", "after=-1", "after=x"])
def test_query_that_cannot_be_read_is_refused(client: FlaskClient, query: str) -> None:
    job_id = start(client)["id"]
    assert client.get(f"/jobs/{job_id}/tasks?{query}").status_code == 400


def test_selection_over_the_limit_becomes_a_job_of_its_tasks(client: FlaskClient, services: Services) -> None:
    answer = select_tasks(client, *range(1, 501))
    assert (answer.status_code, answer.json["error"]) == (413, "too_many_tasks")
    [job] = client.get("/jobs").json["jobs"]
    assert f"python -m backend jobs {job['id']} --watch" in answer.json["message"]
    assert job["options"]["scans"] is False and job["tasks"]["queued"] == 500
    assert queued_tasks(services.database, job["id"], after=0, limit=1000) == list(range(1, 501))


def test_selection_asked_again_joins_the_job_and_adds_what_is_new(
    client: FlaskClient, services: Services
) -> None:
    select_tasks(client, *range(1, 501))
    select_tasks(client, *range(400, 801))
    [job] = client.get("/jobs").json["jobs"]
    assert job["tasks"]["queued"] == 800
    assert len(queued_tasks(services.database, job["id"], after=0, limit=1000)) == 800


def test_selection_over_the_limit_with_a_config_that_cannot_work_is_told_so(client: FlaskClient) -> None:
    answer = select_tasks(client, *range(1, 501), config=NO_COMMON_LABEL.replace("&", "&amp;"))
    assert (answer.status_code, answer.json["error"]) == (422, "label_config_invalid")
    assert client.get("/jobs").json == {"jobs": []}


def test_states_of_tasks_are_those_that_the_docs_name() -> None:
    assert [state.value for state in TaskState] == ["queued", "predicted", "done", "failed"]


def test_start_and_cancel_stand_in_the_audit_log(client: FlaskClient, services: Services) -> None:
    know_project(services.database, 7)
    job = start(client)["id"]
    client.post(f"/jobs/{job}/cancel")
    entries = list_audit(services.database, 7)
    assert [(entry.action, entry.detail) for entry in entries] == [("cancel-job", job), ("prelabel", job)]


def test_what_is_refused_is_written_down_for_projects_that_are_known_alone(
    client: FlaskClient, services: Services
) -> None:
    know_project(services.database, 7)
    for project_id in (7, 404):
        refused = client.post(f"/projects/{project_id}/prelabel", json={"retry_failed": True})
        assert refused.status_code == 404
    assert [(entry.project_id, entry.is_done) for entry in list_audit(services.database)] == [(7, False)]


def test_job_of_a_project_that_has_not_called_yet_is_written_down(
    client: FlaskClient, services: Services
) -> None:
    job = start(client)["id"]
    assert [(entry.detail, entry.is_done) for entry in list_audit(services.database)] == [(job, True)]


def test_number_that_no_project_has_is_not_found(client: FlaskClient, services: Services) -> None:
    answer = client.post(f"/projects/{10**30}/prelabel")
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")
    assert list_audit(services.database) == []
