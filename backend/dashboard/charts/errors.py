"""Which errors the model makes, class by class, by what annotators changed."""

from backend.dashboard.charts.corrections import (
    error_bars_of,
    error_cells,
    error_columns,
    error_counts,
)
from backend.dashboard.charts.layouts import count_axis, in_rows, number_axis, stacked
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.traces import bars, first_rows
from backend.dashboard.entities import Chart, Column, Section, Table
from backend.review.entities import Tally
from backend.stats.quality import QualityReport, VersionQuality

ALL_CLASSES = "All classes"
_MOST_CLASSES = 20
_MOST_PAIRS = 15


def errors_section(report: QualityReport) -> Section:
    """Return the errors of the newest version that was corrected."""
    newest = next((each for each in report.versions if each.corrected.annotations), None)
    of = (
        f" Figures are of {short_version(newest.version)}, on {newest.corrected.tasks} tasks."
        if newest
        else ""
    )
    intro = (
        "What the model gets wrong, by class. An extra object was removed, a missed one added, a wrong class "
        f"changed, and a loose box moved or resized.{of}"
    )
    return Section(
        "label-changes",
        "What the model gets wrong",
        intro,
        (_by_class(newest, report), _pairs(newest, report)),
    )


def _by_class(newest: VersionQuality | None, report: QualityReport) -> Chart:
    known: list[tuple[str, Tally]] = []
    if newest is not None:
        labels = [(each.key, each.corrected.tally) for each in newest.labels if each.corrected.annotations]
        known = [(ALL_CLASSES, newest.corrected.tally), *sorted(labels, key=_most_errors_first)]
    columns = (Column("Class"), *error_columns(), Column("Became this class"))
    table = Table(columns, tuple((name, *error_cells(tally), tally.relabelled_to) for name, tally in known))
    drawn = first_rows(table, _MOST_CLASSES + 1)
    left_out = len(known) > len(drawn.rows)
    return Chart(
        key="errors-by-class",
        title="Errors by class",
        note="For every 100 objects shown of a class: which errors annotators corrected, the class with the "
        "most corrections first."
        + (f" {_MOST_CLASSES} of {len(known) - 1} classes are drawn." if left_out else ""),
        table=table,
        traces=error_bars_of(drawn, "Class", lying=True) if known else (),
        layout=stacked(in_rows(len(drawn.rows), number_axis("Corrections per 100 shown"))),
        empty="Nothing has been corrected yet. Submit some tasks that show what the model found; what was "
        f"missed is fetched by: python -m backend sync --project {report.project_id}",
    )


def _most_errors_first(item: tuple[str, Tally]) -> tuple[int, str]:
    name, tally = item
    return -sum(error_counts(tally)), name


def _pairs(newest: VersionQuality | None, report: QualityReport) -> Chart:
    found = newest.relabelled if newest else ()
    rows = tuple(
        (f"{each.shown} → {each.annotated}", each.shown, each.annotated, each.count) for each in found
    )
    columns = (Column("Change"), Column("Model said"), Column("Annotator said"), Column("Times"))
    table = Table(columns, rows)
    drawn = first_rows(table, _MOST_PAIRS)
    return Chart(
        key="relabelled",
        title="Classes that the model mixes up",
        note="How often an object that was shown as one class was made another, blind tasks included.",
        table=table,
        traces=(bars(drawn, "Change", "Times", place=0, lying=True),) if rows else (),
        layout=in_rows(len(drawn.rows), count_axis("Times", max((row[-1] for row in rows), default=0))),
        empty="No class has been changed yet. Where one is wrong, change it and keep the box.",
    )
