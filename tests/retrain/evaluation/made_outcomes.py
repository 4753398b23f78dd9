"""Outcomes of models that were never there."""

from collections.abc import Sequence

import numpy as np

from retrain.evaluation.outcomes import IOUS, ImageOutcomes, Outcomes, gather_outcomes

LABELS = ("car", "person", "traffic light")
# From this score on all of them are shown.
LOWEST = np.full(len(LABELS), 0.25)


def image_of(predictions: Sequence[tuple[int, float, float]], objects: Sequence[int]) -> ImageOutcomes:
    """Return the outcomes of one image.

    Args:
        predictions: For each its class, its score, and the IoU up to which it is right; 0: wrong.
        objects: How many there are of each class.
    """
    ordered = sorted(predictions, key=lambda each: -each[1])
    return ImageOutcomes(
        scores=np.array([score for _, score, _ in ordered], np.float64),
        classes=np.array([number for number, _, _ in ordered], np.intp),
        is_right=np.array([[iou >= level for level in IOUS] for _, _, iou in ordered], bool).reshape(
            -1, len(IOUS)
        ),
        objects=np.array(objects, np.int32),
    )


def outcomes_of(images: Sequence[ImageOutcomes], *, classes: int = len(LABELS)) -> Outcomes:
    return gather_outcomes(images, classes=classes)


def perfect_image(objects: Sequence[int], *, skill: float = 1.0) -> ImageOutcomes:
    """Return an image in which all is found, right up to the IoU `skill`, and nothing else."""
    things = [number for number, count in enumerate(objects) for _ in range(count)]
    return image_of([(number, 0.9, skill) for number in things], objects)


def random_image(
    rng: np.random.Generator, *, classes: int = len(LABELS), skill: float = 0.7
) -> ImageOutcomes:
    """Return an image of a model that finds a share `skill` of the objects, and others that are none."""
    objects = rng.poisson(1.5, classes)
    predictions = [
        (number, float(rng.beta(4, 2)), float(rng.uniform(0.45, 1.0)))
        for number, count in enumerate(objects)
        for _ in range(rng.binomial(count, skill))
    ]
    wrong = zip(rng.integers(0, classes, 12), rng.beta(2, 4, 12), strict=True)
    return image_of([*predictions, *((int(c), float(score), 0.0) for c, score in wrong)], objects.tolist())


def random_outcomes(seed: int, *, images: int = 40, skill: float = 0.7) -> Outcomes:
    rng = np.random.default_rng(seed)
    return outcomes_of([random_image(rng, skill=skill) for _ in range(images)])
