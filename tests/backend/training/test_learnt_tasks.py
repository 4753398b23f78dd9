"""A version has learnt from the training side of its snapshot and of those of all it descends from."""

from pathlib import Path

import pytest

from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.training.entities import Side
from backend.training.learnt_tasks import LearntTasks, tasks_by_side
from tests.backend.training.learnt_versions import PROJECT, manifest, store_version

EVERY_TASK = range(100)


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "cache")


def learnt(database: Database, artifacts: ArtifactStore, version: str) -> frozenset[int] | None:
    return LearntTasks(database, artifacts, PROJECT, among=EVERY_TASK).of(version)


def test_only_the_training_side_is_learnt(database: Database, artifacts: ArtifactStore) -> None:
    written = manifest(train=[1, 2], val=[3], test=[4])
    version = store_version(database, artifacts, 1, parent="base", written=written)
    assert learnt(database, artifacts, version) == {1, 2}


def test_what_ancestors_learnt_is_learnt(database: Database, artifacts: ArtifactStore) -> None:
    first = store_version(database, artifacts, 1, parent="base", written=manifest(train=[1]))
    second = store_version(database, artifacts, 2, parent=first, written=manifest(train=[2]))
    third = store_version(database, artifacts, 3, parent=second, written=manifest(train=[3], val=[1]))
    assert learnt(database, artifacts, third) == {1, 2, 3}
    assert learnt(database, artifacts, first) == {1}


def test_weights_that_no_run_made_have_learnt_nothing(database: Database, artifacts: ArtifactStore) -> None:
    assert learnt(database, artifacts, "yolo11n-0a0a0a0a") == frozenset()


def test_of_several_models_each_counts(database: Database, artifacts: ArtifactStore) -> None:
    store_version(database, artifacts, 1, parent=None, written=manifest(train=[1]))
    assert learnt(database, artifacts, "yolo11n-0a0a0a0a+v1") == {1}


@pytest.mark.parametrize("written", [None, b"{", b"[]", b'{"examples": [{"side": "left", "tasks": []}]}'])
def test_without_a_readable_manifest_nobody_knows(
    database: Database, artifacts: ArtifactStore, written: bytes | None
) -> None:
    first = store_version(database, artifacts, 1, parent=None, written=written)
    second = store_version(database, artifacts, 2, parent=first, written=manifest(train=[2]))
    assert learnt(database, artifacts, first) is None
    assert learnt(database, artifacts, second) is None


def test_only_tasks_that_are_asked_for_are_kept(database: Database, artifacts: ArtifactStore) -> None:
    store_version(database, artifacts, 1, parent=None, written=manifest(train=[1, 2, 3]))
    assert LearntTasks(database, artifacts, PROJECT, among=[2]).of("v1") == {2}


def test_other_projects_versions_are_as_any_weights(database: Database, artifacts: ArtifactStore) -> None:
    store_version(database, artifacts, 1, parent=None, written=manifest(train=[1]), project_id=8)
    assert learnt(database, artifacts, "v1") == frozenset()


def test_manifest_is_read_by_side() -> None:
    sides = tasks_by_side(manifest(train=[1, 2], test=[3]))
    assert sides == {Side.TRAIN: {1, 2}, Side.VAL: frozenset(), Side.TEST: {3}}
