"""Plotly's traces, drawn from rows of a table, so that no chart has a number that its table lacks.

Traces are told apart by dash, symbol or pattern and not by colour alone. Colours are the page's.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from backend.dashboard.charts.columns import interval_names
from backend.dashboard.entities import Cell, Table

Trace = dict[str, Any]

# More could not be told apart on an axis of names.
MOST_VERSIONS = 20
# From here on large markers would hide their line.
_MANY = 20

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "triangle-down", "star")
PATTERNS = ("", "/", "x", ".", "-", "|", "+", "\\")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Those rows of a table that are drawn, in the order of the axis."""

    table: Table
    rows: tuple[tuple[Cell, ...], ...]

    def values(self, column: str) -> list[Any]:
        """Return a column as plotly takes it: days in ISO 8601, text as text and not as mark-up."""
        place = [each.name for each in self.table.columns].index(column)
        return [plain(row[place]) for row in self.rows]

    def where(self, column: str, value: Cell) -> "Drawn":
        """Return those rows whose cell in the column has the value."""
        place = [each.name for each in self.table.columns].index(column)
        return Drawn(self.table, tuple(row for row in self.rows if row[place] == value))


def first_rows(table: Table, most: int) -> Drawn:
    """Return the rows that stand first, in their order."""
    return Drawn(table, table.rows[:most])


def newest_last(table: Table, most: int) -> Drawn:
    """Return the first rows of a table that has the newest first, the newest last as on an axis of time."""
    return Drawn(table, table.rows[:most][::-1])


def drawn_words(rows: Sequence[object], most: int, plural: str) -> str:
    """Say that only the newest are drawn; nothing where all are."""
    return f" The last {most} of {len(rows)} {plural} are drawn." if len(rows) > most else ""


def line(drawn: Drawn, x: str, y: str, *, place: int, name: str = "", interval: bool = False) -> Trace:
    """Return a line with markers over the column `x`.

    Args:
        drawn: Rows.
        x: Column of the axis.
        y: Column of the figure.
        place: Of the line among others of its chart, from 0.
        name: For the legend; that of the column by default.
        interval: Whether the figure's interval is drawn.
    """
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": plain(name or y),
        "x": drawn.values(x),
        "y": drawn.values(y),
        "line": {"dash": DASHES[place % len(DASHES)]},
        "marker": {"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8 if len(drawn.rows) <= _MANY else 5},
        "connectgaps": False,
    }
    return {**trace, "error_y": error_bars(drawn, y)} if interval else trace


def dots(drawn: Drawn, label: str, figure: str, *, place: int, interval: bool = True) -> Trace:
    """Return one dot for each row, rows below each other."""
    trace = {
        "type": "scatter",
        "mode": "markers",
        "orientation": "h",
        "name": plain(figure),
        "x": drawn.values(figure),
        "y": drawn.values(label),
        "marker": {"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 9},
    }
    return {**trace, "error_x": error_bars(drawn, figure)} if interval else trace


def bars(drawn: Drawn, x: str, y: str, *, place: int, name: str = "", lying: bool = False) -> Trace:
    """Return bars over the column `x`; lying ones are rows below each other, and `x` names them."""
    across, along = ("y", "x") if lying else ("x", "y")
    return {
        "type": "bar",
        "orientation": "h" if lying else "v",
        "name": plain(name or y),
        across: drawn.values(x),
        along: drawn.values(y),
        "marker": {"pattern": {"shape": PATTERNS[place % len(PATTERNS)]}},
    }


def error_bars(drawn: Drawn, figure: str) -> dict[str, Any]:
    """Return the distances from a figure to the ends of its interval."""
    value, low, high = (drawn.values(name) for name in interval_names(figure))
    return {
        "type": "data",
        "symmetric": False,
        "array": [_distance(end, middle) for end, middle in zip(high, value, strict=True)],
        "arrayminus": [_distance(middle, end) for end, middle in zip(low, value, strict=True)],
        "thickness": 1.2,
        "width": 3,
    }


def _distance(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else max(0.0, above - below)


def plain(value: Cell) -> Any:
    """Return a cell as plotly takes it, which reads mark-up out of text."""
    if isinstance(value, date):
        return value.isoformat()
    return html.escape(value, quote=False) if isinstance(value, str) else value
