"""What annotators are shown of a model's findings, and how good that is. Pure.

Average precision looks at the order of scores alone: a model that finds the same but is less sure of it has
the same figure, and shows less.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.entities import ControlTag
from backend.errors import LabelConfigError
from backend.labelstudio.label_config import number
from backend.training.entities import TrainingTarget
from retrain.evaluation.outcomes import Outcomes


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """By image, (images,): regions that are shown, those of them that are right by IoU 0.5, and objects."""

    regions: NDArray[np.int64]
    right: NDArray[np.int64]
    objects: NDArray[np.int64]

    def f1(self, draws: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return F1 of each draw of images, (draws, images); NaN where nothing is shown and nothing there."""
        whole = draws @ (self.regions + self.objects)
        right = 2.0 * (draws @ self.right)
        return np.asarray(np.divide(right, whole, out=np.full(len(draws), np.nan), where=whole > 0))


def lowest_score(control: ControlTag, default: float) -> float:
    """Return the score from which on a tag shows regions; the default too where the config's is no number."""
    try:
        return number(control, "model_score_threshold", default, most=1)
    except LabelConfigError:
        return default  # the server tells whoever edits the config; a run must not fail of it


def lowest_scores(
    target: TrainingTarget, controls: Sequence[ControlTag], *, default: float
) -> NDArray[np.float64]:
    """Return for each label of the target the score from which on it is shown, by the first of its tags.

    Args:
        target: What a model learnt to find.
        controls: Of the project's labeling config; none where it is not known.
        default: Of labels whose tags name no score, and of those that no tag holds.
    """
    scores = {
        label: lowest_score(control, default)
        for control in reversed(controls)
        if control.name in target.controls
        for label in control.labels
    }
    return np.array([scores.get(label, default) for label in target.labels])


def count_shown(outcomes: Outcomes, lowest: NDArray[np.float64]) -> Shown:
    """Count what is shown of a model's findings.

    Args:
        outcomes: Of the model.
        lowest: As `lowest_scores` returns them.
    """
    images = len(outcomes.objects)
    is_shown = outcomes.scores >= lowest[outcomes.classes]
    is_right = is_shown & outcomes.is_right[:, 0]
    return Shown(
        regions=np.bincount(outcomes.images[is_shown], minlength=images),
        right=np.bincount(outcomes.images[is_right], minlength=images),
        objects=outcomes.objects.sum(axis=1).astype(np.int64),
    )
