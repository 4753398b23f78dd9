"""Versions are remembered once, with what was measured, and found again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import NotFound
from backend.inference.checkpoint import read_checkpoint
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.projects import list_model_versions
from backend.store.versions import (
    champion_of,
    digest_of,
    get_trained,
    list_judged,
    list_trained,
    next_number,
)
from backend.training.entities import TrainedVersion, Verdict, VersionState
from tests.backend.registry.makers import PROJECT, store_version


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "cache")


@pytest.fixture
def store(database: Database, artifacts: ArtifactStore, tiny_weights: Path) -> Callable[..., TrainedVersion]:
    return lambda project=PROJECT, **options: store_version(
        database, artifacts, project, tiny_weights, **options
    )


def test_version_comes_back_as_it_was_stored(
    database: Database, store: Callable[..., TrainedVersion]
) -> None:
    first = store()
    second = store(parent=first.version)
    assert get_trained(database, second.version) == second
    assert list_trained(database, PROJECT) == [second, first]
    assert second.comparison.difference is not None and first.comparison.champion is None


def test_numbers_count_each_projects_versions(
    database: Database, store: Callable[..., TrainedVersion]
) -> None:
    assert [store().number, store().number, store(8).number] == [1, 2, 1]
    with database.read() as session:
        assert [next_number(session, project) for project in (PROJECT, 8, 9)] == [3, 2, 1]


def test_weights_are_known_by_their_digest_and_listed_as_versions_that_serve(
    database: Database, artifacts: ArtifactStore, store: Callable[..., TrainedVersion]
) -> None:
    first = store()
    assert first.artifact is not None
    assert digest_of(database, first.version) == read_checkpoint(artifacts.fetch(first.artifact)).digest
    assert list_model_versions(database) == [first.version]


def test_versions_are_listed_with_images_and_verdict(
    database: Database, store: Callable[..., TrainedVersion]
) -> None:
    store(images=40, verdict=Verdict.REJECT, verdict_reasons=("worse by 0.1",))
    [listed] = list_judged(database, PROJECT)
    assert (listed.images, listed.verdict, listed.verdict_reasons) == (40, Verdict.REJECT, ("worse by 0.1",))
    assert listed.trained.state == VersionState.REJECTED
    assert list_judged(database, 8) == []


def test_unknown_version_is_not_found(database: Database) -> None:
    for read in (get_trained, digest_of):
        with pytest.raises(NotFound, match="versions --project ID"):
            read(database, "none")
    assert champion_of(database, PROJECT) is None
