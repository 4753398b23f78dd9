"""What happens between ultralytics' steps: the run is asked whether to go on, and its epochs are stored."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import structlog

from backend.store.runs import store_epoch
from backend.training.entities import EpochMetrics, SavedCheckpoint
from retrain.context import RunContext, now
from retrain.training.checkpoints import CheckpointKeeper
from retrain.training.courtesy import Courtesy
from retrain.training.errors import TrainingFailed

log = structlog.get_logger(__name__)

_CHECK_SECONDS = 1.0


class TrainingSession:
    """Callbacks of one call of ultralytics' train, beside those of its loggers.

    What they raise leaves ultralytics by the call of train.

    Args:
        context: Of this attempt.
        keeper: Of the run's checkpoints.
        courtesy: Towards the servers of this machine.
        precision: ultralytics' argument `amp`. One that goes on takes it from the checkpoint, which may come
            from another device.
        labels: That the data set must have, in the order of class numbers.
    """

    def __init__(
        self,
        context: RunContext,
        keeper: CheckpointKeeper,
        courtesy: Courtesy,
        *,
        precision: bool | str,
        labels: Sequence[str],
    ) -> None:
        self._context = context
        self._keeper = keeper
        self._courtesy = courtesy
        self._precision = precision
        self._labels = labels
        self._epoch_began = monotonic()
        self._next_check = 0.0

    def add_to(self, model: Any) -> None:
        """Add the callbacks to a model of ultralytics."""
        for event, callback in (
            ("on_pretrain_routine_start", self._set_precision),
            ("on_train_start", self._start),
            ("on_train_epoch_start", self._adopt_batch),
            ("on_train_batch_start", self._before_batch),
            ("on_train_batch_end", self._check),
            ("on_val_batch_end", self._check),
            ("on_model_save", self._keep_epoch),
            ("teardown", _end_loaders),
        ):
            model.add_callback(event, callback)

    def _set_precision(self, trainer: Any) -> None:
        trainer.args.amp = self._precision

    def _start(self, trainer: Any) -> None:
        self._epoch_began = monotonic()
        names = [str(name) for name in trainer.data["names"].values()]
        if names != list(self._labels):
            raise TrainingFailed(
                f"The data set has the classes {', '.join(names)[:200]}; expected "
                f"{', '.join(self._labels)[:200]}."
            )

    def _before_batch(self, trainer: Any) -> None:
        self._courtesy.pause()
        self._check(trainer)

    def _check(self, trainer: Any) -> None:
        if monotonic() >= self._next_check:
            self._next_check = monotonic() + _CHECK_SECONDS
            self._context.check()

    def _adopt_batch(self, trainer: Any) -> None:
        """Keep the smaller batch that ultralytics went down to by itself, for the attempts to come."""
        batch = self._context.run.batch
        if trainer.batch_size != batch:
            self._context.update(batch=trainer.batch_size)
            self._context.note(
                f"Memory was short on {trainer.device}: {trainer.batch_size} images in one step instead of "
                f"{batch}."
            )

    def _keep_epoch(self, trainer: Any) -> None:
        run = self._context.run
        epoch = EpochMetrics(
            epoch=trainer.epoch + 1,
            seconds=monotonic() - self._epoch_began,
            metrics=_finite({**trainer.label_loss_items(trainer.tloss), **trainer.metrics, **trainer.lr}),
        )
        self._epoch_began = monotonic()
        hours = run.settings.train_hours
        if hours and run.seconds + epoch.seconds >= hours * 3600:
            trainer.stop = True  # ultralytics has decided on its own before it saves
        weights: Path = trainer.wdir
        checkpoint = self._keeper.keep(
            weights, epoch.epoch, previous=run.checkpoint, is_last=bool(trainer.stop)
        )
        self._store(epoch, checkpoint)

    def _store(self, epoch: EpochMetrics, checkpoint: SavedCheckpoint) -> None:
        run = self._context.run
        store_epoch(
            self._context.services.database,
            run.id,
            epoch,
            checkpoint=checkpoint,
            owner=self._context.owner,
            now=now(),
        )
        self._context.reload()
        self._keeper.delete_older(checkpoint)
        log.info(
            "epoch_finished",
            run=run.id,
            project=run.project_id,
            epoch=epoch.epoch,
            epochs=run.epochs,
            seconds=round(epoch.seconds, 1),
            is_last=checkpoint.is_last,
            **{name: value for name, value in epoch.metrics.items() if name.startswith("metrics/")},
        )
        self._context.check()


def _end_loaders(trainer: Any) -> None:
    # ultralytics ends the processes that load images only where the training went well.
    for name in ("train_loader", "test_loader"):
        close = getattr(getattr(trainer, name, None), "close", None)
        if close is not None:
            close()


def _finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return what JSON can hold; losses of a training that went astray are no numbers."""
    numbers = {name: float(value) for name, value in metrics.items()}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
