"""Choose which tasks to label next. Pure.

A task is worth labelling where the model does not know and where the labelled images lack something. Four
figures say so, and their weighted mean is the task's value. Tasks are chosen one after the other, the one of
the greatest value first, and each makes images like it less novel: the greedy k-center choice of Sener and
Savarese ("Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018), with the other
figures as weights.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.entities import Region
from backend.review.matching import SAME_IOU, match_regions
from backend.stats.next_tasks import NextTask
from backend.stats.novelty import Neighbourhood, Vector

# Half for what the model does not know, half for what the labelled images lack; within each half more for
# what is known of every task and needs no second version and no reviewed tasks.
UNCERTAINTY = 0.3
DISAGREEMENT = 0.2
RARITY = 0.2
NOVELTY = 0.3
_WEIGHTS = np.array([UNCERTAINTY, DISAGREEMENT, RARITY, NOVELTY])
# A second reason is named where it counts at least so much of the first.
_ALSO = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A task that could be labelled next.

    `score` is the prediction's certainty, `labels` the highest score of each predicted label, `embeddings`
    unit vectors by the version that made them. `disagreement` is between the last two versions.
    """

    task_id: int
    score: float
    labels: Mapping[str, float] = field(default_factory=dict)
    embeddings: Mapping[str, Vector] = field(default_factory=dict)
    disagreement: float | None = None


@dataclass(frozen=True, slots=True)
class LabelledTasks:
    """What is labelled: how many tasks, on how many of them each label is, and embeddings by version."""

    tasks: int = 0
    holding: Mapping[str, int] = field(default_factory=dict)
    embeddings: Mapping[str, Sequence[Vector]] = field(default_factory=dict)


def choose_tasks(
    candidates: Sequence[Candidate], labelled: LabelledTasks, *, count: int
) -> tuple[NextTask, ...]:
    """Return at most `count` tasks in the order to label them.

    Of images that show the same scene one is chosen, as long as there are others. Of tasks of equal value
    that of the lower id comes first.
    """
    choice = _Choice(candidates, labelled)
    return tuple(choice.choose_next() for _ in range(min(count, len(candidates))))


def most_promising(candidates: Sequence[Candidate], labelled: LabelledTasks, *, count: int) -> list[int]:
    """Return the ids of the tasks of the greatest value, each looked at for itself; the greatest first."""
    choice = _Choice(candidates, labelled)
    values = _values(choice.parts)
    order = np.lexsort((choice.ids, -values))
    return [int(choice.ids[place]) for place in order[:count]]


def disagreement(ones: Sequence[Region], others: Sequence[Region]) -> float:
    """Return how far two versions' regions of one task disagree, in [0, 1]: 1 - F1 of equal labels.

    Regions are one thing from an IoU of 0.5 on. Two versions that find nothing agree.
    """
    if not ones and not others:
        return 0.0
    # Both versions fill the same control tags, so what belongs to one tag lies on one image.
    images = {region.control: region.control for region in (*ones, *others)}
    matches = match_regions(ones, others, images=images, least=SAME_IOU)
    hits = sum(ones[match.shown].label == others[match.annotated].label for match in matches)
    return 1 - 2 * hits / (len(ones) + len(others))


def label_rarity(label: str, labelled: LabelledTasks) -> float:
    """Return how rare a label is on labelled tasks, in [0, 1]: 1 where none holds it, 0 where all do.

    It is the inverse document frequency (Sparck Jones, "A statistical interpretation of term specificity",
    1972) as a share of its greatest value; 0 where nothing is labelled.
    """
    if not labelled.tasks:
        return 0.0
    holding = min(labelled.holding.get(label, 0), labelled.tasks)
    return math.log((labelled.tasks + 1) / (holding + 1)) / math.log(labelled.tasks + 1)


class _Choice:
    """Candidates by ascending id, their figures, and what was chosen so far."""

    def __init__(self, candidates: Sequence[Candidate], labelled: LabelledTasks) -> None:
        self._candidates = sorted(candidates, key=lambda each: each.task_id)
        self.ids = np.array([each.task_id for each in self._candidates], np.int64)
        rarities = {label: label_rarity(label, labelled) for each in candidates for label in each.labels}
        # By its score: a class that was hardly found is hardly there.
        self._rarest = [
            max(((score * rarities[label], label) for label, score in each.labels.items()), default=(0.0, ""))
            for each in self._candidates
        ]
        self._neighbourhood = Neighbourhood(
            [each.embeddings for each in self._candidates], labelled.embeddings
        )
        # A row per candidate, a column per figure in the order of the weights; NaN where it is not known.
        self.parts = np.column_stack(
            [
                [1 - each.score for each in self._candidates],
                [math.nan if each.disagreement is None else each.disagreement for each in self._candidates],
                [rarity for rarity, _ in self._rarest],
                self._neighbourhood.novelty(),
            ]
        ).reshape(-1, _WEIGHTS.size)
        self._usual = _means(self.parts)
        self._is_free = np.ones(len(self._candidates), bool)

    def choose_next(self) -> NextTask:
        """Take the candidate of the greatest value; one at least must be left."""
        self.parts[:, 3] = self._neighbourhood.novelty()
        values = _values(self.parts)
        is_other = self._is_free & ~self._neighbourhood.is_like_chosen()
        place = int(np.where(is_other if is_other.any() else self._is_free, values, -1).argmax())
        self._is_free[place] = False
        uncertainty, differs, rarity, novelty = self.parts[place].tolist()
        chosen = NextTask(
            task_id=self._candidates[place].task_id,
            value=float(values[place]),
            uncertainty=uncertainty,
            disagreement=None if math.isnan(differs) else differs,
            rarity=rarity,
            novelty=None if math.isnan(novelty) else novelty,
            reason=self._reason(place),
        )
        self._neighbourhood.choose(place)
        return chosen

    def _reason(self, place: int) -> str:
        """Say in what the candidate exceeds the others the most, weighted."""
        phrases = (
            "the model is unsure",
            "the last two versions disagree",
            f"it probably holds {self._rarest[place][1]}, which is rare",
            "the image is unlike others",
        )
        excess = np.nan_to_num((self.parts[place] - self._usual) * _WEIGHTS, nan=0.0)
        first, second = np.argsort(-excess, kind="stable")[:2].tolist()
        if excess[first] <= 0:
            return "Nothing about it stands out; it is the next best."
        named = [phrases[first]]
        if excess[second] >= _ALSO * excess[first]:
            named.append(phrases[second])
        text = ", and ".join(named)
        return f"{text[0].upper()}{text[1:]}."


def _values(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's weighted mean of its figures, in [0, 1].

    One that is not known counts as the mean of the others' is: a task must gain nothing from not having been
    compared. One that is known of no task does not count.
    """
    weights = _WEIGHTS * ~np.isnan(parts).all(axis=0)
    return np.asarray(np.where(np.isnan(parts), _means(parts), parts) @ weights / weights.sum())


def _means(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each figure over the rows where it is known, 0 where it is nowhere."""
    is_known = ~np.isnan(parts)
    total = np.where(is_known, parts, 0).sum(axis=0)
    return np.asarray(total / np.maximum(is_known.sum(axis=0), 1))
