"""The figures of a new model beside those of the model in service, as tables."""

from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import out, print_table
from backend.store.database import Database
from backend.store.versions import get_trained
from backend.training.entities import Comparison, ModelScore

_ROWS = {
    "mAP50-95": "map50_95",
    "mAP50": "map50",
    "precision": "precision",
    "recall": "recall",
    "F1": "f1",
    "F1 as shown": "shown_f1",
}


def print_scores(database: Database, version: str) -> None:
    """Print what the gate compared when the version was made."""
    comparison = get_trained(database, version).comparison
    out.print(f"On {comparison.images} test images with {comparison.objects} objects:")
    print_table(_table(comparison))
    if comparison.overfitting:
        out.print(f"Note: {comparison.overfitting}")


def _table(comparison: Comparison) -> Table:
    before, after = comparison.champion, comparison.challenger
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in ("before", "after", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, field in _ROWS.items():
        new, old = _value(after, field), _value(before, field)
        change = None if new is None or old is None else new - old
        table.add_row(name, _text(old), _text(new), "" if change is None else f"{change:+.3f}")
    old = _value(before, "latency_ms")
    table.add_row("ms an image", "-" if old is None else f"{old:.0f}", f"{after.latency_ms:.0f}", "")
    return table


def _value(score: ModelScore | None, field: str) -> float | None:
    value = None if score is None else getattr(score, field)
    return None if value is None else float(value)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
