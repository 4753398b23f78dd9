"""Words of the page: charts, and the tables that they are drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Cell = str | int | float | date | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. `unit` stands in its heading; `digits` are those after the point of a number."""

    name: str
    unit: str = ""
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns, in order. `links` are addresses by row, for its first cell."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    links: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart with the table that it shows.

    `key` names it in addresses. `note` says in a sentence what is seen. `traces` and `layout` are plotly's,
    without colours of text and background, which the page sets by its own light or dark look; empty traces
    make a table alone. `empty` says what to do where the table has no rows.
    """

    key: str
    title: str
    note: str
    table: Table
    traces: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any]
    empty: str
