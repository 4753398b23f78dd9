"""Which labels and which predictions of one task are of one thing, and which stand alone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from backend.review.matching import SAME_IOU
from backend.stats.label_errors import JudgedTask, Mark

# A label and a prediction of one class that share less than SAME_IOU, yet so much, are one thing drawn badly.
LOOSE_IOU = 0.1
# What a model gave no score at all still goes with what it lies on.
_LEAST_SCORE = 1e-3

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """A label and a prediction of one thing.

    `iou` is theirs, 1 for a class of the whole image. `crowding` is the greatest IoU of the prediction with
    any other label. `support` is the score of the surest prediction at this place that has the label's class.
    """

    labelled: Mark
    predicted: Mark
    iou: float
    crowding: float = 0.0
    support: float = 0.0


@dataclass(frozen=True, slots=True)
class Alone:
    """A mark that goes with nothing on the other side.

    `overlap` is its greatest IoU with what is there; of a prediction, also with surer ones that are alone.
    """

    mark: Mark
    overlap: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """One task. `same` pairs have one class, `renamed` two; each mark with a place is in one of the four."""

    task: JudgedTask
    same: tuple[Pair, ...]
    renamed: tuple[Pair, ...]
    labelled_alone: tuple[Alone, ...]
    predicted_alone: tuple[Alone, ...]


def pair_marks(task: JudgedTask) -> Pairing:
    """Return what of the task goes together, one-to-one.

    First come marks that share `SAME_IOU`, whatever their class, so that the sum of score times IoU is the
    greatest: a faint second finding must not take the label from a sure one that lies a little worse. Of the
    rest, those of one class that share `LOOSE_IOU`.
    """
    labelled = [mark for mark in task.labelled if mark.box is not None]
    predicted = [mark for mark in task.found.marks if mark.box is not None]
    ious = _ious(labelled, predicted)
    ious[~_is_one_image(task, labelled, predicted)] = 0.0
    has_one_class = _is_equal([mark.label for mark in labelled], [mark.label for mark in predicted])
    scores = np.array([max(mark.score, _LEAST_SCORE) for mark in predicted])
    gains = ious * scores
    found = _assign(np.where(ious >= SAME_IOU, gains, 0.0))
    free = np.ones(ious.shape, bool)
    for row, column in found:
        free[row, :] = free[:, column] = False
    found += _assign(np.where(free & has_one_class & (ious >= LOOSE_IOU), gains, 0.0))
    supports = np.where(has_one_class & (ious >= SAME_IOU), scores, 0.0).max(axis=1, initial=0.0)
    pairs = [
        Pair(
            labelled[row],
            predicted[column],
            iou=float(ious[row, column]),
            crowding=float(np.delete(ious[:, column], row).max(initial=0.0)),
            support=float(supports[row]),
        )
        for row, column in found
    ]
    pairs += _whole_images(task)
    rows, columns = ({pair[side] for pair in found} for side in (0, 1))
    return Pairing(
        task,
        same=tuple(pair for pair in pairs if pair.labelled.label == pair.predicted.label),
        renamed=tuple(pair for pair in pairs if pair.labelled.label != pair.predicted.label),
        labelled_alone=_alone(labelled, ious, rows),
        predicted_alone=_said_once(_alone(predicted, ious.T, columns)),
    )


def _assign(gains: Numbers) -> list[tuple[int, int]]:
    """Return the one-to-one pairs, by row and column, with the greatest gain in all; each gains something."""
    if not gains.any():
        return []
    rows, columns = linear_sum_assignment(gains, maximize=True)
    is_pair = gains[rows, columns] > 0
    return list(zip(rows[is_pair].tolist(), columns[is_pair].tolist(), strict=True))


def _whole_images(task: JudgedTask) -> list[Pair]:
    """Pair classes of the whole image: each control's surest prediction with the label that was chosen."""
    pairs = []
    for control in dict.fromkeys(mark.control for mark in task.labelled if mark.box is None):
        chosen, found = (
            [mark for mark in marks if mark.box is None and mark.control == control]
            for marks in (task.labelled, task.found.marks)
        )
        if not found:
            continue
        surest = max(found, key=lambda mark: mark.score)
        equal = (mark for mark in chosen if mark.label == surest.label)
        labelled = next(equal, chosen[0])
        scores = (mark.score for mark in found if mark.label == labelled.label)
        pairs.append(Pair(labelled, surest, 1.0, support=max(scores, default=0.0)))
    return pairs


def _alone(marks: Sequence[Mark], ious: Numbers, paired: set[int]) -> tuple[Alone, ...]:
    most = ious.max(axis=1, initial=0.0)
    return tuple(Alone(mark, float(most[place])) for place, mark in enumerate(marks) if place not in paired)


def _said_once(alone: Sequence[Alone]) -> tuple[Alone, ...]:
    """Return the predictions, the surest first; what a model says twice overlaps with what it said before."""
    ordered = sorted(alone, key=lambda each: -each.mark.score)
    marks = [each.mark for each in ordered]
    ious = np.tril(_ious(marks, marks), -1).max(axis=1, initial=0.0)
    return tuple(
        replace(each, overlap=max(each.overlap, float(iou))) for each, iou in zip(ordered, ious, strict=True)
    )


def _is_one_image(task: JudgedTask, ones: Sequence[Mark], others: Sequence[Mark]) -> NDArray[np.bool_]:
    """Return which pairs can lie on one image; a control whose image is not named lies on any."""
    one, other = ([task.images.get(mark.control, "") for mark in marks] for marks in (ones, others))
    is_any = np.array([[not (a and b) for b in other] for a in one], bool).reshape(len(ones), len(others))
    return np.asarray(_is_equal(one, other) | is_any)


def _is_equal(ones: Sequence[str], others: Sequence[str]) -> NDArray[np.bool_]:
    found = [[one == other for other in others] for one in ones]
    return np.array(found, bool).reshape(len(ones), len(others))


def _ious(ones: Sequence[Mark], others: Sequence[Mark]) -> Numbers:
    one, other = _corners(ones), _corners(others)
    begin = np.maximum(one[:, None, :2], other[None, :, :2])
    end = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.maximum(end - begin, 0.0).prod(axis=-1)
    areas = [np.maximum(each[:, 2:] - each[:, :2], 0.0).prod(axis=-1) for each in (one, other)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _corners(marks: Sequence[Mark]) -> Numbers:
    boxes = [mark.box for mark in marks if mark.box is not None]
    return np.array([(box.x1, box.y1, box.x2, box.y2) for box in boxes], np.float64).reshape(-1, 4)
