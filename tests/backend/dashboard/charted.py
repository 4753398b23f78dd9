"""Look into charts: their numbers, and columns of their tables."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from backend.dashboard.entities import Cell, Chart, Section, Table
from backend.stats.intervals import Estimate


def all_charts(sections: Iterable[Section]) -> dict[str, Chart]:
    """Return charts by their keys."""
    return {chart.key: chart for section in sections for chart in section.charts}


def column(table: Table, name: str) -> list[Cell]:
    """Return a column's cells."""
    place = [each.name for each in table.columns].index(name)
    return [row[place] for row in table.rows]


def estimates(table: Table, name: str) -> list[Estimate | None]:
    """Return a figure's three columns as figures."""
    found = zip(*(column(table, each) for each in (name, f"{name} from", f"{name} to")), strict=True)
    return [None if None in row else Estimate(*map(float, map(str, row))) for row in found]


def in_percent(figures: Iterable[Estimate | None]) -> list[Estimate | None]:
    """Return shares as percent."""
    return [each and Estimate(each.value * 100, each.low * 100, each.high * 100) for each in figures]


def named(chart: Chart, name: str) -> Mapping[str, Any]:
    """Return the trace of that name."""
    (found,) = (trace for trace in chart.traces if trace["name"] == name)
    return found


def drawn_numbers(trace: Mapping[str, Any]) -> list[float]:
    """Return all numbers that a trace draws, the ends of intervals among them."""
    numbers: list[float] = []
    for name in ("x", "y", "z"):
        values = _flat(trace.get(name, ()))
        numbers += [value for value in values if isinstance(value, int | float)]
        bars = trace.get(f"error_{name}")
        if bars:
            for value, above, below in zip(values, bars["array"], bars["arrayminus"], strict=True):
                if value is not None:
                    numbers += [value + above, value - below]
    return numbers


def numbers_of(table: Table) -> list[float]:
    """Return all numbers that a table holds."""
    return [float(cell) for row in table.rows for cell in row if isinstance(cell, int | float)]


def is_among(number: float, numbers: Sequence[float]) -> bool:
    return any(math.isclose(number, each, rel_tol=1e-9, abs_tol=1e-9) for each in numbers)


def words_of_axes(trace: Mapping[str, Any]) -> set[str]:
    """Return the names and days that a trace is drawn over."""
    return {value for name in ("x", "y") for value in _flat(trace.get(name, ())) if isinstance(value, str)}


def words_of(table: Table) -> set[str]:
    """Return the text and the days that a table holds."""
    cells = {cell for row in table.rows for cell in row}
    return {
        cell.isoformat() if isinstance(cell, date) else cell for cell in cells if isinstance(cell, str | date)
    }


def _flat(values: Iterable[Any]) -> list[Any]:
    return [each for value in values for each in (_flat(value) if isinstance(value, list) else [value])]
