"""What loggers of ultralytics write beside the weights, kept when the run's folder is deleted."""

import shutil
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

# TensorBoard's; MLflow and W&B keep theirs elsewhere by themselves.
_EVENT_FILES = "events.out.tfevents*"


def keep_event_files(save_dir: Path, folder: Path) -> None:
    """Copy TensorBoard's files of an attempt; all attempts of a run show as one curve."""
    try:
        for path in sorted(save_dir.glob(_EVENT_FILES)):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path.name)
    except OSError as error:  # no reason to lose a training
        log.warning("event_files_not_kept", folder=str(folder), detail=str(error))
