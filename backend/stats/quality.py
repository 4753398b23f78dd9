"""How good each model version is, by what annotators corrected in its predictions. Sums in, figures out.

Corrected tasks, where the annotator saw the prediction, and blind ones, where nobody did, stay apart.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from typing import Any, Generic, TypeVar

from backend.review.entities import Tally
from backend.stats.intervals import Estimate, ShareSums, estimate_difference, estimate_share

Key = TypeVar("Key", bound=Hashable)
# What parts are by: label, annotator, or week.
PartKey = TypeVar("PartKey", str, int | None, date)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over annotations, which add up over groups of them; counts of regions, and of annotations.

    `tp_fp` is the sum of TP times FP, and so on. `with_shown`, `with_annotated` and `with_either` count the
    annotations that have such regions.
    """

    annotations: int = 0
    ground_truth: int = 0
    kept: int = 0
    adjusted: int = 0
    deleted: int = 0
    added: int = 0
    relabelled_from: int = 0
    relabelled_to: int = 0
    tp_tp: float = 0
    tp_fp: float = 0
    tp_fn: float = 0
    fp_fp: float = 0
    fp_fn: float = 0
    fn_fn: float = 0
    with_shown: int = 0
    with_annotated: int = 0
    with_either: int = 0

    @property
    def tally(self) -> Tally:
        """The corrections counted."""
        return Tally(
            kept=self.kept,
            adjusted=self.adjusted,
            deleted=self.deleted,
            added=self.added,
            relabelled_from=self.relabelled_from,
            relabelled_to=self.relabelled_to,
        )


SUM_NAMES = tuple(field.name for field in fields(Sums))
_values = attrgetter(*SUM_NAMES)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one group of annotations says. A rate is None where it would be 0 / 0.

    `tally` counts regions; `tasks` counts tasks, of which several annotations may be.
    """

    annotations: int
    tasks: int
    ground_truth: int
    tally: Tally
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


@dataclass(frozen=True, slots=True)
class Anchoring:
    """Rates on corrected tasks minus those on blind ones; None where either is missing."""

    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


@dataclass(frozen=True, slots=True)
class Part(Generic[PartKey]):
    """One label, annotator or week; None for an annotator whom Label Studio does not name."""

    key: PartKey
    corrected: Figures
    blind: Figures


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many regions shown with one label were given another."""

    shown: str
    annotated: str
    count: int


@dataclass(frozen=True, slots=True)
class VersionQuality:
    """One model version. Weeks are named by their Monday (UTC); `anchoring` is None without both kinds."""

    version: str
    first_week: date
    last_week: date
    corrected: Figures
    blind: Figures
    anchoring: Anchoring | None
    labels: tuple[Part[str], ...]
    annotators: tuple[Part[int | None], ...]
    weeks: tuple[Part[date], ...]
    relabelled: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """All versions of a project that annotators have corrected, the newest first; and by week all together.

    A task that is corrected in one week with predictions of several versions counts once for each.
    """

    project_id: int
    versions: tuple[VersionQuality, ...]
    weeks: tuple[Part[date], ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """Sums of the annotations of one version and kind by one annotator in one week."""

    is_blind: bool
    annotator: int | None
    week: date
    sums: Sums


@dataclass(frozen=True, slots=True)
class VersionSums:
    """What is known of one version, of which there is an annotation.

    The mappings are by (key, is_blind); the key of `tasks` is None. Tasks are counted apart, since one that
    is in several groups must not be added up. Counts that are missing equal those of annotations.
    """

    version: str
    cells: Sequence[Cell]
    labels: Mapping[tuple[str, bool], Sums]
    tasks: Mapping[tuple[None, bool], int]
    tasks_by_label: Mapping[tuple[str, bool], int]
    tasks_by_annotator: Mapping[tuple[int | None, bool], int]
    tasks_by_week: Mapping[tuple[date, bool], int]
    relabelled: tuple[Confusion, ...]


def assess(known: VersionSums) -> VersionQuality:
    """Return the figures of a version, its labels by name, its annotators by id and its weeks by date."""
    totals = _add_up(known.cells, lambda cell: None)
    (total,) = _parts(totals, known.tasks)
    annotators = _add_up(known.cells, lambda cell: cell.annotator)
    weeks = _add_up(known.cells, lambda cell: cell.week)
    days = [cell.week for cell in known.cells]
    return VersionQuality(
        version=known.version,
        first_week=min(days),
        last_week=max(days),
        corrected=total.corrected,
        blind=total.blind,
        anchoring=_anchoring(total),
        labels=_parts(known.labels, known.tasks_by_label),
        annotators=_parts(annotators, known.tasks_by_annotator),
        weeks=_parts(weeks, known.tasks_by_week),
        relabelled=known.relabelled,
    )


def assess_weeks(known: Sequence[VersionSums]) -> tuple[Part[date], ...]:
    """Return the figures of each week, of all versions together."""
    tasks: Counter[tuple[date, bool]] = Counter()
    for version in known:
        own = _add_up(version.cells, lambda cell: cell.week)
        tasks.update({key: version.tasks_by_week.get(key, sums.annotations) for key, sums in own.items()})
    cells = [cell for version in known for cell in version.cells]
    return _parts(_add_up(cells, lambda cell: cell.week), tasks)


def figures_of(sums: Sums, *, tasks: int) -> Figures:
    """Return the figures of one group of annotations, which are of so many tasks."""
    return Figures(
        annotations=sums.annotations,
        tasks=tasks,
        ground_truth=sums.ground_truth,
        tally=sums.tally,
        precision=estimate_share(_share_of_tp(sums, fp=1, fn=0, clusters=sums.with_shown)),
        recall=estimate_share(_share_of_tp(sums, fp=0, fn=1, clusters=sums.with_annotated)),
        f1=_f1(estimate_share(_share_of_tp(sums, fp=1, fn=1, clusters=sums.with_either))),
    )


def _share_of_tp(sums: Sums, *, fp: int, fn: int, clusters: int) -> ShareSums:
    """Return the sums for x = TP and n = TP + fp * FP + fn * FN of each annotation; `fp`, `fn` are 0 or 1."""
    tally = sums.tally
    mixed = fp * sums.tp_fp + fn * sums.tp_fn
    errors = fp * sums.fp_fp + fn * sums.fn_fn + 2 * fp * fn * sums.fp_fn
    return ShareSums(
        x=tally.tp,
        n=tally.tp + fp * tally.fp + fn * tally.fn,
        xx=sums.tp_tp,
        xn=sums.tp_tp + mixed,
        nn=sums.tp_tp + 2 * mixed + errors,
        clusters=clusters,
    )


def _f1(jaccard: Estimate | None) -> Estimate | None:
    """Return F1 = 2TP / (2TP + FP + FN) with its interval, from J = TP / (TP + FP + FN).

    F1 = 2J / (1 + J) rises with J, and of the two J alone is a share of things that can be counted.
    """
    if jaccard is None:
        return None
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    return Estimate(value, low, high)


def _anchoring(total: Part[Any]) -> Anchoring | None:
    corrected, blind = total.corrected, total.blind
    if not (corrected.annotations and blind.annotations):
        return None
    return Anchoring(
        precision=_difference(corrected.precision, blind.precision),
        recall=_difference(corrected.recall, blind.recall),
        f1=_difference(corrected.f1, blind.f1),
    )


def _difference(corrected: Estimate | None, blind: Estimate | None) -> Estimate | None:
    return estimate_difference(corrected, blind) if corrected and blind else None


def _add_up(cells: Iterable[Cell], key_of: Callable[[Cell], Key]) -> dict[tuple[Key, bool], Sums]:
    groups: dict[tuple[Key, bool], list[Sums]] = {}
    for cell in cells:
        groups.setdefault((key_of(cell), cell.is_blind), []).append(cell.sums)
    return {key: Sums(*map(sum, zip(*map(_values, group), strict=True))) for key, group in groups.items()}


def _parts(
    sums: Mapping[tuple[Any, bool], Sums], tasks: Mapping[tuple[Any, bool], int]
) -> tuple[Part[Any], ...]:
    keys = sorted({key for key, _ in sums}, key=lambda key: (key is None, key))

    def figures(key: Any, is_blind: bool) -> Figures:
        group = sums.get((key, is_blind), Sums())
        return figures_of(group, tasks=tasks.get((key, is_blind), group.annotations))

    return tuple(Part(key, corrected=figures(key, False), blind=figures(key, True)) for key in keys)
