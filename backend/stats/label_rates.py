"""How often a model and the labels agree, measured on the same tasks that are judged. Pure.

Rates and the density are kernel regressions (Nadaraya 1964, Watson 1964) with a Gaussian kernel. Where little
was seen, each is drawn towards a prior as if that had been seen `PRIOR` times: the rate of one label towards
that of all labels, and that one towards what is said here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from backend.entities import Box, ImageSize
from backend.stats.label_errors import Mark
from backend.stats.label_pairs import Pairing

PRIOR = 5.0
# Standard deviations of the kernels: of scores, of IoUs, and of the logarithm of a size.
_SCORE_WIDTH, _IOU_WIDTH, _SIZE_WIDTH = 0.08, 0.05, 0.35
_KNOTS = 41
# A prediction that touches no other label is another case than one that lies half on one.
_CROWDS = (0.1, 0.3)
_LEAST_SIDE = 1e-3

Numbers = NDArray[np.float64]
# A label of a control tag.
Key = tuple[str, str]
Rate = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Seen:
    """One case: of which label, where on the scale, and whether labels and model agreed."""

    key: Key
    place: float
    is_hit: bool


class Rates:
    """What can be expected of the model; all rates are in [0, 1].

    Args:
        pairings: Of the tasks to measure it on.
    """

    def __init__(self, pairings: Sequence[Pairing]) -> None:
        is_there: list[list[Seen]] = [[] for _ in range(len(_CROWDS) + 1)]
        classes, recalls, drawn = [], [], []
        for pairing in pairings:
            size = pairing.task.found.size
            for pair in pairing.same:
                mark = pair.predicted
                classes.append(Seen(key_of(mark), mark.score, True))
                if mark.box is not None:
                    is_there[_crowd(pair.crowding)].append(classes[-1])
                    recalls.append(Seen(key_of(pair.labelled), _log_side(pair.labelled, size), True))
                    drawn.append((mark.score, pair.iou))
            for pair in pairing.renamed:
                classes.append(Seen(key_of(pair.predicted), pair.predicted.score, False))
            for alone in pairing.predicted_alone:
                is_there[_crowd(alone.overlap)].append(Seen(key_of(alone.mark), alone.mark.score, False))
            for alone in pairing.labelled_alone:
                recalls.append(Seen(key_of(alone.mark), _log_side(alone.mark, size), False))
        self._is_there = [_by_label(seen, width=_SCORE_WIDTH, prior=_as_said) for seen in is_there]
        self._classes = _by_label(classes, width=_SCORE_WIDTH, prior=_as_said)
        self._recalls = _by_label(recalls, width=_SIZE_WIDTH, prior=lambda _: 0.5)
        self._density = _fit_density(np.array(drawn, np.float64).reshape(-1, 2))

    def is_labelled(self, mark: Mark, overlap: float) -> float:
        """Return how often such a prediction, with so much overlap with other things, has its label."""
        return self._is_there[_crowd(overlap)](key_of(mark))(mark.score)

    def has_class(self, mark: Mark) -> float:
        """Return how often such a prediction has the class of the label that it lies on."""
        return self._classes(key_of(mark))(mark.score)

    def is_found(self, mark: Mark, size: ImageSize | None) -> float:
        """Return how often the model finds what is labelled so and is of such a size."""
        return self._recalls(key_of(mark))(_log_side(mark, size))

    def density(self, score: float, iou: float) -> float:
        """Return the density of the IoU between labels and predictions of such a score; 1 on average."""
        return self._density(score, iou)


def key_of(mark: Mark) -> Key:
    """Return what rates are kept by."""
    return mark.control, mark.label


def _crowd(overlap: float) -> int:
    return sum(overlap > edge for edge in _CROWDS)


def _as_said(score: float) -> float:
    """A model's own score is what is known of it at first."""
    return score


def _log_side(mark: Mark, size: ImageSize | None) -> float:
    """Return the logarithm of a thing's size: the root of its share of the image, or of its pixels."""
    box = mark.box or Box(0, 0, 0, 0)
    area = max(box.width, 0.0) * max(box.height, 0.0)
    whole = size.width * size.height if size is not None else 0
    return log(max((area / (whole or 1)) ** 0.5, _LEAST_SIDE))


def _by_label(seen: Iterable[Seen], *, width: float, prior: Rate) -> Callable[[Key], Rate]:
    groups: dict[Key, list[Seen]] = defaultdict(list)
    for each in seen:
        groups[each.key].append(each)
    overall = _fit_rate([each for group in groups.values() for each in group], width=width, prior=prior)
    rates = {key: _fit_rate(group, width=width, prior=overall) for key, group in groups.items()}
    return lambda key: rates.get(key, overall)


def _fit_rate(seen: Sequence[Seen], *, width: float, prior: Rate) -> Rate:
    """Return the share of hits by place; outside of what was seen as at its ends."""
    if not seen:
        return prior
    places = np.array([each.place for each in seen])
    hits = np.array([each.is_hit for each in seen], np.float64)
    knots = np.linspace(places.min(), places.max(), _KNOTS)
    near = np.exp(-0.5 * ((knots[:, None] - places) / width) ** 2)
    known = np.array([prior(float(knot)) for knot in knots])
    rates = (near @ hits + PRIOR * known) / (near.sum(axis=1) + PRIOR)
    return lambda place: float(np.interp(place, knots, rates))


def _fit_density(drawn: Numbers) -> Callable[[float, float], float]:
    """Return the density of IoUs by score.

    Args:
        drawn: (n, 2) score and IoU. Before any was seen, the density is 2 times the IoU: mostly near 1.
    """
    scores, ious = np.linspace(0, 1, _KNOTS), np.linspace(0, 1, 2 * _KNOTS - 1)
    near = np.exp(-0.5 * ((scores[:, None] - drawn[:, 0]) / _SCORE_WIDTH) ** 2)
    bumps = np.exp(-0.5 * ((drawn[:, 1:] - ious) / _IOU_WIDTH) ** 2) / (_IOU_WIDTH * np.sqrt(2 * np.pi))
    table = (near @ bumps + PRIOR * 2 * ious) / (near.sum(axis=1, keepdims=True) + PRIOR)
    between = RegularGridInterpolator((scores, ious), table, bounds_error=False, fill_value=None)
    return lambda score, iou: float(between((min(max(score, 0.0), 1.0), iou)))
