"""How far the annotators of a project agree, with each other, with ground truth and with the model. Pure.

Counts of tasks in (`task_agreement`), figures out. All intervals are of tasks drawn with replacement, since
regions of one image are not independent of each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from backend.stats.agreement_figures import ALPHA, KAPPA, Agreement, Dice, Rows, measure, measure_label, share
from backend.stats.bootstrap import DRAWS, Figure
from backend.stats.intervals import Estimate
from backend.stats.kappa_alpha import alpha_row, kappa_row
from backend.stats.task_agreement import PairComparison, Rater, TaskComparison, rank

# Below this many common tasks nobody is called unlike the others.
FEWEST_TASKS = 5


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """One label: `agreement.iou` is of pairs that both have it, both alphas take it against all others."""

    label: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two raters on the tasks that both labelled."""

    one: Rater
    other: Rater
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class PairKappa:
    """Cohen's kappa of what two raters chose, of so many tasks, of which they chose the same in `equal`."""

    one: Rater
    other: Rater
    tasks: int
    equal: int
    kappa: Estimate | None


@dataclass(frozen=True, slots=True)
class ChoiceAgreement:
    """A control tag whose choices are of the whole image: alpha of all members, kappa of each pair."""

    control: str
    tasks: int
    alpha: Estimate | None
    pairs: tuple[PairKappa, ...]


@dataclass(frozen=True, slots=True)
class TaskAgreement:
    """Members' agreement on one task, in [0, 1]: the share of regions and choices that are the same.

    Of `things` that anybody marked, `disputed` were not marked by all, or not with one label.
    """

    task_id: int
    agreement: float
    things: int
    disputed: int
    raters: tuple[Rater, ...]


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """A member against the other members: F1 with them, theirs without this one, and the difference.

    `is_unlike` where the interval of the difference is below 0.
    """

    rater: Rater
    tasks: int
    f1: Estimate | None
    f1_of_others: Estimate | None
    difference: Estimate | None
    is_unlike: bool


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """All that is known of a project; tasks with the least agreement first, raters by rank."""

    project_id: int
    iou: float
    overall: Agreement
    labels: tuple[LabelAgreement, ...]
    pairs: tuple[PairAgreement, ...]
    choices: tuple[ChoiceAgreement, ...]
    tasks: tuple[TaskAgreement, ...]
    raters: tuple[RaterAgreement, ...]


def assess_agreement(
    project_id: int, compared: Sequence[TaskComparison], *, iou: float, seed: int, draws: int = DRAWS
) -> AgreementReport:
    """Return the figures of a project.

    Args:
        project_id: Label Studio's.
        compared: Its tasks that several raters labelled, compared at `iou`.
        iou: From which on regions are one thing.
        seed: Of the intervals; equal seeds give equal ones.
        draws: How many resamples an interval takes.
    """
    dice = Dice(seed, draws)
    of_members = [Rows.of_members(task) for task in compared]
    labels = sorted({label for rows in of_members for label in rows.labels})
    return AgreementReport(
        project_id=project_id,
        iou=iou,
        overall=measure(of_members, labels, dice),
        labels=tuple(LabelAgreement(label, measure_label(of_members, label, dice)) for label in labels),
        pairs=_pairs(compared, dice),
        choices=_choices(compared, dice),
        tasks=_tasks(compared),
        raters=_raters(compared, dice),
    )


# Of rows with equal pairs and regions of one rater's comparisons, and of those of all others.
_OWN = Figure(lambda rows: share(2 * rows[..., 0], rows[..., 1]))
_OTHERS = Figure(lambda rows: share(2 * rows[..., 2], rows[..., 3]))
_DIFFERENCE = Figure(lambda rows: _OWN.of(rows) - _OTHERS.of(rows), least=-1.0)


def _pairs(compared: Iterable[TaskComparison], dice: Dice) -> tuple[PairAgreement, ...]:
    found: dict[tuple[Rater, Rater], list[Rows]] = {}
    for task in compared:
        for pair in task.pairs:
            found.setdefault((pair.one, pair.other), []).append(Rows.of_pair(pair))
    return tuple(
        PairAgreement(one, other, measure(rows, sorted({v for r in rows for v in r.labels}), dice))
        for (one, other), rows in sorted(found.items(), key=lambda item: (rank(item[0][0]), rank(item[0][1])))
        if any(each.labels for each in rows)
    )


def _choices(compared: Sequence[TaskComparison], dice: Dice) -> tuple[ChoiceAgreement, ...]:
    names = sorted({name for task in compared for pair in task.pairs for name in pair.choices})
    return tuple(_choice(name, compared, dice) for name in names)


def _choice(name: str, compared: Sequence[TaskComparison], dice: Dice) -> ChoiceAgreement:
    units = [task.choices.get(name, ()) for task in compared]
    pairs: dict[tuple[Rater, Rater], list[tuple[str, str]]] = {}
    for task in compared:
        for pair in task.pairs:
            if name in pair.choices:
                pairs.setdefault((pair.one, pair.other), []).append(pair.choices[name])
    values = sorted({value for unit in units for value in unit})
    (alpha,) = dice.estimate([alpha_row({unit: 1}, values) for unit in units], ALPHA)
    ordered = sorted(pairs.items(), key=lambda item: (rank(item[0][0]), rank(item[0][1])))
    return ChoiceAgreement(
        control=name,
        tasks=sum(len(unit) > 1 for unit in units),
        alpha=alpha,
        pairs=tuple(_kappa(one, other, said, dice) for (one, other), said in ordered),
    )


def _kappa(one: Rater, other: Rater, said: Sequence[tuple[str, str]], dice: Dice) -> PairKappa:
    values = sorted({value for both in said for value in both})
    (kappa,) = dice.estimate([kappa_row({both: 1}, values) for both in said], KAPPA)
    return PairKappa(one, other, len(said), sum(first == second for first, second in said), kappa)


def _tasks(compared: Iterable[TaskComparison]) -> tuple[TaskAgreement, ...]:
    """Return the tasks that say something, the least agreed on first; the larger ones first among equals."""
    found = []
    for task in compared:
        pairs = [pair for pair in task.pairs if pair.is_of_members]
        said = [both for pair in pairs for both in pair.choices.values()]
        whole = sum(pair.regions for pair in pairs) + 2 * len(said)
        same = 2 * (sum(pair.equal for pair in pairs) + sum(one == other for one, other in said))
        if whole:
            raters = sorted({rater for pair in pairs for rater in (pair.one, pair.other)}, key=rank)
            disputed = sum(times for unit, times in task.things.items() if len(set(unit)) > 1)
            found.append(
                TaskAgreement(task.task_id, same / whole, sum(task.things.values()), disputed, tuple(raters))
            )
    return tuple(sorted(found, key=lambda each: (each.agreement, -each.disputed, each.task_id)))


def _raters(compared: Sequence[TaskComparison], dice: Dice) -> tuple[RaterAgreement, ...]:
    pairs = [[pair for pair in task.pairs if pair.is_of_members] for task in compared]
    raters = {rater for some in pairs for pair in some for rater in (pair.one, pair.other)}
    return tuple(_rater(rater, pairs, dice) for rater in sorted(raters, key=rank))


def _rater(rater: Rater, pairs: Sequence[Sequence[PairComparison]], dice: Dice) -> RaterAgreement:
    rows = []
    for some in pairs:
        own = [pair for pair in some if rater in (pair.one, pair.other)]
        others = [pair for pair in some if rater not in (pair.one, pair.other)]
        sums = [(sum(p.equal for p in side), sum(p.regions for p in side)) for side in (own, others)]
        rows.append(np.array([*sums[0], *sums[1]], np.float64))
    f1, f1_of_others, difference = dice.estimate(rows, _OWN, _OTHERS, _DIFFERENCE)
    tasks, tasks_of_others = (sum(bool(row[column] > 0) for row in rows) for column in (1, 3))
    has_enough = min(tasks, tasks_of_others) >= FEWEST_TASKS
    is_unlike = difference is not None and difference.high < 0 and has_enough
    return RaterAgreement(rater, tasks, f1, f1_of_others, difference, is_unlike)
