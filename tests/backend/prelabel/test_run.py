"""A pre-labelling run: everything predicted and pushed once, whatever happens on the way."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from backend.entities import Job, JobOptions, JobState, TaskState
from backend.errors import LabelStudioError
from backend.prelabel.work import MOST_STALLS
from backend.services import Services
from backend.store.job_tasks import add_tasks, count_tasks, list_tasks, retry_failed
from backend.store.jobs import ask_to_cancel, claim_job, create_job, get_job
from backend.store.tables import SqlJob
from tests.backend.image_server import ImageServer
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject
from tests.backend.prelabel.runs import COUNT, GOOD, MISSING, predicted, work


class Killed(BaseException):
    """Ends a run as SIGKILL would: nothing of it is caught or put in order."""


def killed_once(calls: str, *, at: int = 1) -> Callable[[str], None]:
    """Kill the run at the given call of that name, once."""
    seen: list[str] = []

    def before(name: str) -> None:
        seen.append(name)
        if name == calls and seen.count(calls) == at:
            raise Killed(name)

    return before


def release(services: Services, job: Job) -> None:
    """Let the lease of a killed run end, as time does."""
    with services.database.write() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(SqlJob).where(SqlJob.id == job.id).values(lease_until=past))


def test_every_task_is_predicted_and_pushed_once(services: Services, job: Job, project: FakeProject) -> None:
    ended = work(services, job, project)
    assert (ended.state, ended.error, ended.notes) == (JobState.DONE, None, ())
    assert ended.total == COUNT and ended.version is not None
    assert project.predictions == {i: [ended.version] for i in range(1, COUNT + 1)}
    assert count_tasks(services.database, job.id)[TaskState.DONE] == COUNT
    assert sorted(predicted(services)) == [(i, 1) for i in range(1, COUNT + 1)]
    assert project.pushed[1]["model_version"] == ended.version and len(project.pushed[1]["result"]) == 2
    assert project.followed and project.calls[-1] == "keep_tabs"


@pytest.mark.parametrize(
    ("call", "at"),
    [
        pytest.param("count", 1, id="before anything is read"),
        pytest.param("read_after", 1, id="at the first page"),
        pytest.param("read_after", 2, id="at the second page"),
        pytest.param("push", 1, id="before the first push"),
        pytest.param("pushed", 1, id="after Label Studio stored the first push"),
        pytest.param("pushed", 2, id="after Label Studio stored the second push"),
        pytest.param("follow_version", 1, id="before the version is followed"),
        pytest.param("keep_tabs", 1, id="at the end"),
    ],
)
def test_killed_run_is_taken_up_and_nothing_happens_twice(
    services: Services, job: Job, project: FakeProject, call: str, at: int
) -> None:
    project.before = killed_once(call, at=at)
    with pytest.raises(Killed):
        work(services, job, project)
    assert get_job(services.database, job.id).state == JobState.RUNNING
    release(services, job)
    ended = work(services, job, project)
    assert ended.state == JobState.DONE
    assert project.predictions == {i: [ended.version] for i in range(1, COUNT + 1)}
    assert count_tasks(services.database, job.id)[TaskState.DONE] == COUNT
    assert sorted(predicted(services)) == [(i, 1) for i in range(1, COUNT + 1)]


def test_tasks_that_hold_the_version_are_skipped(services: Services, job: Job, project: FakeProject) -> None:
    version = services.pipeline.planner.plan(project.config).version
    for task_id in range(1, 101):
        project.predictions[task_id] = ["older", version]
    project.predictions[200] = ["older"]
    ended = work(services, job, project)
    assert (ended.state, ended.skipped) == (JobState.DONE, 100)
    assert set(project.pushed) == set(range(101, COUNT + 1))


def test_task_that_fails_keeps_its_reason_and_harms_no_other(
    services: Services, job: Job, project: FakeProject, image_server: ImageServer
) -> None:
    project.tasks[5] = {"image": MISSING}
    project.tasks[6] = {}
    ended = work(services, job, project)
    assert ended.state == JobState.DONE
    failed = list_tasks(services.database, job.id, state=TaskState.FAILED, after=0, limit=10)
    assert [(i, reason.split(":")[0]) for i, _, reason in failed if reason] == [
        (5, "http_status"),
        (6, "no_image"),
    ]
    assert project.predictions[5] == [] and len(project.pushed) == COUNT - 2

    image_server.serve(MISSING, png(20, 10))
    assert retry_failed(services.database, job.id)
    ended = work(services, job, project)
    counts = count_tasks(services.database, job.id)
    assert (counts[TaskState.DONE], counts[TaskState.FAILED]) == (COUNT - 1, 1)
    assert project.predictions[5] == [ended.version]


def test_task_deleted_meanwhile_fails_alone(services: Services, job: Job, project: FakeProject) -> None:
    def delete_at_push(call: str) -> None:
        if call == "push":
            project.tasks.pop(3, None)

    project.before = delete_at_push
    assert work(services, job, project).state == JobState.DONE
    assert list_tasks(services.database, job.id, state=TaskState.FAILED, after=0, limit=10) == [
        (3, TaskState.FAILED, "The task is not in Label Studio any more.")
    ]


def test_named_tasks_are_taken_and_no_others(services: Services, project: FakeProject) -> None:
    made = create_job(services.database, 7, JobOptions(scans=False), now=datetime.now(UTC))
    assert made is not None and add_tasks(services.database, made.id, {2, 4, 9999})
    assert work(services, made, project).state == JobState.DONE
    assert set(project.pushed) == {2, 4}
    assert list_tasks(services.database, made.id, state=TaskState.FAILED, after=0, limit=10)[0][0] == 9999


def test_tasks_named_during_the_run_are_taken_along(
    services: Services, job: Job, project: FakeProject
) -> None:
    def add(call: str) -> None:
        if call == "keep_tabs" and 9000 not in project.tasks:
            project.tasks[9000], project.predictions[9000] = {"image": GOOD}, []
            assert add_tasks(services.database, job.id, {9000})

    project.before = add
    assert work(services, job, project).state == JobState.DONE
    assert 9000 in project.pushed


def test_cancelled_run_stops_and_keeps_what_it_has(
    services: Services, job: Job, project: FakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.prelabel.run._HEARTBEAT_SECONDS", 0.01)
    asked = threading.Event()

    def cancel_at_second_page(call: str) -> None:
        if call == "read_after" and project.calls.count("read_after") == 2:
            ask_to_cancel(services.database, job.id, now=datetime.now(UTC))
            asked.wait(0.5)  # never set: gives the heartbeat time to see it

    project.before = cancel_at_second_page
    ended = work(services, job, project)
    assert ended.state == JobState.CANCELLED and ended.finished_at is not None
    counts = count_tasks(services.database, job.id)
    assert 0 < counts[TaskState.DONE] < COUNT and counts[TaskState.PREDICTED] == 0
    assert len(project.pushed) == counts[TaskState.DONE]


def test_waiting_job_is_cancelled_at_once(services: Services, job: Job, project: FakeProject) -> None:
    ask_to_cancel(services.database, job.id, now=datetime.now(UTC))
    assert get_job(services.database, job.id).state == JobState.CANCELLED
    assert work(services, job, project).state == JobState.CANCELLED
    assert project.calls == []


def test_stopping_worker_gives_the_job_back_and_another_run_finishes_it(
    services: Services, job: Job, project: FakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.prelabel.run._HEARTBEAT_SECONDS", 0.01)
    stopped = work(services, job, project, is_stopping=lambda: True)
    assert stopped.state == JobState.QUEUED and stopped.finished_at is None
    assert len(project.pushed) < COUNT
    assert work(services, job, project).state == JobState.DONE
    assert sorted(predicted(services)) == [(i, 1) for i in range(1, COUNT + 1)]


@pytest.mark.parametrize("call", ["label_config", "read_after", "push"])
def test_label_studio_that_is_away_leaves_the_job_waiting(
    services: Services, job: Job, project: FakeProject, call: str
) -> None:
    def away(name: str) -> None:
        if name == call:
            raise LabelStudioError("Label Studio does not answer.")

    project.before = away
    waiting = work(services, job, project)
    assert (waiting.state, waiting.error) == (JobState.QUEUED, "Label Studio does not answer.")
    project.before = lambda _: None
    ended = work(services, job, project)
    assert (ended.state, ended.error) == (JobState.DONE, None)
    assert sorted(predicted(services)) == [(i, 1) for i in range(1, COUNT + 1)]


@pytest.mark.parametrize("status", [401, 404])
def test_refusal_that_stays_one_ends_the_job(
    services: Services, job: Job, project: FakeProject, status: int
) -> None:
    def refuse(_: str) -> None:
        raise LabelStudioError("No.", refused_with=status)

    project.before = refuse
    ended = work(services, job, project)
    assert (ended.state, ended.error) == (JobState.FAILED, "No.")


def test_config_that_cannot_work_ends_the_job_with_the_reason(
    services: Services, job: Job, project: FakeProject
) -> None:
    project.config = "<View/>"
    ended = work(services, job, project)
    assert ended.state == JobState.FAILED and "RectangleLabels" in str(ended.error)


def test_fault_of_ours_ends_the_job_and_names_its_kind(
    services: Services, job: Job, project: FakeProject
) -> None:
    def fail(call: str) -> None:
        if call == "push":
            raise ZeroDivisionError("oops")

    project.before = fail
    ended = work(services, job, project)
    assert (ended.state, ended.error) == (JobState.FAILED, "ZeroDivisionError: oops")


def test_other_model_in_service_ends_a_job_half_way(
    services: Services, job: Job, project: FakeProject
) -> None:
    with services.database.write() as session:
        session.execute(update(SqlJob).values(version="earlier-12345678"))
    ended = work(services, job, project)
    assert ended.state == JobState.FAILED and "earlier-12345678" in str(ended.error)


def test_job_that_another_process_runs_is_left_to_it(
    services: Services, job: Job, project: FakeProject
) -> None:
    assert claim_job(services.database, job.id, owner="other", done=0, now=datetime.now(UTC))
    assert work(services, job, project).state == JobState.RUNNING
    assert project.calls == []


def test_run_that_lost_its_lease_stores_nothing_more(
    services: Services, job: Job, project: FakeProject
) -> None:
    def take_over(call: str) -> None:
        if call == "push" and project.calls.count("push") == 1:
            # In one step: the run itself renews its lease meanwhile.
            with services.database.write() as session:
                session.execute(update(SqlJob).values(owner="other"))

    project.before = take_over
    assert work(services, job, project).state == JobState.RUNNING
    assert count_tasks(services.database, job.id)[TaskState.DONE] == 0


def test_job_whose_worker_dies_again_and_again_is_given_up(
    services: Services, job: Job, project: FakeProject
) -> None:
    def die(_: str) -> None:
        raise Killed

    project.before = die
    for _ in range(MOST_STALLS):
        with pytest.raises(Killed):
            work(services, job, project)
        release(services, job)
    ended = work(services, job, project)
    assert ended.state == JobState.FAILED and "PREDICT_BATCH" in str(ended.error)


def test_tab_that_cannot_be_made_is_a_note(services: Services, job: Job, project: FakeProject) -> None:
    def refuse(call: str) -> None:
        if call == "keep_tabs":
            raise LabelStudioError("No tabs today.", refused_with=403)

    project.before = refuse
    ended = work(services, job, project)
    assert ended.state == JobState.DONE
    assert ended.notes == ('tab "Model unsure first": No tabs today.',)
