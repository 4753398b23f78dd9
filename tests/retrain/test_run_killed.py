"""A run whose process is killed at this line or that: the next attempt ends it as if nothing had been.

Each kill is a SIGKILL that the process gives itself before or after a named step, so that every step is hit.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from backend.services import Services
from backend.settings import Settings
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.runs import get_run, list_epochs
from backend.store.training_tables import SqlPromotion, SqlTrainedVersion, SqlTrainingRun
from backend.store.versions import champion_of
from backend.training.entities import RunState, TrainingRun
from tests.backend.image_server import ImageServer
from tests.backend.review import events
from tests.retrain.trainable import QUICK, annotate_squares, begin_run

ROOT = Path(__file__).resolve().parents[2]
TASKS = range(1, 31)
# Whatever the first model is worth, it goes into service.
PROMOTED = QUICK.model_copy(update={"gate_min_map50": 0.0})
# Runs one attempt, and dies where it is told to.
ATTEMPT = """
import os, signal, sys
from importlib import import_module
from backend.services import Services
from backend.settings import Settings
run_id, settings, module, name, when, times, full = sys.argv[1:8]
import torch
torch.set_num_threads(1)
from retrain.aftermath import settle_run
from retrain.work import work_on_run

def die():
    if not full:
        os.kill(os.getpid(), signal.SIGKILL)
    with open(full, "wb", buffering=0) as file:
        try:
            while file.write(bytes(65536)):
                pass
        except OSError:
            return  # no space left, as wanted

if module:
    owner = import_module(module)
    whole, left = getattr(owner, name), [int(times)]
    def dying(*arguments, **named):
        left[0] -= 1
        if left[0] == 0 and when == "before":
            die()
        answer = whole(*arguments, **named)
        if left[0] == 0:
            die()
        return answer
    setattr(owner, name, dying)
services = Services.build(Settings.model_validate_json(settings))
run = work_on_run(run_id, services)
settle_run(services, run)
services.close()
"""


@dataclass(frozen=True)
class Death:
    """Where a process dies: at the `times`-th call of a function, before or after it."""

    module: str
    name: str
    when: str
    times: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.name} {self.times}"


DEATHS = (
    Death("retrain.run", "build_snapshot", "before"),
    Death("retrain.run", "build_snapshot", "after"),
    Death("retrain.run", "write_dataset", "after"),
    Death("retrain.training.session", "store_epoch", "before"),
    Death("retrain.training.session", "store_epoch", "after"),
    Death("retrain.training.session", "store_epoch", "before", 3),
    Death("retrain.training.session", "store_epoch", "after", 3),
    Death("retrain.run", "compare", "before"),
    Death("retrain.run", "compare", "after"),
    Death("retrain.run", "add_version", "after"),
    Death("retrain.run", "mark_taken", "after"),
    Death("retrain.run", "move_champion", "after"),
    Death("retrain.run", "end_run", "after"),
    Death("retrain.work", "get_run", "before"),
)
# One of each phase is looked at in every run of the tests, the rest in the slow ones.
_QUICK_DEATHS = (1, 4, 11)


@pytest.fixture
def settings(settings: Settings, services: Services, image_server: ImageServer) -> Settings:
    # No weights know these labels, so the run's model is the project's first.
    annotate_squares(services.database, image_server, tasks=TASKS, names=("red", "green"))
    return settings


def attempt(settings: Settings, run_id: str, death: Death | None = None, *, full: Path | None = None) -> int:
    """Let a process of its own work on the run; return how it ended.

    With `full` it does not die, but writes a file of this name until the disk is full.
    """
    told = [death.module, death.name, death.when, str(death.times)] if death else ["", "", "", "0"]
    told.append(str(full or ""))
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPT, run_id, settings.model_dump_json(), *told],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (0, -9), done.stderr[-3000:]
    return done.returncode


def forget_lease(database: Database) -> None:
    """Let the time pass after which the dead process's lease is free."""
    with database.write() as session:
        session.execute(update(SqlTrainingRun).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))


def forget_wait(database: Database) -> None:
    """Let the time pass after which a failed attempt is followed by another one."""
    with database.write() as session:
        session.execute(update(SqlTrainingRun).values(retry_at=None))


def finished(services: Services, run_id: str) -> TrainingRun:
    """Return the run, which has ended well, once, and left nothing behind."""
    run = get_run(services.database, run_id)
    assert (run.state, run.error) == (RunState.DONE, None), run
    assert [each.epoch for each in list_epochs(services.database, run_id)] == [1, 2, 3]
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SqlTrainedVersion)) == 1
        assert session.scalar(select(func.count()).select_from(SqlPromotion)) <= 1
    artifacts = ArtifactStore(services.settings.artifact_address, cache=services.settings.data_dir / "cache")
    assert artifacts.names("runs") == []
    assert len(artifacts.names("versions")) == 1
    assert len(artifacts.names("snapshots")) == 1
    assert not list((services.settings.data_dir / "runs").glob("*"))
    return run


def test_undisturbed_run_ends_with_a_version_and_leaves_nothing_behind(
    settings: Settings, services: Services
) -> None:
    run_id = begin_run(services.database)
    assert attempt(settings, run_id) == 0
    run = finished(services, run_id)
    assert run.verdict is not None and run.version is not None and run.attempts == 1
    assert events.review(services.database, TASKS[0]).state == "taken_in_training"


@pytest.mark.parametrize(
    "death",
    [
        pytest.param(death, id=str(death), marks=() if n in _QUICK_DEATHS else pytest.mark.slow)
        for n, death in enumerate(DEATHS)
    ],
)
def test_run_killed_at_any_step_is_ended_by_the_next_attempt(
    settings: Settings, services: Services, death: Death
) -> None:
    run_id = begin_run(services.database, PROMOTED)
    assert attempt(settings, run_id, death) == -9
    forget_lease(services.database)
    assert attempt(settings, run_id) == 0
    run = finished(services, run_id)
    champion = champion_of(services.database, run.project_id)
    assert champion is not None and champion.version == run.version


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a file system can be mounted by root alone: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk_costs_an_attempt_and_no_epoch(
    settings: Settings, services: Services, small_disk: Path
) -> None:
    settings = settings.model_copy(update={"artifact_url": str(small_disk / "artifacts")})
    run_id = begin_run(services.database)
    filler = small_disk / "filler"
    death = Death("retrain.training.session", "store_epoch", "after")
    assert attempt(settings, run_id, death, full=filler) == 0
    run = get_run(services.database, run_id)
    assert (run.state, run.epoch) == (RunState.QUEUED, 1)
    assert run.error is not None and "No space left on device" in run.error
    filler.unlink()
    forget_wait(services.database)
    assert attempt(settings, run_id) == 0
    run = get_run(services.database, run_id)
    assert (run.state, run.error, run.epoch) == (RunState.DONE, None, 3)


def test_process_that_dies_again_and_again_ends_the_run_with_a_reason(
    settings: Settings, services: Services
) -> None:
    run_id = begin_run(services.database, QUICK.model_copy(update={"retrain_max_attempts": 1}))
    assert attempt(settings, run_id, Death("retrain.run", "build_snapshot", "before")) == -9
    forget_lease(services.database)
    assert attempt(settings, run_id) == 0
    run = get_run(services.database, run_id)
    assert run.state == RunState.FAILED and run.error is not None
    assert "died in the phase snapshot, in the last of 1 attempts" in run.error
