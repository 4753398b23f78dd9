"""Where memory is short a training goes on with fewer images in one step, from its last checkpoint."""

from collections.abc import Callable
from typing import Any

import pytest

from retrain.training.errors import TrainingFailed, is_out_of_memory
from tests.retrain.training.conftest import MakeTrainee

CUDA = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")
ShortMemory = Callable[..., None]


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None) -> ShortMemory:
    """Let the forward pass fail with batches of more images than fit, from an epoch (from 1) on."""
    from ultralytics.models.yolo.detect import DetectionTrainer

    preprocess = DetectionTrainer.preprocess_batch

    def make(error: Exception, *, fits: int, since: int = 1) -> None:
        def short(self: DetectionTrainer, batch: dict[str, Any]) -> dict[str, Any]:
            if self.epoch + 1 >= since and len(batch["img"]) > fits:
                raise error
            return preprocess(self, batch)

        monkeypatch.setattr(DetectionTrainer, "preprocess_batch", short)

    return make


@pytest.mark.parametrize("error", [CUDA, CPU, MemoryError()], ids=["cuda", "cpu", "python"])
def test_batch_is_halved_until_it_fits(
    make_trainee: MakeTrainee, short_memory: ShortMemory, error: Exception
) -> None:
    short_memory(error, fits=2)
    trainee = make_trainee(train_batch=8, train_epochs=2)
    run = trainee.train()
    assert trainee.epochs() == [1, 2]
    assert (run.batch, run.attempts, run.error) == (2, 1, None)
    assert any("2 images in one step instead of 4" in note for note in run.notes)


def test_memory_that_runs_short_later_costs_no_finished_epoch(
    make_trainee: MakeTrainee, short_memory: ShortMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_memory(CUDA, fits=4, since=3)
    trainee = make_trainee(train_batch=8)
    stored: list[int] = []
    from retrain.training import session

    store_epoch = session.store_epoch

    def noted(database: Any, run_id: str, epoch: Any, **named: Any) -> None:
        stored.append(epoch.epoch)
        store_epoch(database, run_id, epoch, **named)

    monkeypatch.setattr(session, "store_epoch", noted)
    run = trainee.train()
    assert stored == [1, 2, 3]
    assert (run.batch, run.attempts) == (4, 1)


def test_smaller_batch_is_kept_for_the_attempts_to_come(
    make_trainee: MakeTrainee, short_memory: ShortMemory
) -> None:
    short_memory(CUDA, fits=4)
    trainee = make_trainee(train_batch=8, train_epochs=1)
    assert trainee.train().batch == 4


def test_single_image_that_does_not_fit_fails_with_what_to_do(
    make_trainee: MakeTrainee, short_memory: ShortMemory
) -> None:
    short_memory(CUDA, fits=0)
    trainee = make_trainee(train_batch=2)
    with pytest.raises(TrainingFailed, match="a single image of 64 pixels in one step. Lower TRAIN_IMGSZ"):
        trainee.train()
    assert trainee.run.batch == 1


@pytest.mark.parametrize(("attempts", "was_killed", "batch"), [(2, True, 4), (1, True, 8), (2, False, 8)])
def test_batch_is_halved_after_two_attempts_that_were_killed_without_an_epoch(
    make_trainee: MakeTrainee, attempts: int, was_killed: bool, batch: int
) -> None:
    trainee = make_trainee(train_batch=8, train_epochs=1)
    for _ in range(attempts):
        trainee.claim()
    if was_killed:
        (trainee.folder / f"run-{trainee.run_id}" / "weights").mkdir(parents=True)
    assert trainee.train().batch == batch


def test_other_error_is_none_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
