"""Whether the images of late are like those that the model in service was trained on."""

from datetime import datetime

from backend.dashboard.charts.columns import cells_of, with_interval
from backend.dashboard.charts.layouts import in_rows, number_axis, over_names
from backend.dashboard.charts.names import day, short_version
from backend.dashboard.charts.traces import (
    Drawn,
    Trace,
    bars,
    dots,
    error_bars,
    first_rows,
)
from backend.dashboard.entities import Cell, Chart, Column, Section, Table
from backend.stats.change import Bin, Drift, Measure
from backend.stats.drift_report import DriftReport

_LIMIT = "Limit"
_BEFORE, _NOW = "In training", "Of late"
_CORRECTED, _PREDICTED = "After correction", "Predicted"
# Of these the shares are shown whether they have changed or not: people ask for their classes first.
_ALWAYS = (Measure.CLASS_MIX, Measure.PREDICTION_BIAS)


def drift_section(report: DriftReport, project_id: int) -> Section:
    """Return what has changed, measure by measure, with the ranges of those that did."""
    intro = "A model is as good as it was while its images are like those it was trained on. " + (
        f"{short_version(report.version)}: its {report.training_images} images held out of training "
        f"against {report.period_images} from {_day(report.since)} to {_day(report.until)}."
        if report.version
        else "No trained version is in service, so there is nothing to compare with."
    )
    empty = (
        "Drift can be told once a trained version is in service and has predicted new images: "
        f"python -m backend train --project {project_id}"
    )
    measures = (*report.measures, report.bias)
    details = tuple(
        _shares(each) for each in measures if each.bins and (each.is_alarm or each.measure in _ALWAYS)
    )
    intro = " ".join((intro, *report.notes))
    return Section("drift", "Changes of the images", intro, (_measures(report, empty), *details))


def _measures(report: DriftReport, empty: str) -> Chart:
    known = (*report.measures, report.bias) if report.version else ()
    columns = (
        Column("Measure"),
        Column("Change"),
        *with_interval("PSI", digits=3),
        Column(_LIMIT, digits=3),
        Column("p-value", digits=4),
        Column("Images in training"),
        Column("Images of late"),
        Column("In words"),
    )
    table = Table(columns, tuple(map(_cells, known)))
    drawn = Drawn(table, tuple(row for row in table.rows if row[2] is not None))
    return Chart(
        key="drift-measures",
        title="What has changed?",
        note="PSI is 0 where nothing differs. A dot to the right of its limit is more than chance explains.",
        table=table,
        traces=(_psi(drawn), _limits(drawn)) if drawn.rows else (),
        layout=in_rows(len(drawn.rows), number_axis("PSI")),
        empty=empty,
    )


def _cells(drift: Drift) -> tuple[Cell, ...]:
    return (
        drift.measure.value,
        drift.verdict.value,
        drift.value,
        drift.low,
        drift.high,
        drift.limit,
        drift.p_value,
        drift.expected_images,
        drift.actual_images,
        drift.sentence,
    )


def _psi(drawn: Drawn) -> Trace:
    return dots(drawn, "Measure", "PSI", place=0)


def _limits(drawn: Drawn) -> Trace:
    marker = {"symbol": "line-ns-open", "size": 18, "line": {"width": 3}}
    return {**dots(drawn, "Measure", _LIMIT, place=1, interval=False), "marker": marker}


def _shares(drift: Drift) -> Chart:
    is_bias = drift.measure == Measure.PREDICTION_BIAS
    before, now = (_CORRECTED, _PREDICTED) if is_bias else (_BEFORE, _NOW)
    is_of_classes = drift.measure in _ALWAYS
    naming = "Class" if is_of_classes else "Range"
    columns = (
        Column(naming),
        *with_interval(before, unit="%", digits=1),
        *with_interval(now, unit="%", digits=1),
        *with_interval("Difference", unit="%", digits=1),
    )
    table = Table(columns, tuple(map(_bin_cells, drift.bins)))
    drawn = first_rows(table, len(drift.bins))
    pair = (
        {**bars(drawn, naming, name, place=place), "error_y": error_bars(drawn, name)}
        for place, name in enumerate((before, now))
    )
    return Chart(
        key=f"drift-{drift.measure.value.replace(' ', '-')}",
        title=_TITLES[drift.measure],
        note=drift.sentence,
        table=table,
        traces=tuple(pair),
        layout={**over_names(naming, number_axis("Percent")), "barmode": "group"},
        empty="Too few images to compare.",
    )


_TITLES = {
    Measure.CLASS_MIX: "Classes, in training and of late",
    Measure.OBJECTS: "Objects per image, in training and of late",
    Measure.SCORES: "Scores of the model, in training and of late",
    Measure.BRIGHTNESS: "Brightness of images, in training and of late",
    Measure.SIZE: "Size of images in megapixels, in training and of late",
    Measure.PREDICTION_BIAS: "Classes predicted, and after correction",
}


def _bin_cells(each: Bin) -> tuple[Cell, ...]:
    sides = (each.expected, each.actual, each.difference)
    return (each.name, *(cell for side in sides for cell in cells_of(side, times=100)))


def _day(when: datetime) -> str:
    return day(when.date())
