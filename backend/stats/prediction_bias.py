"""Whether a model predicts some classes too often: their predicted against their corrected shares. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.stats.bins import class_names, count_classes, merge_rare
from backend.stats.change import (
    LEAST_IMAGES,
    Bin,
    Drift,
    Measure,
    Verdict,
    drift_of,
    each_level,
    judge_classes,
    share_of,
    unknown,
)
from backend.stats.intervals import Estimate
from backend.stats.psi import compare_pairs


@dataclass(frozen=True, slots=True)
class ReviewedImage:
    """How many objects of each label were predicted in an image, and are there after correction."""

    predicted: Mapping[str, int]
    corrected: Mapping[str, int]


def assess_prediction_bias(images: Sequence[ReviewedImage], *, seed: int = 0) -> Drift:
    """Return whether predicted class shares differ from corrected ones.

    In its bins, the classes, `expected` is the corrected share and `actual` the predicted one.
    """
    sides = [image.corrected for image in images], [image.predicted for image in images]
    names = class_names([*sides[0], *sides[1]])
    corrected, predicted = (count_classes(side, names) for side in sides)
    known = _count_images(corrected), _count_images(predicted)
    if min(known) < LEAST_IMAGES:
        return unknown(Measure.PREDICTION_BIAS, *known, sides="with corrected and with predicted objects")
    stability = compare_pairs(merge_rare(corrected), merge_rare(predicted), level=each_level(), seed=seed)
    bins = [_bin(name, corrected, predicted, column) for column, name in enumerate(names)]
    verdict = judge_classes(stability, bins)
    if verdict == Verdict.NONE:
        said = "No class is seen to be predicted too often or too rarely"
    else:
        moved = max(bins, key=lambda each: abs(each.difference.value))
        rate = "often" if moved.difference.value > 0 else "rarely"
        said = (
            f"The model predicts {moved.name} too {rate}: {100 * moved.actual.value:.1f} % of predicted "
            f"objects, and {100 * moved.expected.value:.1f} % after correction"
        )
    return drift_of(
        Measure.PREDICTION_BIAS, stability, verdict=verdict, images=known, bins=bins, sentence=said
    )


def _count_images(counts: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(counts.any(axis=1)))


def _bin(name: str, corrected: NDArray[np.int64], predicted: NDArray[np.int64], column: int) -> Bin:
    right, said = share_of(corrected, column), share_of(predicted, column)
    correlation = _correlation(_residuals(corrected, column), _residuals(predicted, column))
    return Bin(name, right, said, paired_difference(said, right, correlation=correlation))


def paired_difference(first: Estimate, second: Estimate, *, correlation: float) -> Estimate:
    """Return first minus second, of one sample, by the method 10 for paired shares of Newcombe (1998).

    It is his "Improved confidence intervals for the difference between binomial proportions based on paired
    data": distances to the ends of the intervals, with their product taken off as far as the two correlate.
    """
    value = first.value - second.value
    below = _paired_distance(first.value - first.low, second.high - second.value, correlation)
    above = _paired_distance(first.high - first.value, second.value - second.low, correlation)
    return Estimate(value, max(-1.0, value - below), min(1.0, value + above))


def _paired_distance(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


def _residuals(counts: NDArray[np.int64], column: int) -> NDArray[np.float64]:
    """Return by how much each image's items of the class exceed what the share makes of all its items."""
    n, x = counts.sum(axis=1), counts[:, column]
    return np.asarray(x - x.sum() / n.sum() * n, np.float64)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / size if size else 0.0
