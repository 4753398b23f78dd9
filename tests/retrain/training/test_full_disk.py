"""A checkpoint that cannot be stored fails the attempt in words; the one before it is still there."""

import errno
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ArtifactError
from backend.store.artifacts import ArtifactStore
from retrain.training.checkpoints import CheckpointKeeper
from retrain.training.errors import TrainingFailed
from tests.retrain.training.attempts import Trainee
from tests.retrain.training.conftest import MakeTrainee

FULL = OSError(errno.ENOSPC, "No space left on device")


def goes_on(trainee: Trainee) -> bool:
    """Tell whether the run has its first epoch, and the next attempt its others."""
    is_kept = trainee.run.epoch == 1
    return is_kept and trainee.train().epoch == 3 and trainee.epochs() == [1, 2, 3]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ArtifactError(f"The artifact x cannot be read or stored: {FULL}."), "Free space under DATA_DIR"),
        (ArtifactError("The artifact x cannot be read or stored: Timeout."), "Look at ARTIFACT_URL"),
    ],
)
def test_artifact_that_cannot_be_stored(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    trainee, put_file = make_trainee(), ArtifactStore.put_file

    def refuse_second_epoch(self: ArtifactStore, source: Path, name: str) -> None:
        if "epoch-2" in name:
            raise error
        put_file(self, source, name)

    with monkeypatch.context() as patch:
        patch.setattr(ArtifactStore, "put_file", refuse_second_epoch)
        with pytest.raises(TrainingFailed, match=f"checkpoint of epoch 2 could not be stored.*{words}"):
            trainee.train()
    assert goes_on(trainee)


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/1: file write failed"),
    ],
    ids=["write", "torch"],
)
def test_checkpoint_that_ultralytics_itself_cannot_write(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None, error: Exception
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    trainee, save_model = make_trainee(), BaseTrainer.save_model

    def full_in_second_epoch(self: BaseTrainer) -> Any:
        if self.epoch == 1:
            raise error
        return save_model(self)

    with monkeypatch.context() as patch:
        patch.setattr(BaseTrainer, "save_model", full_in_second_epoch)
        with pytest.raises(TrainingFailed, match="checkpoint of epoch 2 could not be stored"):
            trainee.train()
    assert goes_on(trainee)


def test_file_that_ultralytics_wrote_in_part_is_not_stored(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee, keep = make_trainee(), CheckpointKeeper.keep

    def cut_short(self: CheckpointKeeper, weights: Path, epoch: int, **named: Any) -> Any:
        if epoch == 2:
            whole = (weights / "last.pt").read_bytes()
            (weights / "last.pt").write_bytes(whole[: len(whole) // 2])
        return keep(self, weights, epoch, **named)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointKeeper, "keep", cut_short)
        with pytest.raises(TrainingFailed, match="last.pt is not whole"):
            trainee.train()
    assert goes_on(trainee)


def test_error_after_the_last_epoch_was_stored_costs_nothing(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    def full(self: BaseTrainer) -> None:
        raise FULL

    monkeypatch.setattr(BaseTrainer, "final_eval", full)
    run = make_trainee(train_epochs=1).train()
    assert run.checkpoint is not None and run.checkpoint.is_last


def test_old_checkpoints_that_cannot_be_deleted_stop_nothing(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: ArtifactStore, name: str) -> None:
        raise ArtifactError("Permission denied.")

    monkeypatch.setattr(ArtifactStore, "delete", refuse)
    assert make_trainee(train_epochs=2).train().epoch == 2
