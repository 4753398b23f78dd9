"""A story's months as a table, one row each."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from backend.dashboard.charts.names import short_version
from backend.stats.intervals import Estimate

from .story_months import Told
from .story_scenes import PERSON

_WIDTH = 220
_NUMBERS = (
    "images",
    "reviewed",
    "P %",
    "R %",
    "F1 %",
    "regions",
    "true F1 %",
    "people missed %",
    "loose",
    "wrong class",
    "extra",
    "missed",
    "agreement F1 %",
    "alpha %",
    "seconds",
)
# What our server calls what was done to regions, in the order of the columns.
KINDS = ("adjusted", "relabelled", "deleted", "added")


def print_months(told: Sequence[Told]) -> None:
    """Print what was seen in each month; `pytest -s` shows it."""
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), title="The story, month by month")
    for name in ("month", "what happened", "model", "alerts", "run"):
        table.add_column(name)
    for name in _NUMBERS:
        table.add_column(name, justify="right")
    for each in told:
        table.add_row(
            each.month.name, each.month.event, _model(each), _alerts(each), _run(each), *_numbers(each)
        )
    console = Console(width=_WIDTH)
    console.print(table)
    console.print(
        "P, R, F1: of the model whose predictions were corrected, from so many regions; true: by what the "
        "pictures hold. Loose, wrong class, extra, missed: of 100 shown. Agreement: of all so far."
    )


def f1(told: Told) -> float:
    """Return F1 of the month's corrected tasks, in [0, 1]."""
    return float(told.corrected["f1"]["value"])


def per_100_shown(told: Told, kind: str) -> float:
    """Return the month's corrections of a kind for each 100 regions that were shown."""
    figures = told.corrected
    shown = sum(figures[name] for name in ("kept", "adjusted", "relabelled", "deleted"))
    return 100.0 * int(figures[kind]) / int(shown)


def true_f1(told: Told) -> float:
    """Return F1 by the truth, in [0, 1]."""
    tally = told.truth[""]
    return 2 * tally.tp / (2 * tally.tp + tally.fp + tally.fn)


def missed(told: Told) -> float:
    """Return the share of people that the model missed, in [0, 1]: errors of the second kind."""
    tally = told.truth[PERSON]
    return tally.fn / (tally.tp + tally.fn)


def regions(figures: Mapping[str, Any]) -> int:
    """Return how many regions the figures are of, shown or drawn."""
    return int(figures["tp"] + figures["fp"] + figures["fn"])


def _model(told: Told) -> str:
    """Name the version whose predictions were corrected."""
    return short_version(told.quality["version"]) if told.quality else "-"


def _alerts(told: Told) -> str:
    """Name the alerts that were open at any time of the month, and those that were not at its end."""
    ever, at_end = frozenset().union(*told.alerts), told.alerts[-1]
    words = [kind if kind in at_end else f"({kind})" for kind in sorted(ever)]
    return ", ".join(words) or "-"


def _run(told: Told) -> str:
    return f"{short_version(told.run.version or '')}: {told.run.verdict}" if told.run else "-"


def _numbers(told: Told) -> list[str]:
    shared = [f"{told.seconds:.0f}"]
    counts = [str(told.month.pictures), str(told.reviewed)]
    if not told.reviewed:
        return [*counts, *["-"] * (len(_NUMBERS) - len(counts) - len(shared)), *shared]
    figures, agreement = told.corrected, told.agreement.overall
    rates = [_percent(figures[name]["value"]) for name in ("precision", "recall", "f1")]
    truth = [_percent(true_f1(told)), _percent(missed(told))]
    kinds = [f"{per_100_shown(told, kind):.0f}" for kind in KINDS]
    agreed = [_estimate(agreement.f1), _estimate(agreement.alpha)]
    return [*counts, *rates, str(regions(figures)), *truth, *kinds, *agreed, *shared]


def _estimate(estimate: Estimate | None) -> str:
    return "-" if estimate is None else _percent(estimate.value)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
