from dataclasses import replace

import pytest

from backend.dashboard.charts.outlook import classes_section, images_section
from backend.dashboard.entities import Chart
from backend.stats.curve_fit import CurvePoint
from backend.stats.outlook import ClassBalance, OutlookReport
from tests.backend.dashboard.charted import all_charts, column, named
from tests.backend.dashboard.reports import empty_report
from tests.backend.report.makers import make_report

REPORT = make_report().outlook


def curve_of(report: OutlookReport = REPORT) -> Chart:
    return all_charts([images_section(report, 1)])["learning-curve"]


def balance_of(report: OutlookReport = REPORT) -> Chart:
    return all_charts([classes_section(report, 1)])["class-balance"]


def test_versions_are_dots_with_95_percent_of_their_error() -> None:
    trace = named(curve_of(), "Versions")
    assert trace["x"] == [60, 120, 180]
    assert trace["y"] == [each.quality for each in REPORT.points]
    assert trace["error_y"]["array"] == [pytest.approx(1.96 * 0.02)] * 3
    assert trace["text"] == ["v1", "v2", "v3"]


def test_interval_of_a_version_ends_at_0_and_1() -> None:
    points = (CurvePoint("v1", 10, 0.01, 0.02), CurvePoint("v2", 20, 0.99, 0.02))
    table = curve_of(replace(REPORT, points=points, band=())).table
    assert column(table, "F1 from")[0] == 0 and column(table, "F1 to")[1] == 1


def test_band_goes_along_the_lower_ends_and_back_along_the_upper() -> None:
    trace = named(curve_of(), "95 % interval")
    low, high = ([getattr(each.quality, end) for each in REPORT.band] for end in ("low", "high"))
    assert trace["x"] == [60, 180, 400, 400, 180, 60]
    assert trace["y"] == low + high[::-1]
    assert trace["fill"] == "toself"


def test_target_is_a_line_over_all_that_is_drawn() -> None:
    chart = curve_of()
    assert named(chart, "Target")["x"] == [0, 400]
    assert named(chart, "Target")["y"] == [0.85, 0.85]
    assert named(chart, "Target")["line"]["dash"] == "dash"
    assert named(chart, "Learning curve")["line"]["dash"] == "solid"


def test_version_that_was_left_out_is_marked() -> None:
    chart = curve_of(replace(REPORT, left_out=(CurvePoint("odd", 500, 0.2, 0.02),)))
    assert named(chart, "Not used")["x"] == [500]
    assert named(chart, "Not used")["marker"]["symbol"] == "x"
    assert named(chart, "Target")["x"] == [0, 500]


def test_versions_without_a_curve_are_drawn_alone() -> None:
    chart = curve_of(replace(REPORT, band=()))
    assert [trace["name"] for trace in chart.traces] == ["Versions", "Target"]


def test_advice_and_notes_introduce_the_curve() -> None:
    assert images_section(REPORT, 1).intro == "F1 0.85 takes about 320 more reviewed images. A note."
    assert images_section(empty_report().outlook, 1).intro == "No version has been trained yet."


def test_classes_have_their_objects_the_most_frequent_first() -> None:
    rare_first = replace(REPORT, classes=REPORT.classes[::-1])
    chart = balance_of(rare_first)
    assert chart.table.rows == (("car", 500, 80.0, 170, 60, 0.8), ("person", 125, 20.0, 80, 14, 0.6))
    assert chart.traces[0]["x"] == [500, 125]
    assert chart.traces[0]["y"] == ["car", "person"]


def test_of_many_classes_the_rarest_are_drawn() -> None:
    classes = tuple(ClassBalance(f"class {n}", 1000 - n, 10, 0.01, None, None) for n in range(80))
    chart = balance_of(replace(REPORT, classes=classes))
    assert len(chart.table.rows) == 80
    assert chart.traces[0]["y"] == [f"class {n}" for n in range(50, 80)]
    assert chart.note.endswith("The 30 rarest of 80 classes are drawn.")
