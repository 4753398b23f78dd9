"""Disk stays bounded, whoever was killed: what nobody needs any more goes, and what may be needed stays."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rq import Queue

from backend.errors import ArtifactError
from backend.machine import machine_id
from backend.queue import PREDICT, JobQueue
from backend.services import Services
from backend.store.artifacts import ArtifactStore
from backend.store.project_settings import set_project_settings
from backend.store.runs import create_run
from backend.training.names import TIDY_JOB, run_folder
from backend.training_settings import TrainingSettings
from retrain.jobs import tidy
from retrain.worker import _Keeper
from tests.backend.registry.makers import PROJECT, store_version

OTHER = 8
DAYS = 2 * 86_400


def run_of(services: Services, project_id: int = PROJECT) -> str:
    """Begin a run; return its id."""
    with services.database.write() as session:
        run_id = create_run(
            session, project_id, reason="", settings=TrainingSettings(), now=datetime.now(UTC)
        )
    assert run_id is not None
    return run_id


def weights(services: Services, project_id: int) -> list[str]:
    return services.artifacts.names(f"versions/{project_id}")


def part(folder: Path) -> Path:
    """Leave half a file there, as a process that was killed two days ago does."""
    folder.mkdir(parents=True, exist_ok=True)
    left = folder / "last.pt.1a2b3c4d.part"
    left.write_bytes(b"half")
    long_ago = time.time() - DAYS
    os.utime(left, (long_ago, long_ago))
    return left


def test_what_ended_runs_left_goes_and_what_active_ones_need_stays(
    services: Services, tiny_weights: Path
) -> None:
    ended = store_version(services.database, services.artifacts, PROJECT, tiny_weights).run_id
    active = run_of(services)
    local = services.settings.data_dir / "runs"
    for run_id in (ended, active):
        services.artifacts.put_bytes(b"x", f"{run_folder(run_id)}/last.pt")
        (local / run_id / "data").mkdir(parents=True)
    tidy()
    assert services.artifacts.folders("runs") == {active}
    assert [path.name for path in local.iterdir()] == [active]


def test_folder_of_an_ended_run_with_half_a_file_alone_goes(services: Services, tiny_weights: Path) -> None:
    ended = store_version(services.database, services.artifacts, PROJECT, tiny_weights).run_id
    left = part(Path(services.settings.artifact_address) / run_folder(ended))
    tidy()
    assert not left.parent.exists()


@pytest.mark.parametrize("folder", ["artifacts/versions/7", "artifact-cache/images/ab"])
def test_half_files_of_killed_processes_go(services: Services, folder: str) -> None:
    left = part(services.settings.data_dir / folder)
    tidy()
    assert not left.exists()


def test_each_project_keeps_as_many_versions_as_its_settings_say(
    services: Services, tiny_weights: Path
) -> None:
    for project_id in (PROJECT, OTHER):
        for _ in range(3):
            store_version(services.database, services.artifacts, project_id, tiny_weights)
        keep = {"KEEP_VERSIONS": 1 if project_id == PROJECT else 2}
        set_project_settings(services.database, project_id, keep, services.settings)
    tidy()
    assert (len(weights(services, PROJECT)), len(weights(services, OTHER))) == (1, 2)


def test_project_that_cannot_be_tidied_harms_no_other(
    services: Services,
    tiny_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    read_log: Callable[[], str],
) -> None:
    for project_id in (PROJECT, OTHER):
        for _ in range(2):
            store_version(services.database, services.artifacts, project_id, tiny_weights)
        set_project_settings(services.database, project_id, {"KEEP_VERSIONS": 1}, services.settings)
    whole = ArtifactStore.delete

    def refuse(store: ArtifactStore, name: str) -> None:
        if name.startswith(f"versions/{PROJECT}/"):
            raise ArtifactError("away")
        whole(store, name)

    monkeypatch.setattr(ArtifactStore, "delete", refuse)
    tidy()
    assert (len(weights(services, PROJECT)), len(weights(services, OTHER))) == (2, 1)
    assert "not_tidied_up" in read_log() and "away" in read_log()


@pytest.mark.parametrize(
    ("name", "days", "stays"),
    [
        pytest.param("serving-an-earlier-start.mark", 2, False, id="mark of an earlier start"),
        pytest.param("serving-another-machine.mark", 0, True, id="mark in use"),
        pytest.param("embedding-locks/sam-1-ab.lock", 2, False, id="image of a killed process"),
        pytest.param("devices/another-machine-cpu.lock", 20, True, id="long run of another machine"),
        pytest.param("devices/an-earlier-start-cpu.lock", 31, False, id="device of an earlier start"),
        pytest.param(f"devices/{machine_id()}-cpu.lock", 31, True, id="device of this machine"),
    ],
)
def test_marks_that_nobody_needs_go(services: Services, name: str, days: int, stays: bool) -> None:
    path = services.settings.data_dir / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    changed = time.time() - days * 86_400
    os.utime(path, (changed, changed))
    tidy()
    assert path.exists() == stays


def test_worker_has_it_done_from_time_to_time(
    services: Services, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = _Keeper(services.settings, services.database, queue)

    def tidying() -> int:
        return [job.func_name for job in Queue(PREDICT, connection=queue.redis).jobs].count(TIDY_JOB)

    keeper.queue_due()
    assert tidying() == 1
    queue.redis.flushdb()
    keeper.queue_due()
    assert tidying() == 0
    now = time.monotonic()
    monkeypatch.setattr("retrain.worker.monotonic", lambda: now + 3601)
    keeper.queue_due()
    assert tidying() == 1
