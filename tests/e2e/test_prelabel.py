"""Pre-labelling as a job in a real Label Studio: killed half-way, run again, and what people see of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from label_studio_sdk.client import LabelStudio

from backend.entities import JobState, TaskState
from backend.store.database import Database
from backend.store.job_tasks import count_tasks
from backend.store.jobs import list_jobs

from .conftest import RunCommand, SmallProjectFactory
from .processes import wait_for
from .projects import Project, call, predictions_by_task
from .records import logged_predictions, newest_job
from .servers import Stack

COUNT = 200
KILLED_AT = 100
# The killed run's lease of 15 s must end, and a worker looks for such jobs every 10 s.
END_SECONDS = 90.0
SERVED = 12
TAB = "Model unsure first"


@dataclass(frozen=True)
class Killed:
    """A job whose worker was killed: how many tasks were predicted then, and how its command ended."""

    project: Project
    predicted_at_kill: int
    exit_code: int
    said: str


@pytest.fixture(scope="module")
def killed(
    stack: Stack,
    database: Database,
    new_small_project: SmallProjectFactory,
    run_backend_command: RunCommand,
    tmp_path_factory: pytest.TempPathFactory,
) -> Killed:
    """The job of a whole project, killed half-way, with another worker started after it."""
    project = new_small_project("Killed half-way", COUNT)
    assert run_backend_command("connect", "--project", str(project.id)).returncode == 0
    log = tmp_path_factory.mktemp("killed") / "prelabel.log"
    with stack.run_beside("prelabel", "--project", str(project.id), log=log) as command:
        wait_for(
            lambda: len(logged_predictions(database, project.id)) >= KILLED_AT,
            seconds=END_SECONDS,
            what=f"{KILLED_AT} predictions",
        )
        stack.job_worker.kill()
        predicted = len(logged_predictions(database, project.id))
        stack.job_worker.start()
        wait_for(lambda: command.poll() is not None, seconds=END_SECONDS, what="end of the command")
    return Killed(project, predicted, command.returncode, log.read_text())


def test_killed_job_was_half_way(killed: Killed):
    assert KILLED_AT <= killed.predicted_at_kill < COUNT


def test_command_that_watches_a_killed_job_sees_it_end_well(killed: Killed):
    assert killed.exit_code == 0, killed.said
    assert f"Done: {COUNT} tasks pre-labelled." in killed.said


def test_killed_job_ends_done_with_every_task_done(killed: Killed, database: Database):
    (job,) = list_jobs(database, project_id=killed.project.id)

    assert (job.state, job.error, job.notes, job.total) == (JobState.DONE, None, (), COUNT)
    assert count_tasks(database, job.id) == {
        TaskState.QUEUED: 0,
        TaskState.PREDICTED: 0,
        TaskState.DONE: COUNT,
        TaskState.FAILED: 0,
    }


def test_killed_job_leaves_one_prediction_a_task_in_label_studio(killed: Killed, sdk: LabelStudio):
    stored = predictions_by_task(sdk, killed.project)

    assert Counter(map(len, stored.values())) == {1: COUNT}


def test_killed_job_predicts_no_task_twice(killed: Killed, database: Database):
    predicted = Counter(row.task_id for row in logged_predictions(database, killed.project.id))

    assert predicted == dict.fromkeys(killed.project.tasks.values(), 1)


def test_job_makes_its_version_the_project_s_own(killed: Killed, sdk: LabelStudio, database: Database):
    (job,) = list_jobs(database, project_id=killed.project.id)

    stored = predictions_by_task(sdk, killed.project).values()
    assert {prediction.model_version for (prediction,) in stored} == {job.version}
    assert sdk.projects.get(killed.project.id).model_version == job.version


def test_second_job_skips_everything_and_makes_no_second_tab(
    killed: Killed, sdk: LabelStudio, database: Database, run_backend_command: RunCommand
):
    before = predictions_by_task(sdk, killed.project)

    again = run_backend_command("prelabel", "--project", str(killed.project.id))

    assert again.returncode == 0, again.stderr
    assert f"Done: 0 tasks pre-labelled, {COUNT} had the prediction already." in again.stdout
    job = newest_job(database, killed.project.id)
    assert (job.state, job.skipped) == (JobState.DONE, COUNT)
    assert sum(count_tasks(database, job.id).values()) == 0
    after = predictions_by_task(sdk, killed.project)
    assert [[p.id for p in held] for held in after.values()] == [
        [p.id for p in held] for held in before.values()
    ]
    assert len(logged_predictions(database, killed.project.id)) == COUNT
    assert [_title(view) for view in sdk.views.list(project=killed.project.id)].count(TAB) == 1


def test_tab_lists_tasks_by_ascending_score(killed: Killed, sdk: LabelStudio):
    (tab,) = [view for view in sdk.views.list(project=killed.project.id) if _title(view) == TAB]

    listed = [task.id for task in sdk.tasks.list(view=tab.id, project=killed.project.id, page_size=100)]

    assert sorted(listed) == sorted(killed.project.tasks.values())
    _assert_ascending(listed, _scores(sdk, killed.project))


def test_uncertainty_sampling_serves_tasks_by_ascending_score(killed: Killed, sdk: LabelStudio):
    project = killed.project
    sdk.projects.update(project.id, sampling="Uncertainty sampling")
    served = []

    for number in range(SERVED):
        task = call(sdk, "POST", "api/dm/actions", params={"id": "next_task", "project": project.id}, json={})
        assert "Active learning" in task["queue"]
        served.append(task["id"])
        # Every third is skipped, as annotators do.
        sdk.annotations.create(id=task["id"], result=[], was_cancelled=number % 3 == 2)

    scores = _scores(sdk, project)
    assert len(set(served)) == SERVED
    _assert_ascending(served, scores)
    assert max(scores[task] for task in served) == sorted(scores.values())[SERVED - 1]


def _scores(sdk: LabelStudio, project: Project) -> dict[int, float]:
    return {task: held[0].score for task, held in predictions_by_task(sdk, project).items()}


def _assert_ascending(tasks: Sequence[int], scores: dict[int, float]) -> None:
    found = [scores[task] for task in tasks]
    assert len(set(found)) > len(found) // 2, "too many equal scores to tell an order"
    assert found == sorted(found)


def _title(view: object) -> str:
    return str(getattr(view, "data", {}).get("title"))
