"""Disk stays bounded, and what may still be needed stays."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from backend.entities import JobOptions
from backend.errors import ArtifactError
from backend.registry.move import move_champion
from backend.registry.prune import prune_project, versions_to_prune
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.jobs import begin_scan, claim_job, create_job
from backend.store.runs import create_run
from backend.store.training_tables import SqlTrainingRun
from backend.store.versions import list_trained
from backend.training.entities import TrainedVersion
from backend.training.names import version_artifact
from backend.training_settings import TrainingSettings
from tests.backend.registry.makers import NOW, PROJECT, without_weights

MakeVersions = Callable[..., list[TrainedVersion]]


def serve(database: Database, *versions: TrainedVersion) -> None:
    for each in versions:
        with database.write() as session:
            move_champion(session, PROJECT, each.version, reason="", prelabel=False, now=NOW)


def kept(database: Database) -> list[int]:
    return [each.number for each in list_trained(database, PROJECT) if each.artifact is not None]


def files(artifacts: ArtifactStore) -> list[str]:
    return sorted(Path(name).stem.rpartition("-v")[2] for name in artifacts.names("versions"))


def test_newest_stay_and_the_rest_goes(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    make_versions(5)
    assert [each.number for each in prune_project(database, artifacts, PROJECT, keep=2)] == [3, 2, 1]
    assert kept(database) == [5, 4] and files(artifacts) == ["4", "5"]
    assert prune_project(database, artifacts, PROJECT, keep=2) == []


def test_champion_and_what_it_was_trained_from_stay(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    versions = make_versions(5)
    serve(database, versions[2])
    prune_project(database, artifacts, PROJECT, keep=1)
    assert kept(database) == [5, 3, 2]


def test_what_a_rollback_goes_back_to_stays(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    versions = make_versions(5)
    serve(database, versions[0], versions[4])
    prune_project(database, artifacts, PROJECT, keep=1)
    assert kept(database) == [5, 4, 1]


def test_what_active_work_began_with_stays(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    versions = make_versions(4)
    with database.write() as session:
        run_id = create_run(session, PROJECT, reason="", settings=TrainingSettings(), now=NOW)
        base = {"base": versions[0].version}
        session.execute(update(SqlTrainingRun).where(SqlTrainingRun.id == run_id).values(**base))
    job = create_job(database, PROJECT, JobOptions(), now=NOW)
    assert job is not None and claim_job(database, job.id, owner="me", done=0, now=NOW) is not None
    plan = f"other-1a2b3c4d+{versions[1].version}"
    begin_scan(database, job.id, owner="me", version=plan, total=None, now=NOW)
    prune_project(database, artifacts, PROJECT, keep=1)
    assert kept(database) == [4, 2, 1]


def test_file_left_by_one_who_was_killed_is_deleted_later(
    database: Database,
    artifacts: ArtifactStore,
    make_versions: MakeVersions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_versions(2)

    def refuse(*_: object) -> None:
        raise ArtifactError("away")

    with monkeypatch.context() as patch:
        patch.setattr(ArtifactStore, "delete", refuse)
        with pytest.raises(ArtifactError):
            prune_project(database, artifacts, PROJECT, keep=1)
    assert (kept(database), files(artifacts)) == ([2], ["1", "2"])
    prune_project(database, artifacts, PROJECT, keep=1)
    assert files(artifacts) == ["2"]


def test_weights_that_a_run_has_just_stored_stay(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    make_versions(2)
    with database.write() as session:
        run_id = create_run(session, PROJECT, reason="", settings=TrainingSettings(), now=NOW)
    assert run_id is not None
    artifacts.put_bytes(b"not in any row yet", version_artifact(PROJECT, 3, run_id))
    prune_project(database, artifacts, PROJECT, keep=1)
    assert files(artifacts) == ["2", "3"]


def test_weights_that_an_ended_run_made_no_version_of_go(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    [first] = make_versions(1)
    artifacts.put_bytes(b"never in any row", version_artifact(PROJECT, 2, first.run_id))
    prune_project(database, artifacts, PROJECT, keep=1)
    assert files(artifacts) == ["1"]


def test_other_projects_versions_stay(
    database: Database, artifacts: ArtifactStore, make_versions: MakeVersions
) -> None:
    make_versions(2)
    make_versions(2, project_id=8)
    prune_project(database, artifacts, PROJECT, keep=1)
    assert len(artifacts.names("versions/8")) == 2


def test_version_whose_weights_are_gone_is_not_pruned_again(make_versions: MakeVersions) -> None:
    versions = [without_weights(each) for each in make_versions(2)]
    assert versions_to_prune(versions, champion=None, needed=(), keep=1) == []
