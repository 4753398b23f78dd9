"""How each annotator works: how long a task takes, and how often what is shown stays as it was. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import median

from backend.stats.intervals import Estimate, ShareSums, estimate_difference, estimate_share
from backend.stats.median import estimate_median
from backend.stats.quality import Figures

# From here on somebody seems to leave what is shown as it is: the low end of the interval.
HIGH_UNTOUCHED = 0.8
# With fewer blind tasks nobody is compared with their own work on them.
FEWEST_BLIND = 5


@dataclass(frozen=True, slots=True)
class AnnotatorWeek:
    """One annotator in one week, named by its Monday (UTC).

    `seconds` is the median time per task, `untouched` the share of shown predictions left as they were, in
    [0, 1]; None where there is nothing to take it of.
    """

    week: date
    annotations: int
    seconds: float | None
    untouched: float | None


@dataclass(frozen=True, slots=True)
class AnnotatorFigures:
    """One annotator over all versions; `annotator` is Label Studio's id, None where it names none.

    `annotations` counts those submitted and not skipped, of so many `tasks`; `skipped` those skipped.
    `seconds` is the median time per task, each capped at IDLE_MINUTES, with its interval. `shown` counts
    annotations whose annotator saw at least one predicted region, `untouched` is the share of them that were
    submitted as shown. `corrected` and `blind` are the model's figures by this person's labels, in tasks in
    which it finds at least one region: where that is shown, and where it is not.
    `warning` says in words what speaks for accepting without looking, or is None; `has_evidence` tells
    whether this person's blind tasks bear it out.
    """

    annotator: int | None
    annotations: int
    tasks: int
    skipped: int
    seconds: Estimate | None
    shown: int
    untouched: Estimate | None
    corrected: Figures
    blind: Figures
    warning: str | None
    has_evidence: bool
    weeks: tuple[AnnotatorWeek, ...]


@dataclass(frozen=True, slots=True)
class WorkedWeek:
    """What one annotator submitted in one week.

    `seconds` are those of each annotation whose time is known, above 0 and not capped; `shown` and
    `untouched` count annotations.
    """

    week: date
    annotations: int
    seconds: Sequence[float]
    shown: int
    untouched: int


@dataclass(frozen=True, slots=True)
class AnnotatorWork:
    """What is known of one annotator; the fields are those of `AnnotatorFigures`."""

    annotator: int | None
    tasks: int
    skipped: int
    corrected: Figures
    blind: Figures
    weeks: Sequence[WorkedWeek]

    @property
    def shown(self) -> int:
        """Annotations whose annotator saw at least one predicted region."""
        return sum(week.shown for week in self.weeks)

    @property
    def untouched(self) -> int:
        """Those of them that were submitted as shown."""
        return sum(week.untouched for week in self.weeks)


@dataclass(frozen=True, slots=True)
class Doubt:
    """What speaks for accepting without looking, in words; `has_evidence` as in `AnnotatorFigures`."""

    text: str
    has_evidence: bool


def assess_annotators(known: Iterable[AnnotatorWork], *, idle_seconds: float) -> tuple[AnnotatorFigures, ...]:
    """Return the figures of each annotator by id, an unnamed one last.

    Args:
        known: One for each annotator, in any order.
        idle_seconds: A longer time counts as so long: nobody labelled for the rest of it.
    """
    works = sorted(known, key=lambda work: (work.annotator is None, work.annotator or 0))
    has_blind = any(work.blind.annotations for work in works)
    shown, untouched = sum(work.shown for work in works), sum(work.untouched for work in works)
    found = []
    for work in works:
        figures = _assess(work, idle_seconds)
        others = share_of_annotations(untouched - work.untouched, shown - work.shown)
        doubt = doubt_about(figures, others, has_blind=has_blind)
        if doubt is not None:
            figures = replace(figures, warning=doubt.text, has_evidence=doubt.has_evidence)
        found.append(figures)
    return tuple(found)


def share_of_annotations(part: int, whole: int) -> Estimate | None:
    """Return which share of the annotations that is, with its interval; None where there is none."""
    return estimate_share(ShareSums(x=part, n=whole, xx=part, xn=part, nn=whole, clusters=whole))


def doubt_about(figures: AnnotatorFigures, others: Estimate | None, *, has_blind: bool) -> Doubt | None:
    """Return what speaks for accepting what is shown without looking; None where nothing does.

    Whoever leaves nearly everything may be right: the model may be good. So it takes that the others leave
    clearly less, and that on blind tasks, where nothing is shown, the same person marks clearly more that
    the model has not found. Where blind tasks cannot tell that, it is said to be so.

    Args:
        figures: Of the annotator; the warning in them is not looked at.
        others: Share that all others together leave as it is shown, None where there are none.
        has_blind: Whether anybody in the project has had a blind task where the model finds something.
    """
    untouched = figures.untouched
    if untouched is None or untouched.low < HIGH_UNTOUCHED:
        return None
    if others is not None and estimate_difference(untouched, others).low <= 0:
        return None
    habit = f"Submits {_percent(untouched)} of the tasks with predictions exactly as they are shown"
    if others is not None:
        habit += f"; the others do so with {100 * others.value:.0f} %"
    shown, blind = figures.corrected.recall, figures.blind.recall
    if figures.blind.annotations < FEWEST_BLIND or shown is None or blind is None:
        open_question = "Whether the model is right that often, or this person does not look, cannot be told"
        return Doubt(f"{habit}. {open_question}: {_want_of_evidence(figures.blind, has_blind)}", False)
    if estimate_difference(shown, blind).low <= 0:
        return None
    text = (
        f"{habit}. Where predictions are shown, the model has found {_percent(shown)} of what this person "
        f"marks; on blind tasks, which show none, it has found {_percent(blind)}. So this person probably "
        "accepts what is shown."
    )
    return Doubt(text, True)


def _want_of_evidence(blind: Figures, has_blind: bool) -> str:
    """Say why blind tasks do not tell whether somebody looks, and what would help."""
    if not has_blind:
        return (
            f"that takes {FEWEST_BLIND} blind tasks where the model finds something, and nobody has had one. "
            "Set BLIND_FRACTION, or raise it, so that some tasks come without predictions."
        )
    if blind.annotations < FEWEST_BLIND:
        return (
            f"so far this person has had {blind.annotations} of the {FEWEST_BLIND} blind tasks that it takes "
            "where the model finds something."
        )
    return (
        f"this person has marked nothing on the {blind.annotations} blind tasks where the model finds "
        "something. Look at those: either there is nothing to mark, or they were not looked at."
    )


def _assess(work: AnnotatorWork, idle_seconds: float) -> AnnotatorFigures:
    seconds = [min(each, idle_seconds) for week in work.weeks for each in week.seconds]
    return AnnotatorFigures(
        annotator=work.annotator,
        annotations=sum(week.annotations for week in work.weeks),
        tasks=work.tasks,
        skipped=work.skipped,
        seconds=estimate_median(seconds, least=0.0, most=idle_seconds),
        shown=work.shown,
        untouched=share_of_annotations(work.untouched, work.shown),
        corrected=work.corrected,
        blind=work.blind,
        warning=None,
        has_evidence=False,
        weeks=tuple(_week(week, idle_seconds) for week in sorted(work.weeks, key=lambda week: week.week)),
    )


def _week(week: WorkedWeek, idle_seconds: float) -> AnnotatorWeek:
    seconds = [min(each, idle_seconds) for each in week.seconds]
    return AnnotatorWeek(
        week=week.week,
        annotations=week.annotations,
        seconds=float(median(seconds)) if seconds else None,
        untouched=week.untouched / week.shown if week.shown else None,
    )


def _percent(estimate: Estimate) -> str:
    low, high = (f"{100 * end:.0f}" for end in (estimate.low, estimate.high))
    return f"{100 * estimate.value:.0f} % (95 % interval {low} to {high})"
