"""What annotators changed, as errors of the model: in versions, weeks and classes alike."""

from backend.dashboard.charts.columns import per_100
from backend.dashboard.charts.traces import Drawn, Trace, bars
from backend.dashboard.entities import Cell, Column
from backend.review.entities import Tally

EXTRA, MISSED, WRONG, LOOSE = "Extra object", "Missed object", "Wrong class", "Loose box"
ERRORS = (EXTRA, MISSED, WRONG, LOOSE)


def shown_regions(tally: Tally) -> int:
    """Return how many regions were shown: all but those that annotators added."""
    return tally.tp + tally.fp


def error_counts(tally: Tally) -> tuple[int, ...]:
    """Return how many there are of `ERRORS`; of one label, those that had it wrongly."""
    return tally.deleted, tally.added, tally.relabelled_from, tally.adjusted


def error_columns() -> tuple[Column, ...]:
    """Return the columns of shown regions, of each error, and of each per 100 shown regions."""
    rates = (Column(_per_100(name), digits=1) for name in ERRORS)
    return (Column("Shown"), *map(Column, ERRORS), *rates)


def error_cells(tally: Tally) -> tuple[Cell, ...]:
    """Return the cells of `error_columns`."""
    counts, shown = error_counts(tally), shown_regions(tally)
    return (shown, *counts, *(per_100(count, shown) for count in counts))


def error_bars_of(drawn: Drawn, names: str, *, lying: bool = False) -> tuple[Trace, ...]:
    """Return bars of errors per 100 shown regions, for stacking, by the column `names`."""
    return tuple(
        bars(drawn, names, _per_100(name), place=place, name=name, lying=lying)
        for place, name in enumerate(ERRORS)
    )


def _per_100(name: str) -> str:
    return f"{name} per 100"
