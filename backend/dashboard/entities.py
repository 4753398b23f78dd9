"""Words of the page: charts, and the tables that they are drawn from."""

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a project's page. `key` names it in addresses, `intro` says in a sentence what it is.

    Keys of charts and sections differ, so that both may be anchors of one page.
    """

    key: str
    title: str
    intro: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """Where a table's rows lead to; None: they lead nowhere, as in a report that is one file.

    `task` gives the address of a task in Label Studio; `version`, `run` and `annotator` those of their pages,
    by the version's name, the run's id and Label Studio's id.
    """

    task: Callable[[int], str] | None = None
    version: Callable[[str], str] | None = None
    run: Callable[[str], str] | None = None
    annotator: Callable[[int], str] | None = None
