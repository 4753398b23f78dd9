"""How good the model is, by version and by week, judged by what annotators changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.dashboard.charts.anchoring import NO_BLIND_TASKS, anchoring_chart
from backend.dashboard.charts.columns import cells_of, links_by_row, with_interval
from backend.dashboard.charts.corrections import error_bars_of, error_cells, error_columns
from backend.dashboard.charts.layouts import (
    Layout,
    number_axis,
    over_versions,
    over_weeks,
    share_axis,
    spread,
    stacked,
)
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.scores import scores_chart
from backend.dashboard.charts.traces import MOST_VERSIONS, drawn_words, line, newest_last
from backend.dashboard.entities import Cell, Chart, Column, Links, Section, Table
from backend.registry.entities import ListedVersion
from backend.stats.quality import Figures, QualityReport

_MOST_WEEKS = 52
_RATES = ("Precision", "Recall", "F1")
# What a row is of, a version or a week, and its figures.
_Row = tuple[Any, Figures]


@dataclass(frozen=True, slots=True)
class _Axis:
    """What rows are of: the name of their column, how many are drawn, and how.

    `address` is that of a version's page, which only `trained` ones have.
    """

    column: str
    plural: str
    most: int
    layout: Callable[[dict[str, Any], Sequence[Any]], Layout]
    address: Callable[[str], str] | None = None
    trained: frozenset[str] = frozenset()


_WEEKS = _Axis("Week from", "weeks", _MOST_WEEKS, over_weeks)


def quality_section(
    report: QualityReport, versions: Sequence[ListedVersion], links: Links, decision: str = ""
) -> Section:
    """Return how good the model is.

    `versions` are those trained, the newest first; `decision` says why no run is due.
    """
    intro = (
        "How good each version of the model is, by what annotators changed in what it showed them. "
        "Precision: how many of the shown objects were right. Recall: how many of the objects that are there "
        "were shown. F1 is one number for both. Thin bars are 95 % intervals: the fewer tasks, the longer."
    )
    empty = (
        "Nobody has corrected the model yet. Submit some tasks that show what it found; what was submitted "
        f"while the server was down is fetched by: python -m backend sync --project {report.project_id}"
    )
    trained = frozenset(each.trained.version for each in versions)
    axis = _Axis("Version", "versions", MOST_VERSIONS, lambda y, _: over_versions(y), links.version, trained)
    charts = (
        *_by_version(report, axis, empty),
        *_by_week(report, empty),
        anchoring_chart(report.versions, trained, links),
        scores_chart(versions, report.project_id, links, decision),
    )
    return Section("quality", "Quality of the model", intro, charts)


def _by_version(report: QualityReport, axis: _Axis, empty: str) -> tuple[Chart, ...]:
    corrected = [(each.version, each.corrected) for each in report.versions if each.corrected.annotations]
    blind = [(each.version, each.blind) for each in report.versions if each.blind.annotations]
    return (
        _rates(
            "quality-corrected",
            "Quality by version, corrected tasks",
            "How right each version was where annotators saw what it had found.",
            corrected,
            axis=axis,
            empty=empty,
        ),
        _rates(
            "quality-blind",
            "Quality by version, blind tasks",
            "The same where annotators did not see what it had found: fairer figures, of fewer tasks.",
            blind,
            axis=axis,
            empty=NO_BLIND_TASKS,
        ),
        _changes("corrections-by-version", "Corrections by version", corrected, axis=axis, empty=empty),
    )


def _by_week(report: QualityReport, empty: str) -> tuple[Chart, ...]:
    newest = report.weeks[::-1]
    corrected = [(each.key, each.corrected) for each in newest if each.corrected.annotations]
    blind = [(each.key, each.blind) for each in newest if each.blind.annotations]
    return (
        _rates(
            "quality-weeks-corrected",
            "Quality by week, corrected tasks",
            "All versions together, by the week in which tasks were submitted.",
            corrected,
            axis=_WEEKS,
            empty=empty,
        ),
        _rates(
            "quality-weeks-blind",
            "Quality by week, blind tasks",
            "All versions together, where annotators did not see what the model had found.",
            blind,
            axis=_WEEKS,
            empty=NO_BLIND_TASKS,
        ),
        _changes("corrections-by-week", "Corrections by week", corrected, axis=_WEEKS, empty=empty),
    )


def _rates(key: str, title: str, note: str, rows: Sequence[_Row], *, axis: _Axis, empty: str) -> Chart:
    """Return precision, recall and F1 with their intervals; rows are the newest first."""
    columns = (Column(axis.column), Column("Tasks"), *(c for name in _RATES for c in with_interval(name)))
    table = _table(columns, rows, axis, _rate_cells)
    drawn = newest_last(table, axis.most)
    lines = (line(drawn, axis.column, name, place=i, interval=True) for i, name in enumerate(_RATES))
    return Chart(
        key=key,
        title=title,
        note=note + drawn_words(rows, axis.most, axis.plural),
        table=table,
        traces=tuple(lines) if rows else (),
        layout=spread(axis.layout(share_axis("Share, 0 to 1"), [key for key, _ in rows])),
        empty=empty,
    )


def _changes(key: str, title: str, rows: Sequence[_Row], *, axis: _Axis, empty: str) -> Chart:
    """Return what was changed of 100 shown objects, by kind of error."""
    columns = (Column(axis.column), Column("Tasks"), *error_columns())
    table = _table(columns, rows, axis, lambda figures: error_cells(figures.tally))
    drawn = newest_last(table, axis.most)
    return Chart(
        key=key,
        title=title,
        note="For every 100 objects shown: how many were too many, missing, of a wrong class, or not where "
        "they should be." + drawn_words(rows, axis.most, axis.plural),
        table=table,
        traces=error_bars_of(drawn, axis.column) if rows else (),
        layout=stacked(axis.layout(number_axis("Corrections per 100 shown"), [key for key, _ in rows])),
        empty=empty,
    )


def _table(
    columns: tuple[Column, ...],
    rows: Sequence[_Row],
    axis: _Axis,
    cells: Callable[[Figures], tuple[Cell, ...]],
) -> Table:
    named = tuple(
        (short_version(key) if isinstance(key, str) else key, figures.tasks, *cells(figures))
        for key, figures in rows
    )
    return Table(
        columns, named, links_by_row([key if key in axis.trained else None for key, _ in rows], axis.address)
    )


def _rate_cells(figures: Figures) -> tuple[Cell, ...]:
    return (*cells_of(figures.precision), *cells_of(figures.recall), *cells_of(figures.f1))
