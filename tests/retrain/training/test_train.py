"""A training that nothing disturbs, of each kind of model and with each setting."""

from pathlib import Path
from typing import Any

import cv2
import pytest

from backend.errors import ModelError
from backend.inference.checkpoint import read_checkpoint
from backend.store.runs import list_epochs
from backend.training.names import run_folder
from retrain.training.errors import TrainingFailed
from tests.retrain.training.attempts import Trainee
from tests.retrain.training.conftest import MakeTrainee
from tests.retrain.training.squares import CLASSES, write_squares

TASKS = ("detect", "segment", "pose", "obb", "classify")


def best_of(trainee: Trainee) -> Path:
    """Return the file of the weights that the training came to, its digest checked."""
    checkpoint = trainee.run.checkpoint
    assert checkpoint is not None and checkpoint.is_last
    return trainee.services.artifacts.fetch(checkpoint.best, digest=checkpoint.best_digest)


def test_undisturbed_training_stores_each_epoch_and_ends_with_its_last(make_trainee: MakeTrainee) -> None:
    trainee = make_trainee()
    run = trainee.train()
    assert trainee.epochs() == [1, 2, 3]
    assert (run.epoch, run.error, run.attempts) == (3, None, 1)
    assert run.checkpoint is not None and run.checkpoint.epoch == 3
    first, *_, last = list_epochs(trainee.services.database, run.id)
    assert {"train/box_loss", "val/box_loss", "metrics/mAP50-95(B)", "lr/pg0"} <= first.metrics.keys()
    assert run.seconds == pytest.approx(
        sum(e.seconds for e in list_epochs(trainee.services.database, run.id))
    )
    assert last.metrics["train/box_loss"] < first.metrics["train/box_loss"]


def test_nothing_is_left_but_the_artifacts_that_the_run_names(make_trainee: MakeTrainee) -> None:
    trainee = make_trainee()
    run = trainee.train()
    assert run.checkpoint is not None
    kept = trainee.services.artifacts.names(run_folder(run.id))
    assert kept == sorted({run.checkpoint.last, run.checkpoint.best})
    assert not list(trainee.folder.rglob("*.pt"))


def test_training_that_has_ended_is_not_done_again(make_trainee: MakeTrainee) -> None:
    trainee = make_trainee(train_epochs=1)
    ended = trainee.train()
    trainee.base = Path("gone.pt")
    assert trainee.train().checkpoint == ended.checkpoint


@pytest.mark.parametrize("task", TASKS)
def test_best_weights_are_a_plain_model_with_the_labels(make_trainee: MakeTrainee, task: str) -> None:
    trainee = make_trainee(task, train_epochs=1)
    trainee.train()
    checkpoint = read_checkpoint(best_of(trainee))
    assert (checkpoint.task, checkpoint.class_names) == (task, CLASSES)


@pytest.mark.parametrize("task", TASKS[:4])
def test_distilled_weights_are_a_plain_model_too(make_trainee: MakeTrainee, task: str) -> None:
    trainee = make_trainee(task, is_champion=True, train_epochs=1, train_distill=6.0)
    trainee.train()
    assert read_checkpoint(best_of(trainee)).task == task
    (epoch,) = list_epochs(trainee.services.database, trainee.run_id)
    assert epoch.metrics["train/dis_loss"] > 0


def test_only_the_champion_teaches(make_trainee: MakeTrainee) -> None:
    trainee = make_trainee(train_epochs=1, train_distill=6.0)
    trainee.train()
    (epoch,) = list_epochs(trainee.services.database, trainee.run_id)
    assert "train/dis_loss" not in epoch.metrics


def test_classifier_trains_without_what_ultralytics_has_none_of_and_says_so(
    make_trainee: MakeTrainee,
) -> None:
    trainee = make_trainee(
        "classify", is_champion=True, train_epochs=1, train_distill=6.0, train_class_weights=0.5
    )
    notes = " ".join(trainee.train().notes)
    assert "TRAIN_DISTILL has no effect" in notes and "TRAIN_CLASS_WEIGHTS has no effect" in notes


def test_time_limit_ends_training_after_the_epoch_that_passed_it(make_trainee: MakeTrainee) -> None:
    trainee = make_trainee(train_epochs=3, train_hours=1e-9)
    run = trainee.train()
    assert trainee.epochs() == [1]
    assert run.checkpoint is not None and run.checkpoint.is_last


def test_training_without_improvement_ends_early(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    validate = BaseTrainer.validate

    def worse_each_time(self: BaseTrainer) -> tuple[object, float]:
        metrics, _ = validate(self)
        self.fitness = 1.0 / (self.epoch + 1)
        self.best_fitness = max(self.best_fitness or 0.0, self.fitness)
        return metrics, self.fitness

    monkeypatch.setattr(BaseTrainer, "validate", worse_each_time)
    trainee = make_trainee(train_epochs=5, train_patience=1)
    run = trainee.train()
    assert trainee.epochs() == [1, 2]
    assert run.checkpoint is not None and run.checkpoint.is_last


@pytest.mark.parametrize("changes", [{"train_freeze": 2}, {"train_class_weights": 1.0}, {"train_batch": 64}])
def test_setting_reaches_ultralytics_and_training_ends(
    make_trainee: MakeTrainee, changes: dict[str, float]
) -> None:
    trainee = make_trainee(train_epochs=1, **changes)
    assert trainee.train().epoch == 1


def test_size_of_the_weights_is_taken_unless_another_is_set(make_trainee: MakeTrainee) -> None:
    import torch

    trainee = make_trainee(train_epochs=1, train_imgsz=0)
    trainee.train()
    saved = torch.load(best_of(trainee), map_location="cpu", weights_only=False)
    assert saved["train_args"]["imgsz"] == 128


def test_single_last_image_of_the_smallest_size_is_trained_on(
    make_trainee: MakeTrainee, tmp_path: Path
) -> None:
    trainee = make_trainee(train_epochs=1, train_imgsz=32, train_batch=3)
    trainee.data = write_squares(tmp_path / "four", sizes={"train": 4, "val": 1})
    assert trainee.train().epoch == 1


def test_data_set_of_other_classes_is_refused_before_any_epoch(
    make_trainee: MakeTrainee, tmp_path: Path
) -> None:
    trainee = make_trainee()
    trainee.data = write_squares(tmp_path / "other")
    trainee.data.write_text(trainee.data.read_text().replace("person", "pedestrian"))
    with pytest.raises(TrainingFailed, match="classes car, pedestrian, traffic light; expected car, person"):
        trainee.train()
    assert trainee.epochs() == []


def test_missing_data_set_says_so(make_trainee: MakeTrainee, tmp_path: Path) -> None:
    trainee = make_trainee()
    trainee.data = tmp_path / "gone.yaml"
    with pytest.raises(TrainingFailed, match="stopped in epoch 1"):
        trainee.train()


def test_weights_of_another_task_are_refused(make_trainee: MakeTrainee, tmp_path: Path) -> None:
    trainee = make_trainee("detect")
    trainee.task = "segment"
    with pytest.raises(TrainingFailed, match="is a model for detect; the labels train one for segment"):
        trainee.train()
    trainee.base = tmp_path / "gone.pt"
    with pytest.raises(ModelError, match="does not exist"):
        trainee.train()


def test_loss_that_is_no_number_is_not_stored(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.models.yolo.detect import DetectionTrainer

    named = DetectionTrainer.label_loss_items

    def astray(self: DetectionTrainer, *arguments: Any, **more: Any) -> Any:
        found = named(self, *arguments, **more)
        return {**found, "train/box_loss": float("nan")} if isinstance(found, dict) else found

    monkeypatch.setattr(DetectionTrainer, "label_loss_items", astray)
    trainee = make_trainee(train_epochs=1)
    trainee.train()
    [epoch] = list_epochs(trainee.services.database, trainee.run_id)
    assert "train/box_loss" not in epoch.metrics and "train/cls_loss" in epoch.metrics


def test_error_of_a_library_below_ultralytics_is_told_in_words(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    def refuse(self: object) -> None:
        raise cv2.error("OpenCV(4) resize.cpp: error: (-215) !ssize.empty()")

    monkeypatch.setattr("ultralytics.engine.trainer.BaseTrainer._setup_train", refuse)
    with pytest.raises(TrainingFailed, match=r"ultralytics stopped in epoch 1: error: .*ssize") as failed:
        make_trainee(train_epochs=1).train()
    assert "again" not in failed.value.message


def test_want_of_memory_in_opencv_halves_the_batch(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    setup, left = BaseTrainer._setup_train, [1]

    def short_once(self: BaseTrainer) -> None:
        if left and left.pop():
            raise cv2.error("OpenCV(4) alloc.cpp: error: (-4:Insufficient memory) Failed to allocate")
        setup(self)

    monkeypatch.setattr(BaseTrainer, "_setup_train", short_once)
    assert make_trainee(train_epochs=1).train().batch == 2
