"""Average precision and accuracy of images drawn any number of times each. Pure.

Average precision is that of `ultralytics.utils.metrics.ap_per_class`: the precision's envelope, taken at
101 values of recall. A draw says how often each image counts, so that a thousand resamples cost little
more than one: only the right predictions have to be looked at, since precision rises nowhere else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrain.evaluation.outcomes import IOUS, Outcomes

# (draws, images): how often each image counts.
Draws = NDArray[np.int32]

_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """Figures in [0, 1] at each of the ten `IOUS`; NaN where a draw holds no object.

    `overall` is (draws, 10), `classes` (draws, classes, 10).
    """

    overall: NDArray[np.float64]
    classes: NDArray[np.float64]


def all_once(outcomes: Outcomes) -> Draws:
    """Return the one draw of each image once."""
    return np.ones((1, len(outcomes.objects)), np.int32)


def measure_quality(outcomes: Outcomes, draws: Draws, *, task: str) -> Quality:
    """Return how good the predictions are in each draw.

    For a classifier the figures are its top-1 accuracy: of the images, and of those of each class.
    Otherwise they are the average precision of each class, and its mean over the classes that the draw
    has objects of.
    """
    if task == "classify":
        return _accuracy(outcomes, draws)
    totals = draws @ outcomes.objects
    classes = np.full((*totals.shape, len(IOUS)), np.nan)
    for number in np.flatnonzero(totals.any(axis=0)).tolist():
        rows = np.flatnonzero(outcomes.classes == number)
        found = _average_precision(
            draws[:, outcomes.images[rows]], outcomes.is_right[rows], totals[:, number]
        )
        is_there = totals[:, number] > 0
        classes[is_there, number] = found[is_there]
    there = (totals > 0).sum(axis=1)[:, None]
    return Quality(overall=_ratio(np.nansum(classes, axis=1), there), classes=classes)


def _accuracy(outcomes: Outcomes, draws: Draws) -> Quality:
    right = np.zeros_like(outcomes.objects)
    hits = outcomes.is_right[:, 0]
    np.add.at(right, (outcomes.images[hits], outcomes.classes[hits]), 1)
    found, totals = draws @ right, draws @ outcomes.objects
    overall = _ratio(found.sum(axis=1), totals.sum(axis=1))
    # Right or wrong, whatever the overlap.
    return Quality(
        overall=np.repeat(overall[:, None], len(IOUS), axis=1),
        classes=np.repeat(_ratio(found, totals)[..., None], len(IOUS), axis=2),
    )


def _average_precision(
    weights: NDArray[np.int32], is_right: NDArray[np.bool_], totals: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return (draws, 10) of one class.

    Args:
        weights: (draws, n), how often each prediction counts, highest score first.
        is_right: (n, 10).
        totals: (draws,), how many objects there are.
    """
    figures = np.zeros((len(weights), len(IOUS)))
    last = np.flatnonzero(is_right.any(axis=1))[-1:]
    if not last.size:
        return figures
    seen = np.cumsum(weights[:, : last[0] + 1], axis=1, dtype=np.int32)
    for level in range(len(IOUS)):
        places = np.flatnonzero(is_right[:, level])
        if not places.size:
            continue
        found = np.cumsum(weights[:, places], axis=1, dtype=np.int32)
        precision = found / np.maximum(seen[:, places], 1)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        # Up to the recall that a right prediction reaches, the curve is flat and as high as from there on.
        passed = np.searchsorted(_RECALLS, found / np.maximum(totals, 1)[:, None])
        steps = np.diff(passed, axis=1, prepend=0)
        # The trapezoidal rule counts the first value by half; the last one is 0.
        figures[:, level] = ((steps * envelope).sum(axis=1) - envelope[:, 0] / 2) * _RECALLS[1]
    return figures


def _ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return part / whole; NaN where the whole is 0."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    is_defined = np.broadcast_to(whole, shape) != 0
    return np.asarray(np.divide(part, whole, out=np.full(shape, np.nan), where=is_defined), np.float64)
