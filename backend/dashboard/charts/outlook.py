"""How far more images help, and how often each class occurs."""

from backend.dashboard.charts.columns import cells_of, with_interval
from backend.dashboard.charts.layouts import count_axis, in_rows, over_numbers, share_axis
from backend.dashboard.charts.measured import interval_around
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.traces import Drawn, Trace, bars, error_bars
from backend.dashboard.entities import Cell, Chart, Column, Section, Table
from backend.stats.curve_fit import CurvePoint
from backend.stats.outlook import OutlookReport

_MOST_CLASSES = 30
_VERSION, _LEFT_OUT, _CURVE, _TARGET = "version", "version, not used", "curve", "target"


def images_section(report: OutlookReport, project_id: int) -> Section:
    """Return the learning curve of a project."""
    intro = " ".join((report.advice, *report.notes))
    return Section("images", "How many more images?", intro, (_learning_curve(report, project_id),))


def classes_section(report: OutlookReport, project_id: int) -> Section:
    """Return how often each class occurs in the newest training data."""
    intro = (
        "How often each class occurs in the images that the newest version was trained from. The model "
        "learns a rare class badly, and a class with few test objects cannot be judged."
    )
    return Section("classes", "Balance of the classes", intro, (_balance(report, project_id),))


def _learning_curve(report: OutlookReport, project_id: int) -> Chart:
    table = Table(
        (
            Column("What"),
            Column("Version"),
            Column("Training images"),
            *with_interval(report.measure, digits=3),
        ),
        _curve_rows(report),
    )
    whole = Drawn(table, table.rows)
    band, points, left_out, target = (
        whole.where("What", what) for what in (_CURVE, _VERSION, _LEFT_OUT, _TARGET)
    )
    traces: list[Trace] = []
    if band.rows:
        traces += [_band(band, report.measure), _line(band, report.measure, "Learning curve", "solid")]
    if points.rows:
        traces.append(_points(points, report.measure, "Versions", "circle"))
    if left_out.rows:
        traces.append(_points(left_out, report.measure, "Not used", "x"))
    if target.rows:
        traces.append(_line(target, report.measure, "Target", "dash"))
    return Chart(
        key="learning-curve",
        title=f"{report.measure} by number of training images",
        note="Each dot is a version on the test images; the curve goes on to more images, and the band is "
        f"where it may lie. {report.advice}",
        table=table,
        traces=tuple(traces),
        layout=over_numbers("Training images", share_axis(f"{report.measure} on the test images")),
        empty=f"No version has been trained, so no curve can be seen. Train one: python -m backend train "
        f"--project {project_id}",
    )


def _curve_rows(report: OutlookReport) -> tuple[tuple[Cell, ...], ...]:
    points = [_point(each, _VERSION) for each in report.points]
    points += [_point(each, _LEFT_OUT) for each in report.left_out]
    curve = [(_CURVE, None, each.images, *cells_of(each.quality)) for each in report.band]
    images = [each.images for each in (*report.points, *report.left_out)]
    images += [each.images for each in report.band]
    if not images:
        return ()
    return (*points, *curve, *((_TARGET, None, end, report.target, None, None) for end in (0, max(images))))


def _point(each: CurvePoint, what: str) -> tuple[str, str, int, float, float, float]:
    found = interval_around(each.quality, each.standard_error)
    return what, short_version(each.version), each.images, found.value, found.low, found.high


def _band(drawn: Drawn, measure: str) -> Trace:
    """Return the outline of the curve's interval: there along the lower ends, and back along the upper."""
    images = drawn.values("Training images")
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "95 % interval",
        "x": images + images[::-1],
        "y": drawn.values(f"{measure} from") + drawn.values(f"{measure} to")[::-1],
        "fill": "toself",
        "line": {"width": 0},
        "opacity": 0.5,
        "hoverinfo": "skip",
        "meta": {"role": "band"},
    }


def _line(drawn: Drawn, measure: str, name: str, dash: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": drawn.values("Training images"),
        "y": drawn.values(measure),
        "line": {"dash": dash, "width": 2},
    }


def _points(drawn: Drawn, measure: str, name: str, symbol: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": drawn.values("Training images"),
        "y": drawn.values(measure),
        "text": drawn.values("Version"),
        "error_y": error_bars(drawn, measure),
        "marker": {"symbol": symbol, "size": 9},
    }


def _balance(report: OutlookReport, project_id: int) -> Chart:
    columns = (
        Column("Class"),
        Column("Objects"),
        Column("Share", "%", 1),
        Column("Images"),
        Column("Test objects"),
        Column("F1", digits=2),
    )
    classes = sorted(report.classes, key=lambda each: (-each.objects, each.label))
    rows = tuple(
        (each.label, each.objects, 100 * each.share, each.images, each.test_objects, each.f1)
        for each in classes
    )
    table = Table(columns, rows)
    # Rare ones are what matters, so they are never those left out.
    drawn = Drawn(table, rows[-_MOST_CLASSES:])
    left_out = len(rows) - len(drawn.rows)
    return Chart(
        key="class-balance",
        title="Objects by class",
        note="How many objects of each class there are to learn from; F1 is the model's on the test images."
        + (f" The {_MOST_CLASSES} rarest of {len(rows)} classes are drawn." if left_out else ""),
        table=table,
        traces=(bars(drawn, "Class", "Objects", place=0, lying=True),) if rows else (),
        layout=in_rows(
            len(drawn.rows), count_axis("Objects", max((each.objects for each in classes), default=0))
        ),
        empty="No training data has been put together yet. That happens with the first run: "
        f"python -m backend train --project {project_id}",
    )
