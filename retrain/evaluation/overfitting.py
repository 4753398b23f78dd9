"""Whether a training learnt its images by heart. Pure."""

import math
from collections.abc import Sequence

import numpy as np

from backend.training.entities import EpochMetrics

_LEAST_EPOCHS = 3
# Changes along the fitted line, as a share of the mean loss, from which on they are more than noise.
_LEAST_FALL = 0.01
_LEAST_RISE = 0.03


def describe_overfitting(epochs: Sequence[EpochMetrics]) -> str | None:
    """Say in words what speaks for overfitting; None where nothing does.

    It is named where, over the last third of the epochs and at least three, the training loss falls while
    the loss on the val split rises, both by the line of least squares. A loss is the sum of the parts
    that ultralytics reports for both.

    Args:
        epochs: The finished epochs, in any order.
    """
    ordered = sorted(epochs, key=lambda each: each.epoch)
    last = ordered[-max(_LEAST_EPOCHS, math.ceil(len(ordered) / 3)) :]
    if len(last) < _LEAST_EPOCHS:
        return None
    parts = _parts("train", last) & _parts("val", last)
    train = _change([sum(each.metrics[f"train/{part}"] for part in parts) for each in last])
    val = _change([sum(each.metrics[f"val/{part}"] for part in parts) for each in last])
    if train > -_LEAST_FALL or val < _LEAST_RISE:
        return None
    return (
        f"overfitting: over the epochs {last[0].epoch} to {last[-1].epoch} the training loss fell by "
        f"{-train:.0%} while the loss on the val split rose by {val:.0%}"
    )


def _parts(side: str, epochs: Sequence[EpochMetrics]) -> set[str]:
    """Return the names of the losses that every epoch has: "box_loss", or "loss" for a classifier."""
    names = [
        {name.removeprefix(f"{side}/") for name in each.metrics if name.startswith(f"{side}/")}
        for each in epochs
    ]
    return {name for name in set.intersection(*names) if name.endswith("loss")}


def _change(losses: Sequence[float]) -> float:
    """Return the change along the fitted line as a share of the mean; 0 where there is no number to it."""
    mean = float(np.mean(losses))
    if not math.isfinite(mean) or mean <= 0:
        return 0.0
    slope = float(np.polyfit(np.arange(len(losses)), losses, 1)[0])
    return slope * (len(losses) - 1) / mean
