"""Worker and Redis killed while a run is worked on: it goes on with its last epoch, and ends once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

from backend.store.artifacts import ArtifactStore
from backend.store.database import Database, open_database
from backend.store.runs import get_run, list_epochs
from backend.store.versions import list_trained
from backend.training.entities import Phase, RunState, TrainingRun
from tests.backend.image_server import run_image_server
from tests.backend.review.events import PROJECT
from tests.retrain.trainable import QUICK, annotate_squares, begin_run

from .processes import Program
from .servers import run_programs

EPOCHS = 6
TASKS = range(1, 61)
SEEN_SECONDS, END_SECONDS = 120.0, 300.0
LOOK_SECONDS = 0.005

Moment = Callable[[TrainingRun], bool]


@dataclass(frozen=True)
class Place:
    """The programs under test, and what they keep."""

    database: Database
    artifacts: ArtifactStore
    programs: dict[str, Program]
    folder: Path


@pytest.fixture
def place(tmp_path: Path, tiny_weights: Path) -> Iterator[Place]:
    """A Redis and a worker of long jobs; there is no Label Studio, so nothing is synced."""
    modules = {
        "redis": ["backend.embedded_redis"],
        "job-worker": ["retrain.worker", "predict", "train"],
    }
    with run_image_server() as server:
        settings = {
            "DATA_DIR": str(tmp_path / "data"),
            "YOLO_WEIGHTS": str(tiny_weights),
            "LABEL_STUDIO_URL": server.url,
            "LABEL_STUDIO_API_KEY": "",
        }
        (tmp_path / "data").mkdir()
        address = f"sqlite:///{tmp_path / 'data/backend.sqlite3'}"
        with closing(open_database(address, timeout=30)) as database:
            annotate_squares(database, server, tasks=TASKS)
            artifacts = ArtifactStore(str(tmp_path / "data/artifacts"), cache=tmp_path / "cache")
            with run_programs(tmp_path, modules, settings) as programs:
                yield Place(database, artifacts, programs, tmp_path)


def await_run(place: Place, run_id: str, is_it: Moment, *, seconds: float) -> TrainingRun:
    """Look again and again until the run is as wanted."""
    deadline = monotonic() + seconds
    while not is_it(run := get_run(place.database, run_id)):
        if monotonic() > deadline:
            log = (place.folder / "job-worker.log").read_text()[-4000:]
            pytest.fail(f"not within {seconds:g} s: {run}\n{log}", pytrace=False)
        sleep(LOOK_SECONDS)
    return run


def has_ended(run: TrainingRun) -> bool:
    return run.finished_at is not None


def in_phase(phase: Phase) -> Moment:
    return lambda run: run.state == RunState.RUNNING and run.phase == phase


def after_epoch(epoch: int) -> Moment:
    return lambda run: run.epoch >= epoch


def assert_ended_once(place: Place, run_id: str) -> None:
    run = await_run(place, run_id, has_ended, seconds=END_SECONDS)
    assert (run.state, run.error) == (RunState.DONE, None), run
    assert [each.epoch for each in list_epochs(place.database, run_id)] == list(range(1, EPOCHS + 1))
    assert [version.run_id for version in list_trained(place.database, PROJECT)] == [run_id]
    await_run(place, run_id, lambda _: place.artifacts.names("runs") == [], seconds=SEEN_SECONDS)
    assert len(place.artifacts.names("versions")) == 1


def begin(place: Place) -> str:
    return begin_run(place.database, QUICK.model_copy(update={"train_epochs": EPOCHS}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(in_phase(Phase.SNAPSHOT), id="snapshot"),
        pytest.param(after_epoch(1), id="epoch 1"),
        pytest.param(after_epoch(3), id="epoch 3"),
        pytest.param(in_phase(Phase.EVALUATE), id="evaluation"),
    ],
)
def test_killed_worker_is_followed_by_one_that_ends_the_run(place: Place, moment: Moment) -> None:
    run_id = begin(place)
    await_run(place, run_id, moment, seconds=SEEN_SECONDS)
    place.programs["job-worker"].kill()
    before = get_run(place.database, run_id)
    assert before.state == RunState.RUNNING
    place.programs["job-worker"].start()
    assert_ended_once(place, run_id)


@pytest.mark.slow
def test_run_outlives_a_redis_that_is_killed_and_started_again(place: Place) -> None:
    run_id = begin(place)
    await_run(place, run_id, after_epoch(2), seconds=SEEN_SECONDS)
    place.programs["redis"].kill()
    sleep(1)
    place.programs["redis"].start()
    # The process manager starts a worker anew that ended for want of Redis; here the test does.
    place.programs["job-worker"].end()
    place.programs["job-worker"].start()
    assert_ended_once(place, run_id)


@pytest.mark.slow
def test_worker_that_is_told_to_end_gives_the_run_back_at_once(place: Place) -> None:
    run_id = begin(place)
    await_run(place, run_id, after_epoch(2), seconds=SEEN_SECONDS)
    place.programs["job-worker"].end()
    run = get_run(place.database, run_id)
    assert (run.state, run.finished_at) == (RunState.QUEUED, None) or has_ended(run)
    place.programs["job-worker"].start()
    assert_ended_once(place, run_id)
