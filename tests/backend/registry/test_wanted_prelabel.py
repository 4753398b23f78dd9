"""After a promotion the tasks that nobody has reviewed are pre-labelled anew, once."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from backend.entities import Job, JobOptions, JobState
from backend.queue import JobQueue
from backend.registry.move import move_champion
from backend.registry.prelabel import start_wanted_prelabels
from backend.store.database import Database
from backend.store.jobs import active_job, begin_scan, claim_job, create_job, end_job, get_job, list_jobs
from backend.store.promotions import wanted_prelabels
from backend.training.entities import TrainedVersion
from tests.backend.registry.makers import NOW, PROJECT
from tests.backend.servers import free_port

MakeVersions = Callable[..., list[TrainedVersion]]
UNREVIEWED = JobOptions(only_unlabelled=True)


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    """Redis is down, so jobs wait where the worker's sweep finds them."""
    made = JobQueue(f"redis://127.0.0.1:{free_port()}")
    yield made
    made.close()


def promote(database: Database, version: str | None, *, prelabel: bool = True) -> None:
    with database.write() as session:
        assert move_champion(session, PROJECT, version, reason="", prelabel=prelabel, now=NOW)


def begin_job(database: Database, version: str | None, options: JobOptions = UNREVIEWED) -> Job:
    """Make a job, let a worker begin it, and name the version that it predicts with, if it came so far."""
    job = create_job(database, PROJECT, options, now=NOW)
    assert job is not None and claim_job(database, job.id, owner="me", done=0, now=NOW) is not None
    if version is not None:
        begin_scan(database, job.id, owner="me", version=version, total=None, now=NOW)
    return get_job(database, job.id)


def start(database: Database, queue: JobQueue) -> str | None:
    return start_wanted_prelabels(database, queue, now=NOW).get(PROJECT)


def test_promotion_starts_a_job_for_unreviewed_tasks_once(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    promote(database, make_versions(1)[0].version)
    started = start(database, queue)
    job = active_job(database, PROJECT)
    assert job is not None and (job.id, job.options) == (started, UNREVIEWED)
    assert start(database, queue) is None and len(list_jobs(database)) == 1


def test_promotion_that_wants_none_starts_none(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    promote(database, make_versions(1)[0].version, prelabel=False)
    assert start(database, queue) is None and list_jobs(database) == []


def test_only_the_newest_promotion_counts(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    first, second = make_versions(2)
    promote(database, first.version)
    promote(database, second.version, prelabel=False)
    assert wanted_prelabels(database) == [] and start(database, queue) is None


def test_running_job_of_the_model_before_ends_first(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    first, second = make_versions(2)
    promote(database, first.version, prelabel=False)
    running = begin_job(database, first.version)
    promote(database, second.version)
    assert start(database, queue) is None
    assert get_job(database, running.id).is_cancel_asked
    assert start(database, queue) is None  # still at it
    end_job(database, running.id, JobState.CANCELLED, owner="me", now=NOW)
    started = start(database, queue)
    assert started is not None and started != running.id


def test_job_of_the_model_before_that_nobody_works_on_is_replaced_at_once(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    left = begin_job(database, "yolo11n-0ebbc80d")
    promote(database, make_versions(1)[0].version)
    started = start_wanted_prelabels(database, queue, now=NOW + timedelta(minutes=1))
    assert started.get(PROJECT) not in (None, left.id)
    assert get_job(database, left.id).state == JobState.CANCELLED


def test_rollback_to_the_settings_ends_the_job_of_the_version_before(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    promote(database, first.version, prelabel=False)
    running = begin_job(database, f"other-1a2b3c4d+{first.version}")
    promote(database, None)
    assert start(database, queue) is None and get_job(database, running.id).is_cancel_asked


def test_rollback_to_the_settings_ends_a_job_of_an_even_earlier_version(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    first, second = make_versions(2)
    promote(database, first.version, prelabel=False)
    running = begin_job(database, first.version)
    promote(database, second.version, prelabel=False)
    promote(database, None)
    assert start(database, queue) is None and get_job(database, running.id).is_cancel_asked


def test_job_of_the_weights_of_the_settings_is_joined_after_a_rollback_to_them(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    promote(database, make_versions(1)[0].version, prelabel=False)
    promote(database, None)
    running = begin_job(database, "yolo11n-0ebbc80d")
    assert start(database, queue) == running.id


@pytest.mark.parametrize("options", [UNREVIEWED, JobOptions()], ids=["unreviewed tasks", "all tasks"])
def test_job_of_the_new_model_is_joined(
    database: Database, queue: JobQueue, make_versions: MakeVersions, options: JobOptions
) -> None:
    [first] = make_versions(1)
    promote(database, first.version)
    running = begin_job(database, first.version, options)
    assert start(database, queue) == running.id and wanted_prelabels(database) == []


def test_job_that_waits_for_a_worker_is_joined(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    waiting = create_job(database, PROJECT, JobOptions(), now=NOW)
    promote(database, make_versions(1)[0].version)
    assert waiting is not None and start(database, queue) == waiting.id


@pytest.mark.parametrize("is_new", [True, False], ids=["of the new model", "of the model before"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(JobOptions(filters=("id>5",)), id="filtered"),
        pytest.param(JobOptions(scans=False), id="tasks by name"),
    ],
)
def test_job_of_some_tasks_is_waited_for(
    database: Database, queue: JobQueue, make_versions: MakeVersions, options: JobOptions, is_new: bool
) -> None:
    [first] = make_versions(1)
    promote(database, first.version)
    running = begin_job(database, first.version if is_new else "yolo11n-0ebbc80d", options)
    assert start(database, queue) is None and not get_job(database, running.id).is_cancel_asked
    end_job(database, running.id, JobState.DONE, owner="me", now=NOW)
    assert start(database, queue) not in (None, running.id)


def test_job_that_has_not_said_its_version_yet_is_waited_for(
    database: Database, queue: JobQueue, make_versions: MakeVersions
) -> None:
    running = begin_job(database, None)
    promote(database, make_versions(1)[0].version)
    assert start(database, queue) is None and wanted_prelabels(database) != []
    assert not get_job(database, running.id).is_cancel_asked


def test_call_that_was_killed_before_it_noted_the_start_joins_its_job(
    database: Database, queue: JobQueue, make_versions: MakeVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(database, make_versions(1)[0].version)
    with monkeypatch.context() as patch:
        patch.setattr("backend.registry.prelabel.mark_prelabel_started", lambda *_: None)
        started = start(database, queue)
    assert started is not None and start(database, queue) == started
    assert len(list_jobs(database)) == 1
