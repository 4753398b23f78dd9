"""A training that was cut off ends as if nothing had been, on any machine."""

from pathlib import Path
from typing import Any

import pytest

from backend.errors import ArtifactError
from backend.store.artifacts import ArtifactStore
from backend.store.runs import list_epochs
from backend.training.entities import SavedCheckpoint, TrainingRun
from retrain.context import RunInterrupted
from tests.retrain.training.attempts import Trainee
from tests.retrain.training.conftest import MakeTrainee
from tests.retrain.training.squares import write_squares


def interrupt(trainee: Trainee, *, after: int) -> SavedCheckpoint:
    """Let an attempt be told to end after so many epochs; return the checkpoint that it left."""
    with pytest.raises(RunInterrupted):
        trainee.train(trainee.claim(is_stopping=lambda run: run.epoch >= after))
    checkpoint = trainee.run.checkpoint
    assert checkpoint is not None and checkpoint.epoch == after and not checkpoint.is_last
    return checkpoint


def move(trainee: Trainee, tmp_path: Path) -> None:
    """Let another machine go on, with folders of its own."""
    trainee.folder = tmp_path / "other-machine"
    trainee.data = write_squares(tmp_path / "other-data", task=trainee.task)


def saved_state(trainee: Trainee) -> dict[str, Any]:
    """Return what the last checkpoint holds to go on from."""
    import torch

    checkpoint = trainee.run.checkpoint
    assert checkpoint is not None
    path = trainee.services.artifacts.fetch(checkpoint.last, digest=checkpoint.last_digest)
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    return state


def ended(run: TrainingRun, *, epochs: int) -> bool:
    return run.checkpoint is not None and run.checkpoint.is_last and run.checkpoint.epoch == epochs


@pytest.mark.parametrize(("task", "distill"), [("detect", 0.0), ("detect", 6.0), ("classify", 0.0)])
def test_interrupted_training_goes_on_elsewhere_where_it_was(
    make_trainee: MakeTrainee, tmp_path: Path, task: str, distill: float
) -> None:
    trainee = make_trainee(task, is_champion=True, train_distill=distill)
    interrupt(trainee, after=1)
    move(trainee, tmp_path)
    run = trainee.train()
    assert ended(run, epochs=3) and run.batch == 5
    assert trainee.epochs() == [1, 2, 3]


def test_optimizer_and_schedule_go_on_as_if_undisturbed(make_trainee: MakeTrainee, tmp_path: Path) -> None:
    trainee = make_trainee()
    interrupt(trainee, after=1)
    move(trainee, tmp_path)
    trainee.train()
    state = saved_state(trainee)
    first, _, third = list_epochs(trainee.services.database, trainee.run_id)
    # Two batches in each of three epochs, and a rate that falls in equal steps to a hundredth in the end.
    assert {int(each["step"]) for each in state["optimizer"]["state"].values()} == {6}
    start = first.metrics["lr/pg0"]
    assert third.metrics["lr/pg0"] == pytest.approx(start * (1 - 2 / 3 * 0.99))
    assert state["epoch"] == 2


def test_precision_is_that_of_the_device_and_not_of_the_checkpoint(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = make_trainee(train_epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr("retrain.training.options.mixed_precision", lambda *_, **__: "fp32")
        interrupt(trainee, after=1)
    assert saved_state(trainee)["train_args"]["amp"] == "fp32"
    trainee.train()
    assert saved_state(trainee)["train_args"]["amp"] is False


def test_undisturbed_training_has_the_same_rate_in_each_epoch(make_trainee: MakeTrainee) -> None:
    trainee = make_trainee()
    trainee.train()
    first, _, third = list_epochs(trainee.services.database, trainee.run_id)
    assert third.metrics["lr/pg0"] == pytest.approx(first.metrics["lr/pg0"] * (1 - 2 / 3 * 0.99))
    assert {int(each["step"]) for each in saved_state(trainee)["optimizer"]["state"].values()} == {6}


def test_patience_counts_on_over_attempts(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    validate = BaseTrainer.validate

    def never_better(self: BaseTrainer) -> tuple[object, float]:
        metrics, _ = validate(self)
        self.best_fitness, self.fitness = 0.9, 0.9 if self.epoch == 0 else 0.1
        return metrics, self.fitness

    monkeypatch.setattr(BaseTrainer, "validate", never_better)
    trainee = make_trainee(train_epochs=9, train_patience=2)
    interrupt(trainee, after=2)
    trainee.train()
    assert trainee.epochs() == [1, 2, 3]


def test_time_limit_counts_all_attempts(make_trainee: MakeTrainee) -> None:
    trainee = make_trainee(train_hours=1.0)
    interrupt(trainee, after=1)
    context = trainee.claim()
    context.update(seconds=3600.0)
    assert ended(trainee.train(context), epochs=2)


def test_best_of_an_earlier_attempt_is_still_the_best(
    make_trainee: MakeTrainee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    validate = BaseTrainer.validate

    def best_at_first(self: BaseTrainer) -> tuple[object, float]:
        metrics, _ = validate(self)
        self.best_fitness, self.fitness = 0.9, 0.9 if self.epoch == 0 else 0.1
        return metrics, self.fitness

    monkeypatch.setattr(BaseTrainer, "validate", best_at_first)
    trainee = make_trainee()
    first = interrupt(trainee, after=1)
    second = interrupt(trainee, after=2)
    assert (second.best, second.best_digest) == (first.best, first.best_digest)
    assert second.last != first.last
    move(trainee, tmp_path)
    run = trainee.train()
    import torch

    assert run.checkpoint is not None
    path = trainee.services.artifacts.fetch(run.checkpoint.best, digest=run.checkpoint.best_digest)
    assert torch.load(path, weights_only=False)["train_metrics"]["fitness"] == 0.9


def test_checkpoint_of_all_epochs_is_finished_without_training(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = make_trainee(train_epochs=2)
    interrupted = interrupt(trainee, after=1)
    context = trainee.claim()
    all_epochs = {**{name: getattr(interrupted, name) for name in interrupted.__slots__}, "epoch": 2}
    context.update(checkpoint=all_epochs, epoch=2)
    monkeypatch.setattr("ultralytics.YOLO.train", lambda *_, **__: pytest.fail("trained"))
    assert ended(trainee.train(context), epochs=2)


def damage(artifacts: ArtifactStore, name: str) -> None:
    artifacts.put_bytes(artifacts.read(name)[:-1000], name)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(damage, id="damaged"),
        pytest.param(ArtifactStore.delete, id="gone"),
    ],
)
def test_lost_checkpoint_lets_training_begin_anew(make_trainee: MakeTrainee, spoil: Any) -> None:
    trainee = make_trainee()
    checkpoint = interrupt(trainee, after=2)
    spoil(trainee.services.artifacts, checkpoint.last)
    run = trainee.train()
    assert ended(run, epochs=3)
    assert trainee.epochs() == [1, 2, 3]
    assert any("Training began anew after epoch 2" in note for note in run.notes)
    # What counts towards TRAIN_HOURS.
    assert run.seconds == sum(each.seconds for each in list_epochs(trainee.services.database, run.id))


def test_checkpoint_that_ultralytics_cannot_read_lets_training_begin_anew(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = make_trainee(train_epochs=2)
    interrupt(trainee, after=1)

    def refuse(path: Path) -> None:
        raise AttributeError("Can't get attribute 'C9k2' on <module 'ultralytics.nn.modules.block'>")

    monkeypatch.setattr("ultralytics.nn.tasks.load_checkpoint", refuse)
    run = trainee.train()
    assert ended(run, epochs=2)
    assert any("ultralytics cannot read the checkpoint" in note for note in run.notes)


def test_checkpoint_out_of_reach_fails_the_attempt_and_loses_nothing(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = make_trainee()
    checkpoint = interrupt(trainee, after=1)

    def out_of_reach(*_: object, **__: object) -> None:
        raise ArtifactError("Connection refused.")

    with monkeypatch.context() as patch:
        patch.setattr(ArtifactStore, "fetch", out_of_reach)
        patch.setattr(ArtifactStore, "exists", out_of_reach)
        with pytest.raises(ArtifactError, match="Connection refused"):
            trainee.train()
    assert trainee.run.checkpoint == checkpoint
    assert ended(trainee.train(), epochs=3)
