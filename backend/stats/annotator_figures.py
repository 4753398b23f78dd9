"""How each annotator works: how long a task takes, and how often what is shown stays as it was."""

from dataclasses import dataclass
from datetime import date

from backend.stats.intervals import Estimate
from backend.stats.quality import Figures


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
    submitted as shown. `corrected` and `blind` are the model's figures by this person's labels.
    `warning` says in words what speaks for accepting without looking, or is None.
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
    weeks: tuple[AnnotatorWeek, ...]
