"""A training that is told to stop does so within a batch, stores nothing more and leaves nothing behind."""

import multiprocessing
import threading
from typing import Any

import pytest

from backend.store.leases import LeaseLost
from backend.training.names import run_folder
from retrain.context import RunCancelled, RunInterrupted
from retrain.training.courtesy import Courtesy
from tests.retrain.training.attempts import Trainee
from tests.retrain.training.conftest import MakeTrainee


def at_batch(monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> None:
    """Do something before the so-many-th batch, counted from 1."""
    seen = []

    def pause(self: Courtesy) -> None:
        seen.append(number)
        if len(seen) == number:
            act()

    monkeypatch.setattr(Courtesy, "pause", pause)
    monkeypatch.setattr("retrain.training.session._CHECK_SECONDS", 0.0)


def left_at(trainee: Trainee, epoch: int) -> bool:
    """Tell whether the run is as after that epoch, and the machine empty."""
    checkpoint = trainee.run.checkpoint
    names = {checkpoint.last, checkpoint.best} if checkpoint else set()
    return (
        trainee.run.epoch == epoch
        and set(trainee.services.artifacts.names(run_folder(trainee.run_id))) == names
        and not list(trainee.folder.rglob("*"))
        and not multiprocessing.active_children()
    )


@pytest.mark.parametrize(("signal", "error"), [("is_cancelled", RunCancelled), ("is_lease_lost", LeaseLost)])
def test_signal_of_the_heartbeat_stops_training_in_the_middle_of_an_epoch(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, signal: str, error: type[Exception]
) -> None:
    trainee = make_trainee()
    context = trainee.claim()
    at_batch(monkeypatch, 4, getattr(context, signal).set)
    with pytest.raises(error):
        trainee.train(context)
    assert left_at(trainee, 1)


def test_worker_told_to_end_stops_before_the_first_epoch_is_over(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    trainee = make_trainee()
    at_batch(monkeypatch, 2, told.set)
    with pytest.raises(RunInterrupted):
        trainee.train(trainee.claim(is_stopping=lambda run: told.is_set()))
    assert left_at(trainee, 0)


def test_training_stops_between_batches_of_the_validation_too(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.engine.trainer import BaseTrainer

    trainee, validate = make_trainee(), BaseTrainer.validate
    context = trainee.claim()
    monkeypatch.setattr("retrain.training.session._CHECK_SECONDS", 0.0)

    def cancelled_before(self: BaseTrainer) -> object:
        context.is_cancelled.set()
        return validate(self)

    monkeypatch.setattr(BaseTrainer, "validate", cancelled_before)
    with pytest.raises(RunCancelled):
        trainee.train(context)
    assert left_at(trainee, 0)


def test_process_that_lost_its_lease_stores_no_epoch(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = make_trainee()
    slow = trainee.claim()
    at_batch(monkeypatch, 3, lambda: trainee.claim(owner="faster"))
    with pytest.raises(LeaseLost):
        trainee.train(slow)
    assert trainee.epochs() == [1]
    assert trainee.run.checkpoint is not None and trainee.run.checkpoint.epoch == 1
