"""Which tasks a pre-labelling job takes, what fails, what is blind, and how people start and end one."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from label_studio_sdk.client import LabelStudio

from backend.entities import JobState
from backend.inference.blind import is_blind
from backend.inference.certainty import task_certainty
from backend.store.database import Database
from backend.store.jobs import list_jobs

from .conftest import RunCommand, SmallProjectFactory
from .processes import wait_for
from .projects import SMALL_THRESHOLD, call, predictions_by_task, retrieve_predictions
from .records import logged_predictions, newest_job
from .servers import PREDICT_MAX_TASKS, Stack

JOB_SECONDS = 60.0
AT_ONCE_SECONDS = 5.0
BLIND_FRACTION = 0.5
MANY = 1500  # more than a job predicts before it sees that it is cancelled


@pytest.fixture
def blind_worker(stack: Stack) -> Iterator[None]:
    """Let half of the tasks be blind, for the time of one test."""
    stack.job_worker.end()
    stack.job_worker.start(BLIND_FRACTION=str(BLIND_FRACTION))
    yield
    stack.job_worker.end()
    stack.job_worker.start()


def test_filter_and_only_unlabelled_leave_the_other_tasks_alone(
    sdk: LabelStudio,
    database: Database,
    new_small_project: SmallProjectFactory,
    run_backend_command: RunCommand,
):
    project = new_small_project("Chosen", 6)
    _, second, annotated, *chosen = sorted(project.tasks.values())
    sdk.annotations.create(id=annotated, result=[])

    said = run_backend_command(
        "prelabel", "--project", str(project.id), "--only-unlabelled", "--filter", f"id>{second}"
    )

    assert said.returncode == 0, said.stdout + said.stderr
    held = predictions_by_task(sdk, project)
    assert {task: len(found) for task, found in held.items() if found} == dict.fromkeys(chosen, 1)
    assert [p.task_id for p in logged_predictions(database, project.id)] == chosen


def test_task_without_its_image_fails_with_the_reason_and_is_done_once_mended(
    sdk: LabelStudio,
    database: Database,
    new_small_project: SmallProjectFactory,
    run_backend_command: RunCommand,
):
    project = new_small_project("Mended", 3)
    broken, *whole = sorted(project.tasks.values())
    data = sdk.tasks.get(id=str(broken)).data
    sdk.tasks.update(id=str(broken), data={"image": f"/data/upload/{project.id}/lost.png"})

    first = run_backend_command("prelabel", "--project", str(project.id))
    job = newest_job(database, project.id)
    failed = run_backend_command("jobs", job.id, "--failed")
    held = predictions_by_task(sdk, project)
    sdk.tasks.update(id=str(broken), data=data)
    again = run_backend_command("prelabel", "--project", str(project.id), "--retry-failed")

    assert (first.returncode, again.returncode) == (1, 0), first.stdout + again.stdout + again.stderr
    assert failed.stdout.startswith(f"task {broken}: http_status: ") and "lost.png" in failed.stdout
    assert failed.stdout.count("task ") == 1
    assert {task for task, found in held.items() if found} == set(whole)
    assert [len(found) for found in predictions_by_task(sdk, project).values()] == [1, 1, 1]
    assert [found.id for found in list_jobs(database, project_id=project.id)] == [job.id]
    assert newest_job(database, project.id).state == JobState.DONE


def test_blind_tasks_are_logged_in_full_and_pushed_empty_with_the_true_score(
    sdk: LabelStudio,
    database: Database,
    new_small_project: SmallProjectFactory,
    run_backend_command: RunCommand,
    blind_worker: None,
):
    project = new_small_project("Blind", 24)

    said = run_backend_command("prelabel", "--project", str(project.id))

    assert said.returncode == 0, said.stdout + said.stderr
    held = {task: found[0] for task, found in predictions_by_task(sdk, project).items()}
    logged = {p.task_id: p for p in logged_predictions(database, project.id)}
    blind = {task for task in held if is_blind(project.id, task, fraction=BLIND_FRACTION)}
    assert blind and blind != set(held)
    for task, prediction in held.items():
        scores = [region.score for region in logged[task].regions]
        shown = 0 if task in blind else len(scores)
        assert scores and logged[task].blind == (task in blind)
        assert len(prediction.result) == shown, task
        assert prediction.score == pytest.approx(task_certainty(scores, threshold=SMALL_THRESHOLD))


def test_retrieval_of_more_tasks_than_one_request_takes_becomes_one_job(
    sdk: LabelStudio,
    database: Database,
    new_small_project: SmallProjectFactory,
    run_backend_command: RunCommand,
):
    project = new_small_project("Retrieved", PREDICT_MAX_TASKS + 8)
    assert run_backend_command("connect", "--project", str(project.id)).returncode == 0

    began = time.monotonic()
    answers = [retrieve_predictions(sdk, project.id) for _ in range(2)]
    seconds = time.monotonic() - began
    wait_for(
        lambda: newest_job(database, project.id).finished_at is not None,
        seconds=JOB_SECONDS,
        what="end of the job",
    )
    retrieve_predictions(sdk, project.id)

    assert seconds < AT_ONCE_SECONDS
    # Label Studio says so whatever a backend answers; our error, which names the job, is in its log alone.
    count = len(project.tasks)
    assert answers == [{"processed_items": count, "detail": f"Retrieved {count} predictions"}] * 2
    assert [job.state for job in list_jobs(database, project_id=project.id)] == [JobState.DONE]
    assert {len(found) for found in predictions_by_task(sdk, project).values()} == {1}
    assert len(logged_predictions(database, project.id)) == count


def test_job_is_started_watched_and_cancelled_over_http(
    sdk: LabelStudio, stack: Stack, database: Database, new_small_project: SmallProjectFactory
):
    project = new_small_project("Cancelled", 1)
    address = sdk.tasks.get(id=str(*project.tasks.values())).data["image"]
    more = [{"image": f"{address}?number={number}"} for number in range(MANY)]
    call(sdk, "POST", f"api/projects/{project.id}/import", json=more)
    start = f"/projects/{project.id}/prelabel"

    with httpx.Client(base_url=stack.url, auth=stack.credentials, timeout=30, trust_env=False) as caller:
        stranger = httpx.post(f"{stack.url}{start}", trust_env=False)
        started, joined = caller.post(start), caller.post(start)
        path = f"/jobs/{started.json()['id']}"
        _wait_for_job(caller, path, lambda job: job["tasks"]["done"] > 0)
        caller.post(f"{path}/cancel").raise_for_status()
        ended = _wait_for_job(caller, path, lambda job: job["finished_at"] is not None)
        left = caller.get(f"{path}/tasks", params={"state": "predicted"}).json()["tasks"]

    assert (stranger.status_code, started.status_code, joined.status_code) == (401, 202, 200)
    assert joined.json()["id"] == started.json()["id"]
    assert (ended["state"], ended["error"], left) == ("cancelled", None, [])
    tasks = ended["tasks"]
    assert tasks["total"] == MANY + 1 and 0 < tasks["done"] < MANY
    assert tasks["done"] + tasks["queued"] == tasks["total"]
    stored = call(sdk, "GET", f"api/projects/{project.id}/model-versions/")
    assert stored == {ended["model_version"]: tasks["done"]}
    assert len(logged_predictions(database, project.id)) == tasks["done"]


def _wait_for_job(caller: httpx.Client, path: str, is_so: Any) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def look() -> bool:
        seen.update(caller.get(path).raise_for_status().json())
        return bool(is_so(seen))

    wait_for(look, seconds=JOB_SECONDS, what=f"what is expected of {path}")
    return seen
