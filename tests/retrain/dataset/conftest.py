"""What the tests of data sets share."""

from pathlib import Path

import pytest

from backend.store.artifacts import ArtifactStore


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / "artifacts"), cache=tmp_path / "artifact-cache")
