"""How sure it is that one model is better than another: paired bootstrap over images. Pure.

Images are drawn with replacement, the same for both models, and the difference is taken in each draw; its
95 % interval is between the 2.5th and the 97.5th percentile (Efron and Tibshirani, An Introduction to the
Bootstrap, chapter 13).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.training.entities import Difference
from retrain.evaluation.outcomes import Outcomes
from retrain.evaluation.quality import all_once, measure_quality
from retrain.evaluation.shown import count_shown

DRAWS = 1000
_PERCENTILES = (2.5, 97.5)
# Draws that are worked on together: bounds the memory.
_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Differences:
    """How far the challenger's mAP50-95 is above the champion's: `overall` is None without any object.

    `classes` are by label, those without objects left out. `shown` is the same of F1 of what is shown.
    """

    overall: Difference | None
    classes: Mapping[str, Difference]
    shown: Difference | None


def bootstrap_differences(
    challenger: Outcomes,
    champion: Outcomes,
    *,
    task: str,
    labels: Sequence[str],
    lowest: NDArray[np.float64],
    seed: int,
    draws: int = DRAWS,
) -> Differences:
    """Return the differences with their intervals.

    A class that a draw has no object of is left out of the draw's mean, for both models. For the class
    itself such a draw says nothing, and counts as no difference; so none that three images or fewer show
    is ever surely worse.

    Args:
        challenger: Outcomes of the new model.
        champion: Outcomes of the other one on the same images, in the same order.
        task: As ultralytics names it.
        labels: Of the classes, in order.
        lowest: Scores from which on annotators are shown predictions, by class.
        seed: Equal seeds give equal intervals.
        draws: How many resamples.
    """
    images = len(challenger.objects)
    if not challenger.objects.any():
        return Differences(None, {}, None)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(images, np.full(images, 1 / images), size=draws).astype(np.int32)
    parts = [counts[start : start + _AT_ONCE] for start in range(0, draws, _AT_ONCE)]
    # The first row is of the images as they are.
    differences = [_difference(challenger, champion, part, task) for part in [all_once(challenger), *parts]]
    overall = np.concatenate([of_all for of_all, _ in differences])
    classes = np.concatenate([of_classes for _, of_classes in differences])
    new, old = (count_shown(outcomes, lowest) for outcomes in (challenger, champion))
    every = np.concatenate([all_once(challenger), counts])
    shown = new.f1(every) - old.f1(every)
    return Differences(
        overall=_interval(overall[0], overall[1:][~np.isnan(overall[1:])]),
        classes={
            label: _interval(classes[0, number], np.nan_to_num(classes[1:, number]))
            for number, label in enumerate(labels)
            if challenger.objects[:, number].any()
        },
        shown=_interval(shown[0], shown[1:][~np.isnan(shown[1:])]),
    )


def _difference(
    challenger: Outcomes, champion: Outcomes, draws: NDArray[np.int32], task: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    new, old = (measure_quality(outcomes, draws, task=task) for outcomes in (challenger, champion))
    return (
        new.overall.mean(axis=-1) - old.overall.mean(axis=-1),
        new.classes.mean(axis=-1) - old.classes.mean(axis=-1),
    )


def _interval(value: float, drawn: NDArray[np.float64]) -> Difference:
    low, high = np.percentile(drawn, _PERCENTILES).tolist() if drawn.size else (value, value)
    return Difference(value=float(value), low=float(low), high=float(high))
