"""From a trained version to its weights on this machine."""

from backend.errors import ArtifactError
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database
from backend.store.versions import digest_of
from backend.training.entities import TrainedVersion


def fetch_weights_of(database: Database, artifacts: ArtifactStore, version: TrainedVersion) -> Checkpoint:
    """Return the version's weights, copied to this machine where they lie elsewhere.

    Raises:
        ArtifactError: they were deleted, cannot be had, or are damaged.
        ModelError: the file is no checkpoint.
        NotFound: nobody knows such a version.
    """
    if version.artifact is None:
        raise ArtifactError(f"The weights of {version.version} were deleted to save disk (KEEP_VERSIONS).")
    digest = digest_of(database, version.version)
    return read_checkpoint(artifacts.fetch(version.artifact, digest=digest))
