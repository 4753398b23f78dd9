"""Where versions are kept, and weights to make them of."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.training.entities import TrainedVersion
from tests.backend.registry.makers import PROJECT, store_version


@pytest.fixture(scope="session")
def weights_of_seed(
    quiet_ultralytics: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Path]:
    """Small random weights, others for each seed."""
    from tests.backend.tiny_model import save_tiny_weights

    folder = tmp_path_factory.mktemp("seeds")
    return cache(lambda seed: save_tiny_weights(folder / f"seed-{seed}.pt", seed=seed))


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "cache")


@pytest.fixture
def make_versions(
    database: Database, artifacts: ArtifactStore, weights_of_seed: Callable[[int], Path]
) -> Callable[[int], list[TrainedVersion]]:
    """Store so many versions of the project, each trained from the one before it."""

    def make(count: int, project_id: int = PROJECT) -> list[TrainedVersion]:
        made: list[TrainedVersion] = []
        for seed in range(1, count + 1):
            parent = made[-1].version if made else None
            made.append(store_version(database, artifacts, project_id, weights_of_seed(seed), parent=parent))
        return made

    return make
