"""Train a run's model: begun, gone on with after whatever cut it off, and ended once."""

import gc
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import delete

from backend.errors import AppError
from backend.inference.checkpoint import read_checkpoint
from backend.serving_mark import ServingMark
from backend.store.leases import LeaseLost
from backend.store.runs import hold_run
from backend.store.training_tables import SqlTrainingEpoch
from backend.training.entities import TrainingTarget
from retrain.context import RunCancelled, RunContext, RunInterrupted, now
from retrain.training.checkpoints import CheckpointKeeper, CheckpointLost
from retrain.training.courtesy import Courtesy
from retrain.training.errors import TrainingFailed, failure_of, is_out_of_memory
from retrain.training.logs import keep_event_files
from retrain.training.options import training_arguments
from retrain.training.session import TrainingSession

log = structlog.get_logger(__name__)

# Of attempts in a row without an epoch; one of the two before may have been killed by chance.
_ATTEMPTS_BEFORE_HALVING = 3
_DEFAULT_IMAGE_SIZE = 640


def train(
    context: RunContext,
    *,
    data: Path,
    base: Path,
    base_is_champion: bool,
    target: TrainingTarget,
    device: str,
) -> None:
    """Train until the run's checkpoint is its last; an earlier attempt's epochs are not done again.

    Args:
        context: Of this attempt.
        data: data.yaml of the data set, or a classifier's folder.
        base: Weights to start from.
        base_is_champion: Whether they are the project's champion, which the new model may be held near.
        target: What the model learns.
        device: torch device.

    Raises:
        RunCancelled, RunInterrupted, LeaseLost: it stops here; the last finished epoch is stored.
        TrainingFailed, ArtifactError, SettingsError, ModelError: this attempt failed.
    """
    if _has_ended(context):
        return
    Training(
        context, data=data, base=base, base_is_champion=base_is_champion, target=target, device=device
    ).run()


class Training:
    """One attempt at the training of a run; see `train`."""

    def __init__(
        self,
        context: RunContext,
        *,
        data: Path,
        base: Path,
        base_is_champion: bool,
        target: TrainingTarget,
        device: str,
    ) -> None:
        self._context = context
        self._base = _checked_base(base, target)
        self._target = target
        # ultralytics tells loggers the folder's name as that of the run.
        self._save_dir = context.folder / f"run-{context.run.id}"
        self._keeper = CheckpointKeeper(context.services.artifacts, context.run.id)
        self._device = device
        self._arguments = training_arguments(
            context.run,
            data=data,
            device=self._device,
            image_size=context.settings.train_imgsz or _image_size(base),
            teacher=base if self._is_distilling(base_is_champion) else None,
        )

    def run(self) -> None:
        """Train until the run's checkpoint is its last, with fewer images at once where memory is short."""
        run = self._context.run
        if self._save_dir.exists() and run.attempts >= _ATTEMPTS_BEFORE_HALVING and run.batch > 1:
            # Only a kill leaves the folder, and what kills again and again is the want of memory.
            self._halve_batch("The worker was killed again and again, perhaps for want of memory")
        try:
            while not _has_ended(self._context):
                if not self._train_until_memory_is_short():
                    _free_memory()
                    self._halve_batch(f"Memory was short on {self._device}")
        finally:
            self._clear()

    def _train_until_memory_is_short(self) -> bool:
        """Train to the end and return True; False where memory was short.

        Nothing of the error is kept, for its traceback holds the model and all that fills the memory.
        """
        try:
            self._train(self._prepared())
        except CheckpointLost as lost:
            self._begin_anew(str(lost))
            return True
        except (AppError, RunCancelled, RunInterrupted, LeaseLost):
            raise
        # The boundary of a library: OpenCV, for one, has errors of a kind of its own.
        except Exception as error:
            if _has_ended(self._context):  # its best weights are kept; the rest was for loggers alone
                log.warning("training_end_failed", run=self._context.run.id, detail=str(error))
            elif is_out_of_memory(error):
                log.warning("training_memory_short", run=self._context.run.id, detail=str(error)[:500])
                return False
            else:
                log.warning("training_stopped", run=self._context.run.id, exc_info=True)
                raise failure_of(error, epoch=self._context.run.epoch) from error
        return True

    def _prepared(self) -> Path | None:
        """Make an empty folder; return the checkpoint to go on from, None where training begins.

        Raises:
            CheckpointLost: there should be one and is none.
        """
        self._clear()
        checkpoint, weights = self._context.run.checkpoint, self._save_dir / "weights"
        if checkpoint is None:
            return None
        if checkpoint.epoch >= self._context.run.epochs:
            self._context.update(checkpoint=asdict(self._keeper.finish(checkpoint, weights)))
            return None
        self._keeper.fetch(checkpoint, weights)
        return weights / "last.pt"

    def _train(self, last: Path | None) -> None:
        if _has_ended(self._context):
            return
        # Imported here: torch and ultralytics take seconds, and a worker's other jobs need neither.
        from ultralytics import YOLO

        context = self._context
        attempt: dict[str, Any] = {"batch": context.run.batch, "save_dir": str(self._save_dir)}
        if last is not None:
            _check_loadable(last)
            attempt["resume"] = str(last)
        model = YOLO(str(self._base), task=self._target.task)
        mark = ServingMark(context.services.settings.data_dir)
        session = TrainingSession(
            context,
            self._keeper,
            Courtesy(mark, seconds=context.settings.retrain_yield),
            precision=self._arguments["amp"],
            labels=self._target.labels,
        )
        session.add_to(model)
        model.train(**self._arguments, **attempt)
        if not _has_ended(context):
            raise TrainingFailed(
                f"ultralytics ended the training after epoch {context.run.epoch} of {context.run.epochs}. "
                "Look at the run's notes and at TRAIN_OPTIONS."
            )

    def _begin_anew(self, reason: str) -> None:
        context = self._context
        log.warning("training_begun_anew", run=context.run.id, detail=reason)
        context.note(f"Training began anew after epoch {context.run.epoch}: {reason}")
        with context.services.database.write() as session:
            row = hold_run(session, context.run.id, owner=context.owner, now=now())
            row.checkpoint, row.epoch, row.seconds = None, 0, 0.0
            session.execute(delete(SqlTrainingEpoch).where(SqlTrainingEpoch.run_id == context.run.id))
        context.reload()

    def _halve_batch(self, reason: str) -> None:
        context, batch = self._context, self._context.run.batch
        if batch == 1:
            raise TrainingFailed(
                f"{reason}, with a single image of {self._arguments['imgsz']} pixels in one step. Lower "
                "TRAIN_IMGSZ, use smaller weights or another RETRAIN_DEVICE, or free memory on the machine."
            )
        context.update(batch=batch // 2)
        context.note(f"{reason}: {batch // 2} images in one step instead of {batch}.")

    def _is_distilling(self, base_is_champion: bool) -> bool:
        """Tell whether to distill from the base, and note what settings cannot do for a classifier."""
        if self._target.task == "classify" and self._context.settings.train_class_weights:
            self._context.note("TRAIN_CLASS_WEIGHTS has no effect: ultralytics has none for classifiers.")
        if not self._context.settings.train_distill or not base_is_champion:
            return False
        if self._target.task == "classify":
            self._context.note("TRAIN_DISTILL has no effect: ultralytics distills no classifiers.")
            return False
        return True

    def _clear(self) -> None:
        run, data_dir = self._context.run, self._context.services.settings.data_dir
        keep_event_files(self._save_dir, data_dir / "tensorboard" / run.id)
        shutil.rmtree(self._save_dir, ignore_errors=True)


def _has_ended(context: RunContext) -> bool:
    checkpoint = context.run.checkpoint
    return checkpoint is not None and checkpoint.is_last


def _checked_base(base: Path, target: TrainingTarget) -> Path:
    task = read_checkpoint(base).task
    if task != target.task:
        raise TrainingFailed(f"{base.name} is a model for {task}; the labels train one for {target.task}.")
    return base


def _image_size(base: Path) -> int:
    """Return the longer side in pixels of the input that the weights were trained with."""
    from ultralytics import YOLO

    size = YOLO(str(base)).overrides.get("imgsz", _DEFAULT_IMAGE_SIZE)
    return max(map(int, size)) if isinstance(size, list | tuple) else int(size)


def _check_loadable(last: Path) -> None:
    """Return if this version of ultralytics reads the checkpoint, which another one may have written.

    Raises:
        CheckpointLost: it does not.
    """
    from ultralytics.nn.tasks import load_checkpoint

    try:
        load_checkpoint(last)
    except (RuntimeError, TypeError, AttributeError, ImportError, KeyError, ValueError) as error:
        raise CheckpointLost(f"ultralytics cannot read the checkpoint: {error}") from error


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
