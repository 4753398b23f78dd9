"""What changes while a job is under way: Label Studio is away, a config is edited, tasks come and go."""

from datetime import UTC, datetime

from backend.entities import Job, JobState, TaskState
from backend.errors import LabelStudioError
from backend.prelabel.progress import progress_of
from backend.services import Services
from backend.store.job_tasks import add_tasks, count_tasks, list_tasks, retry_failed
from backend.store.jobs import ask_to_cancel
from tests.backend.image_server import ImageServer
from tests.backend.label_configs import BOXES
from tests.backend.makers import MakeServices, MakeSettings
from tests.backend.pictures import png
from tests.backend.prelabel.fake_project import FakeProject
from tests.backend.prelabel.runs import COUNT, GOOD, MISSING, predicted, work


def away_for_a_while(project: FakeProject, image_server: ImageServer) -> None:
    """Let Label Studio be away from the first push on: no image and no call of its works."""

    def away(call: str) -> None:
        if call == "push" or "push" in project.calls:
            image_server.serve(GOOD, b"", status=503)
            raise LabelStudioError("Label Studio does not answer.")

    project.before = away


def test_images_that_fail_because_label_studio_is_away_stay_queued(
    job: Job,
    project: FakeProject,
    image_server: ImageServer,
    make_services: MakeServices,
    make_settings: MakeSettings,
) -> None:
    services = make_services(make_settings(media_cache_mb=0))  # else no image would fail
    away_for_a_while(project, image_server)
    waiting = work(services, job, project)
    assert (waiting.state, waiting.error) == (JobState.QUEUED, "Label Studio does not answer.")
    assert count_tasks(services.database, job.id)[TaskState.FAILED] == 0
    project.before = lambda _: None
    image_server.serve(GOOD, png(20, 10))
    assert work(services, job, project).state == JobState.DONE
    assert len(project.pushed) == COUNT and len(predicted(services)) == COUNT


def test_cancel_while_label_studio_is_away_ends_the_job(
    services: Services, job: Job, project: FakeProject
) -> None:
    def away(_: str) -> None:
        ask_to_cancel(services.database, job.id, now=datetime.now(UTC))
        raise LabelStudioError("Label Studio does not answer.")

    project.before = away
    assert work(services, job, project).state == JobState.CANCELLED


def test_config_edited_meanwhile_is_followed_by_the_next_run(
    services: Services, job: Job, project: FakeProject
) -> None:
    renamed = BOXES.replace('name="label"', 'name="thing"')

    def edit(call: str) -> None:
        if call == "pushed" and project.calls.count("pushed") == 1:
            project.config = renamed

    project.before = edit
    assert work(services, job, project).state == JobState.QUEUED
    before = set(project.pushed)
    ended = work(services, job, project)
    assert ended.state == JobState.DONE
    failed = list_tasks(services.database, job.id, state=TaskState.FAILED, after=0, limit=COUNT)
    assert before and failed and all("labeling config has changed" in str(reason) for _, _, reason in failed)
    assert retry_failed(services.database, job.id)
    assert work(services, job, project).state == JobState.DONE
    assert set(project.pushed) == set(project.tasks)
    tags = {i: pushed["result"][0]["from_name"] for i, pushed in project.pushed.items()}
    assert {tags[i] for i in before} == {"label"}
    assert {tags[i] for i in set(tags) - before} == {"thing"}


def test_tasks_deleted_before_the_scan_came_to_them_are_not_left_over(
    services: Services, job: Job, project: FakeProject
) -> None:
    def delete(call: str) -> None:
        if call == "read_after" and project.calls.count("read_after") == 1:
            for task_id in range(240, 251):
                del project.tasks[task_id]

    project.before = delete
    ended = work(services, job, project)
    progress = progress_of(ended, count_tasks(services.database, job.id), now=datetime.now(UTC))
    assert (progress.total, progress.queued, progress.done) == (239, 0, 239)


def test_task_named_again_is_tried_again(
    services: Services, job: Job, project: FakeProject, image_server: ImageServer
) -> None:
    project.tasks[1] = {"image": MISSING}

    def name_again(call: str) -> None:
        if call == "keep_tabs" and project.calls.count("keep_tabs") == 2:
            image_server.serve(MISSING, png(20, 10))
            assert add_tasks(services.database, job.id, {1, 2})

    project.before = name_again
    assert work(services, job, project).state == JobState.DONE
    assert set(project.pushed) == set(project.tasks)
    assert project.predictions[2] == project.predictions[1]
