"""Attempts at a run's training, as a worker makes them one after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import update

from backend.services import Services
from backend.store.runs import claim_run, create_run, get_run, list_epochs, update_run
from backend.store.training_tables import SqlTrainingRun
from backend.training.entities import Phase, TrainingRun
from backend.training_settings import TrainingSettings
from retrain.context import RunContext, now
from retrain.training.train import train
from tests.retrain.training.squares import SIDE, target_of

PROJECT = 7
QUICK = {
    "train_epochs": 3,
    "train_batch": 5,
    "train_imgsz": SIDE,
    "retrain_device": "cpu",
    # One step of the optimizer for each batch, so that its steps can be counted.
    "train_options": "nbs=1,warmup_epochs=0,mosaic=0",
}


@dataclass
class Trainee:
    """A run in the phase of training, and what it is trained on; `folder` is that of the machine."""

    services: Services
    run_id: str
    data: Path
    base: Path
    folder: Path
    task: str = "detect"
    is_champion: bool = False

    @property
    def run(self) -> TrainingRun:
        return get_run(self.services.database, self.run_id)

    def epochs(self) -> list[int]:
        return [each.epoch for each in list_epochs(self.services.database, self.run_id)]

    def claim(
        self, *, owner: str = "me", is_stopping: Callable[[TrainingRun], bool] = lambda run: False
    ) -> RunContext:
        """Take the run over from a process that is dead by now.

        `is_stopping` is asked with the run as the attempt knows it.
        """
        database = self.services.database
        with database.write() as session:
            session.execute(update(SqlTrainingRun).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))
        run = claim_run(database, self.run_id, owner=owner, now=now())
        assert run is not None
        context = RunContext(
            run,
            owner=owner,
            services=self.services,
            folder=self.folder,
            is_stopping=lambda: is_stopping(context.run),
        )
        return context

    def train(self, context: RunContext | None = None) -> TrainingRun:
        """Make an attempt and return the run after it."""
        train(
            context or self.claim(),
            data=self.data,
            base=self.base,
            base_is_champion=self.is_champion,
            target=target_of(self.task),
            device="cpu",
        )
        return self.run


def begin_training(services: Services, **settings: Any) -> str:
    """Make a run that is to be trained next; return its id."""
    database = services.database
    made = TrainingSettings(**{**QUICK, **settings})
    with database.write() as session:
        run_id = create_run(session, PROJECT, reason="a test asked", settings=made, now=now())
    assert run_id is not None and claim_run(database, run_id, owner="snapshot", now=now()) is not None
    update_run(database, run_id, owner="snapshot", now=now(), phase=Phase.TRAIN, attempts=0)
    return run_id
