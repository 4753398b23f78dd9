"""What some comparisons of raters say together: F1, mean IoU and alpha with their intervals. Pure.

Counts of each task become a row of numbers, rows are added up, and figures are worked out of the sum.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.stats.bootstrap import Figure, Floats, bootstrap
from backend.stats.intervals import Estimate
from backend.stats.kappa_alpha import alpha_differing, alpha_of, alpha_row, kappa_differing, kappa_of
from backend.stats.task_agreement import UNMATCHED, PairComparison, TaskComparison


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a group of comparisons says; a figure is None where it would be 0 / 0.

    `tasks` counts tasks, and `regions` those of both sides of each pair, of which `matched` pairs are one
    thing and `equal` of them have one label too. `f1` is 2 equal / regions. `iou` is the mean of the matched.
    `alpha` counts who did not mark a thing as saying so; `alpha_matched` leaves it out.
    """

    tasks: int
    regions: int
    matched: int
    equal: int
    f1: Estimate | None
    iou: Estimate | None
    alpha: Estimate | None
    alpha_matched: Estimate | None


@dataclass(frozen=True, slots=True)
class Dice:
    """How intervals are drawn."""

    seed: int
    draws: int

    def estimate(self, rows: Sequence[Floats], *figures: Figure) -> tuple[Estimate | None, ...]:
        """Return the figures of all rows together."""
        if not rows:
            return (None,) * len(figures)
        return bootstrap(np.array(rows), *figures, seed=self.seed, draws=self.draws)


@dataclass(frozen=True, slots=True)
class Rows:
    """What some pairs of one task add: their things by both labels, IoUs, and units for alpha."""

    pairs: tuple[PairComparison, ...]
    units: Counter[tuple[str, ...]]

    @classmethod
    def of_members(cls, task: TaskComparison) -> "Rows":
        """Take the pairs of members, and things as all of them see it."""
        return cls(tuple(pair for pair in task.pairs if pair.is_of_members), Counter(task.things))

    @classmethod
    def of_pair(cls, pair: PairComparison) -> "Rows":
        """Take one pair, and things as the two see it."""
        return cls((pair,), Counter(pair.cells))

    @property
    def labels(self) -> set[str]:
        """All labels that were given where several could agree."""
        return {value for unit in self.units if len(unit) > 1 for value in unit} - {UNMATCHED}

    def marks(self, label: str | None = None) -> tuple[int, int, int, float]:
        """Return how many regions there are, matched and equal pairs, and the sum of matched IoUs.

        With a label only regions that have it, and pairs of which both have it.
        """
        if label is None:
            return (
                sum(pair.regions for pair in self.pairs),
                sum(pair.matched for pair in self.pairs),
                sum(pair.equal for pair in self.pairs),
                sum(sum(pair.ious.values()) for pair in self.pairs),
            )
        regions = sum(both.count(label) * n for pair in self.pairs for both, n in pair.cells.items())
        equal = sum(pair.cells.get((label, label), 0) for pair in self.pairs)
        return regions, equal, equal, sum(pair.ious.get((label, label), 0.0) for pair in self.pairs)


_F1 = Figure(lambda rows: share(2 * rows[..., 2], rows[..., 0]))
_IOU = Figure(lambda rows: share(rows[..., 3], rows[..., 1]))
ALPHA = Figure(alpha_of, least=-1.0, scale=lambda rows: 1 / alpha_differing(rows))
KAPPA = Figure(kappa_of, least=-1.0, scale=lambda rows: 1 / kappa_differing(rows))


def share(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, nan for 0 / 0."""
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def measure(rows: Sequence[Rows], labels: Sequence[str], dice: Dice) -> Agreement:
    """Return the figures of all tasks together; `labels` are all that occur."""
    marks = [each.marks() for each in rows]
    units = [each.units for each in rows]
    return _figures(marks, units, [UNMATCHED, *labels], dice)


def measure_label(rows: Sequence[Rows], label: str, dice: Dice) -> Agreement:
    """Return the figures of one label, for alpha against all others."""
    marks = [each.marks(label) for each in rows]
    units = [_one_against_all(each.units, label) for each in rows]
    return _figures(marks, units, [UNMATCHED, label, _OTHER], dice)


# No label is that long.
_OTHER = " " * 1000


def _one_against_all(units: Counter[tuple[str, ...]], label: str) -> Counter[tuple[str, ...]]:
    taken: Counter[tuple[str, ...]] = Counter()
    for unit, times in units.items():
        taken[tuple(value if value in (label, UNMATCHED) else _OTHER for value in unit)] += times
    return taken


def _figures(
    marks: Sequence[tuple[int, int, int, float]],
    units: Sequence[Counter[tuple[str, ...]]],
    values: Sequence[str],
    dice: Dice,
) -> Agreement:
    f1, iou = dice.estimate([np.array(mark, np.float64) for mark in marks], _F1, _IOU)
    (alpha,) = dice.estimate([alpha_row(unit, values) for unit in units], ALPHA)
    (matched,) = dice.estimate([alpha_row(_without_unmatched(unit), values) for unit in units], ALPHA)
    return Agreement(
        tasks=sum(mark[0] > 0 for mark in marks),
        regions=sum(mark[0] for mark in marks),
        matched=sum(mark[1] for mark in marks),
        equal=sum(mark[2] for mark in marks),
        f1=f1,
        iou=iou,
        alpha=alpha,
        alpha_matched=matched,
    )


def _without_unmatched(units: Counter[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    left: Counter[tuple[str, ...]] = Counter()
    for unit, times in units.items():
        left[tuple(value for value in unit if value != UNMATCHED)] += times
    return left
