"""A run's checkpoints as artifacts: stored whole before the run's row names them, deleted after.

A name holds the epoch and the start of the digest, so nothing that a row names is ever written over, not
even by a process that was thought dead.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import structlog

from backend.errors import ArtifactError
from backend.store.artifacts import ArtifactStore, sha256_of
from backend.training.entities import SavedCheckpoint
from backend.training.names import run_folder
from retrain.training.errors import TrainingFailed, not_stored
from retrain.training.weights import check_whole, write_final_weights

log = structlog.get_logger(__name__)

_EPOCH = re.compile(r"epoch-(\d+)-[0-9a-f]+\.pt")


class CheckpointLost(Exception):
    """A checkpoint that a run's row names is gone or damaged; says which in words."""


class CheckpointKeeper:
    """Checkpoints of one run.

    Args:
        artifacts: Where they are kept.
        run_id: Of the run.
    """

    def __init__(self, artifacts: ArtifactStore, run_id: str) -> None:
        self._artifacts = artifacts
        self._folder = run_folder(run_id)

    def keep(
        self, weights: Path, epoch: int, *, previous: SavedCheckpoint | None, is_last: bool
    ) -> SavedCheckpoint:
        """Store what ultralytics wrote after an epoch, and return how to name it.

        Args:
            weights: Folder with last.pt and, if any epoch was the best yet, best.pt.
            epoch: Finished epochs.
            previous: The checkpoint before this one.
            is_last: Whether training ends with it: then the best weights are made ready to be served.

        Raises:
            TrainingFailed: it cannot be stored; what was stored before still is.
        """
        last, last_digest = self._store(weights / "last.pt", f"epoch-{epoch}", epoch)
        # Where no epoch had a figure to compare by, ultralytics writes no best.pt.
        source = weights / "best.pt" if (weights / "best.pt").exists() else weights / "last.pt"
        checkpoint = SavedCheckpoint(epoch, last, last_digest, last, last_digest, is_last=False)
        if is_last:
            return self._finished(checkpoint, source)
        digest = sha256_of(source)
        if digest == last_digest:
            return checkpoint
        if previous is not None and digest == previous.best_digest:
            return replace(checkpoint, best=previous.best, best_digest=digest)
        best, digest = self._store(source, f"epoch-{epoch}", epoch)
        return replace(checkpoint, best=best, best_digest=digest)

    def fetch(self, checkpoint: SavedCheckpoint, weights: Path) -> None:
        """Lay last.pt and best.pt where ultralytics looks for them when it goes on.

        Raises:
            CheckpointLost: one of them is gone or damaged.
            ArtifactError: out of reach just now.
        """
        weights.mkdir(parents=True, exist_ok=True)
        for name, digest, file in (
            (checkpoint.last, checkpoint.last_digest, "last.pt"),
            (checkpoint.best, checkpoint.best_digest, "best.pt"),
        ):
            shutil.copyfile(self._fetched(name, digest), weights / file)

    def finish(self, checkpoint: SavedCheckpoint, weights: Path) -> SavedCheckpoint:
        """Return the checkpoint of a training that has ended, its best weights made ready to be served.

        Raises:
            CheckpointLost: one of its files is gone or damaged.
            ArtifactError, TrainingFailed: it cannot be read or stored.
        """
        self.fetch(checkpoint, weights)
        return self._finished(checkpoint, weights / "best.pt")

    def delete_older(self, checkpoint: SavedCheckpoint) -> None:
        """Delete files up to the checkpoint's epoch that it does not name."""
        kept = {checkpoint.last, checkpoint.best}
        try:
            for name in self._artifacts.names(self._folder):
                found = _EPOCH.fullmatch(name.removeprefix(f"{self._folder}/"))
                if found and int(found[1]) <= checkpoint.epoch and name not in kept:
                    self._artifacts.delete(name)
        except ArtifactError as error:  # they go with the next epoch, or with the run
            log.warning("old_checkpoints_left", folder=self._folder, detail=error.message)

    def _finished(self, checkpoint: SavedCheckpoint, best: Path) -> SavedCheckpoint:
        final = best.with_name("final.pt")
        write_final_weights(best, final)
        name, digest = self._store(final, "final", checkpoint.epoch)
        return replace(checkpoint, best=name, best_digest=digest, is_last=True)

    def _store(self, path: Path, stem: str, epoch: int) -> tuple[str, str]:
        check_whole(path)
        digest = sha256_of(path)
        name = f"{self._folder}/{stem}-{digest[:8]}.pt"
        try:
            self._artifacts.put_file(path, name)
            self._artifacts.fetch(name, digest=digest)  # as it lies there, before any row names it
        except ArtifactError as error:
            raise not_stored(error, epoch=epoch) from error
        return name, digest

    def _fetched(self, name: str, digest: str) -> Path:
        try:
            path = self._artifacts.fetch(name, digest=digest)
        except ArtifactError as error:
            # Out of reach is no reason to begin anew: then one of these raises too.
            if self._artifacts.exists(name):
                self._artifacts.read(name)
            raise CheckpointLost(error.message) from error
        try:
            check_whole(path)
        except TrainingFailed as error:
            raise CheckpointLost(error.message) from error
        return path
