"""The files of weights that a training makes: whether one is whole, and what is left of it in the end."""

import zipfile
from pathlib import Path

from backend.errors import ModelError
from backend.inference.checkpoint import read_checkpoint
from retrain.training.errors import TrainingFailed


def check_whole(path: Path) -> None:
    """Return if a file that torch wrote is all there; runs none of what it holds.

    Raises:
        TrainingFailed: a part is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            is_checkpoint = any(name.endswith("/data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        damaged, is_checkpoint = str(error), False
    if damaged or not is_checkpoint:
        raise TrainingFailed(
            f"The checkpoint {path.name} is not whole ({damaged or 'no data.pkl'}), so it was not stored."
        )


def write_final_weights(source: Path, target: Path) -> None:
    """Write a training's checkpoint anew as plain weights: no optimizer, half precision.

    What a distillation wraps around the model is taken off too.

    Args:
        source: A checkpoint that this run made.
        target: File to write.

    Raises:
        TrainingFailed: the result is no model that can be served.
    """
    from ultralytics.utils.torch_utils import strip_optimizer

    if not strip_optimizer(source, s=str(target)):  # it only logs what it cannot read
        raise TrainingFailed(f"The checkpoint {source.name} cannot be read by ultralytics.")
    try:
        read_checkpoint(target)
    except ModelError as error:
        raise TrainingFailed(f"The finished weights cannot be served: {error.message}") from error
