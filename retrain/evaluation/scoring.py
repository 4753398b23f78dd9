"""The figures of one model: at its best score, at that from which on it is shown, and over all. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.training.entities import ClassScore, ModelScore
from retrain.evaluation.outcomes import Outcomes
from retrain.evaluation.quality import all_once, measure_quality
from retrain.evaluation.shown import count_shown


def best_threshold(outcomes: Outcomes, *, default: float) -> float:
    """Return the score from which on F1 is best, all classes together, by IoU 0.5; the highest such one.

    Args:
        outcomes: Of the val split.
        default: What is returned where no prediction is right.
    """
    right = np.cumsum(outcomes.is_right[:, 0])
    if not right.size or not right[-1]:
        return default
    f1 = 2 * right / (np.arange(1, len(right) + 1) + outcomes.objects.sum())
    # Equal scores count together or not at all.
    is_last = np.append(outcomes.scores[:-1] != outcomes.scores[1:], True)
    return float(outcomes.scores[np.where(is_last, f1, -1.0).argmax()])


def score_model(
    outcomes: Outcomes,
    *,
    task: str,
    labels: Sequence[str],
    version: str,
    threshold: float,
    lowest: NDArray[np.float64],
    latency_ms: float,
) -> ModelScore:
    """Return a model's figures on the test split; 0 where nothing is to be found.

    Args:
        outcomes: Of the test split.
        task: As ultralytics names it.
        labels: Of the classes, in order.
        version: The model version's name.
        threshold: Score from which on a prediction counts for precision, recall and F1.
        lowest: Scores from which on annotators are shown predictions, by class.
        latency_ms: Median time of one image in milliseconds.
    """
    quality = measure_quality(outcomes, all_once(outcomes), task=task)
    overall, classes = np.nan_to_num(quality.overall[0]), quality.classes[0]
    count = len(labels)
    is_counted = outcomes.scores >= threshold
    found = np.bincount(outcomes.classes[is_counted], minlength=count)
    right = np.bincount(outcomes.classes[is_counted & outcomes.is_right[:, 0]], minlength=count)
    objects = outcomes.objects.sum(axis=0)
    shown_f1 = count_shown(outcomes, lowest).f1(all_once(outcomes))[0]
    precision, recall, f1 = _rates(int(right.sum()), int(found.sum()), int(objects.sum()))
    return ModelScore(
        version=version,
        map50_95=float(overall.mean()),
        map50=float(overall[0]),
        precision=precision,
        recall=recall,
        f1=f1,
        threshold=threshold,
        latency_ms=latency_ms,
        classes=tuple(
            _class_score(label, classes[number], int(right[number]), int(found[number]), int(objects[number]))
            for number, label in enumerate(labels)
        ),
        shown_f1=float(np.nan_to_num(shown_f1)),
    )


def _class_score(
    label: str, figures: NDArray[np.float64], right: int, found: int, objects: int
) -> ClassScore:
    if not objects:
        return ClassScore(label, 0, None, None, None, None, None)
    rates = _rates(right, found, objects)
    return ClassScore(label, objects, float(figures.mean()), float(figures[0]), *rates)


def _rates(right: int, found: int, objects: int) -> tuple[float, float, float]:
    """Return precision, recall and F1; 0 where there is nothing to divide by."""
    return right / max(found, 1), right / max(objects, 1), 2 * right / max(found + objects, 1)
