"""`embed` on the command line: what people see, and exit codes for scripts."""

from functools import partial

import pytest

from backend.entities import JobState
from backend.errors import LabelConfigError, LabelStudioError, NotFound
from backend.queue import PREDICT
from backend.sam.embed_progress import EmbedJobs
from backend.services import Services
from backend.settings import Settings
from tests.backend.label_configs import NO_BOXES, SMART_BOXES
from tests.backend.makers import MakeSettings, RunCommand
from tests.backend.prelabel.fake_project import FakeProject

PROJECT = 7


@pytest.fixture
def settings(make_settings: MakeSettings, redis_address: str) -> Settings:
    return make_settings(redis_url=redis_address)


@pytest.fixture
def jobs(services: Services) -> EmbedJobs:
    services.queue.redis.flushdb()
    return EmbedJobs(services.queue.redis)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    made = FakeProject({}, config=SMART_BOXES)
    monkeypatch.setattr("backend.cli.embed.LabelStudioProject", lambda client, project_id: made)
    return made


@pytest.fixture
def run(run_command: RunCommand, jobs: EmbedJobs, project: FakeProject) -> RunCommand:
    """Run `embed` of the project."""
    return partial(run_command, "embed", "--project", str(PROJECT))


@pytest.fixture
def watch(run: RunCommand, jobs: EmbedJobs, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Run `embed` while a worker gets so far: the pass is what the keywords say at the second look."""

    def call(state: JobState, **values: object) -> object:
        def work(seconds: float) -> None:
            jobs.claim(PROJECT, owner="worker")
            jobs.store(PROJECT, owner="worker", **values)
            jobs.end(PROJECT, state, owner="worker", error=str(values.get("error", "")))

        monkeypatch.setattr("backend.cli.job_bar.time.sleep", work)
        return run()

    return call  # type: ignore[return-value]


def test_job_is_queued_and_it_is_said_that_no_worker_runs(run: RunCommand, services: Services) -> None:
    result = run("--no-wait")
    assert result.exit_code == 0, result.output
    assert services.queue.lengths()[PREDICT] == 1
    assert "The images of project 7 are encoded." in result.output
    assert "make run" in result.output and "embed --project 7" in result.output
    assert "are being encoded already" in run("--no-wait").output
    assert services.queue.lengths()[PREDICT] == 1


def test_progress_is_shown_until_the_end(watch: RunCommand) -> None:
    result = watch(JobState.DONE, total=12, encoded=9, ready=3)
    assert result.exit_code == 0, result.output
    assert "Done: 9 tasks encoded, 3 were there already." in result.output and "12/12" in result.output


def test_failed_tasks_are_named_with_their_reasons_and_end_with_code_1(watch: RunCommand) -> None:
    result = watch(JobState.DONE, total=12, encoded=9, failed=3, reasons='["task 4: no image"]')
    assert result.exit_code == 1
    assert "3 failed" in result.output and "Failed: task 4: no image" in result.output
    assert "and 2 more." in result.output


def test_failed_job_gives_its_reason_and_code_1(watch: RunCommand) -> None:
    result = watch(JobState.FAILED, total=12, error="The weights are missing.", note="Too small a cache.")
    assert result.exit_code == 1
    assert "Failed: 0 tasks encoded, 12 left." in result.output
    assert "Reason: The weights are missing." in result.output
    assert "Note: Too small a cache." in result.output


def test_ctrl_c_ends_the_watching_and_not_the_job(
    run: RunCommand, jobs: EmbedJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.cli.job_bar.time.sleep", interrupt)
    result = run()
    assert result.exit_code == 130 and "embed --project 7 --cancel" in result.output
    assert jobs.without_worker() == [PROJECT]


def test_job_is_cancelled(run: RunCommand, jobs: EmbedJobs) -> None:
    assert isinstance(run("--cancel").exception, NotFound)
    run("--no-wait")
    assert run("--cancel").exit_code == 0
    found = jobs.get(PROJECT)
    assert found is not None and found.state == JobState.CANCELLED


def test_project_without_a_tag_for_masks_is_an_error(run: RunCommand, project: FakeProject) -> None:
    project.config = NO_BOXES
    assert isinstance(run().exception, LabelConfigError)


def test_project_that_label_studio_does_not_know_is_an_error(
    run: RunCommand, project: FakeProject, services: Services
) -> None:
    def refuse(call: str) -> None:
        raise LabelStudioError("Label Studio has no such project.", refused_with=404)

    project.before = refuse
    assert isinstance(run().exception, LabelStudioError)
    assert services.queue.lengths()[PREDICT] == 0
