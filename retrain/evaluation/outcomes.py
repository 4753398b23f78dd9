"""What became of each prediction: right or wrong, by class and overlap. Pure.

A prediction is right if it is matched with an object of its class. Matching goes by score, highest first,
as in COCO's evaluation: each prediction takes the object that it covers best of those that are still
free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.entities import Point, Region
from backend.review.overlap import Overlaps
from backend.training.entities import TrainingTarget
from retrain.evaluation.keypoint_similarity import similarities

# COCO's ten, 0.50 to 0.95; as fractions, so that an IoU of exactly 0.6 reaches 0.6.
IOUS = np.arange(50, 100, 5) / 100


@dataclass(frozen=True, slots=True, eq=False)
class ImageOutcomes:
    """One image: (n,) scores and class numbers of n predictions, (n, 10) whether right at each of `IOUS`.

    `objects` (c,) counts what there is to find of each of the c classes.
    """

    scores: NDArray[np.float64]
    classes: NDArray[np.intp]
    is_right: NDArray[np.bool_]
    objects: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Many images: the n predictions of all, highest score first; `images` (n,) says which image each is of.

    `objects` is (images, c).
    """

    images: NDArray[np.intp]
    scores: NDArray[np.float64]
    classes: NDArray[np.intp]
    is_right: NDArray[np.bool_]
    objects: NDArray[np.int32]


def image_outcomes(truth: Sequence[Region], found: Sequence[Region], target: TrainingTarget) -> ImageOutcomes:
    """Compare what was found in an image with what is there.

    Shapes are compared by IoU, see `backend.review.overlap`; poses by the similarity of their key points, but
    for those things of which none is annotated: by their boxes. A class of the whole image is right or wrong.

    Args:
        truth: The image's labels, in pixels. Points whose parent is another region are that one's.
        found: Predictions in pixels, likewise. Those of other labels than the target's are passed over.
        target: What was to be found.
    """
    numbers = {label: number for number, label in enumerate(target.labels)}
    objects = [region for region in truth if _is_thing(region, numbers)]
    things = sorted((r for r in found if _is_thing(r, numbers)), key=lambda r: r.score, reverse=True)
    true_classes = np.array([numbers[region.label] for region in objects], np.intp)
    classes = np.array([numbers[region.label] for region in things], np.intp)
    ious = _overlaps(objects, things, true_classes[:, None] == classes)
    if target.task == "pose":
        is_same = true_classes[:, None] == classes
        of_points = similarities(objects, truth, things, found, keypoints=target.keypoints)
        ious = np.where(is_same & ~np.isnan(of_points), of_points, ious)
    return ImageOutcomes(
        scores=np.array([region.score for region in things], np.float64),
        classes=classes,
        is_right=_match(ious),
        objects=np.bincount(true_classes, minlength=len(numbers)).astype(np.int32),
    )


def gather_outcomes(images: Sequence[ImageOutcomes], *, classes: int) -> Outcomes:
    """Put the outcomes of images together, in their order.

    Args:
        images: Of the same target.
        classes: How many classes the target has.
    """
    scores = np.concatenate([np.zeros(0), *(image.scores for image in images)])
    # Stable, so that equal scores stay in the order of the images.
    order = np.argsort(-scores, kind="stable")
    places = np.repeat(np.arange(len(images)), [len(image.scores) for image in images])
    return Outcomes(
        images=places[order],
        scores=scores[order],
        classes=np.concatenate([np.zeros(0, np.intp), *(image.classes for image in images)])[order],
        is_right=np.concatenate([np.zeros((0, len(IOUS)), bool), *(i.is_right for i in images)])[order],
        objects=np.array([image.objects for image in images], np.int32).reshape(len(images), classes),
    )


def _is_thing(region: Region, numbers: dict[str, int]) -> bool:
    return region.label in numbers and not isinstance(region.geometry, Point)


def _overlaps(
    objects: Sequence[Region], things: Sequence[Region], is_same: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the IoU of each object (row) with each prediction; 0 for other classes and below the least."""
    ious = np.zeros((len(objects), len(things)))
    overlaps = Overlaps(objects, things)
    pairs = overlaps.touching()
    pairs = pairs[is_same[pairs[:, 0], pairs[:, 1]]]
    ious[pairs[:, 0], pairs[:, 1]] = overlaps.ious(pairs, least=float(IOUS[0]))
    return ious


def _match(ious: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (n, 10) whether each prediction, highest score first, gets an object at each of `IOUS`."""
    objects, predictions = ious.shape
    is_right = np.zeros((predictions, len(IOUS)), bool)
    is_free = np.ones((objects, len(IOUS)), bool)
    levels = np.arange(len(IOUS))
    # Most predictions of a low score are near no object, and need no look.
    for place in np.flatnonzero((ious >= IOUS[0]).any(axis=0)).tolist():
        offered = np.where(is_free, ious[:, place, None], 0.0)
        best = offered.argmax(axis=0)
        is_right[place] = offered[best, levels] >= IOUS
        is_free[best, levels] &= ~is_right[place]
    return is_right
