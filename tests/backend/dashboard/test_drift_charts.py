from dataclasses import replace

import pytest

from backend.dashboard.charts.drift import drift_section
from backend.dashboard.entities import Chart
from backend.stats.change import Measure, Verdict
from backend.stats.drift_report import DriftReport
from backend.stats.intervals import Estimate
from backend.stats.prediction_bias import ReviewedImage, assess_prediction_bias
from tests.backend.dashboard.charted import all_charts, column, named
from tests.backend.dashboard.reports import empty_report
from tests.backend.report.makers import make_report

REPORT = make_report().drift


def charts_of(report: DriftReport = REPORT) -> dict[str, Chart]:
    return all_charts([drift_section(report, 1)])


def test_each_measure_has_its_psi_limit_and_verdict() -> None:
    table = charts_of()["drift-measures"].table
    measures = (*REPORT.measures, REPORT.bias)
    assert column(table, "Measure") == [each.measure.value for each in measures]
    assert column(table, "PSI") == [each.value for each in measures]
    assert column(table, "PSI from") == [each.low for each in measures]
    assert column(table, "PSI to") == [each.high for each in measures]
    assert column(table, "Limit") == [each.limit for each in measures]
    assert column(table, "Change") == [each.verdict.value for each in measures]
    assert column(table, "In words") == [each.sentence for each in measures]


def test_measure_that_is_not_known_is_in_the_table_and_not_drawn() -> None:
    chart = charts_of()["drift-measures"]
    assert REPORT.bias.value is None
    assert column(chart.table, "Measure")[-1] == "prediction bias"
    assert "prediction bias" not in named(chart, "PSI")["y"]
    assert named(chart, "Limit")["y"] == named(chart, "PSI")["y"]


def test_bins_are_shown_of_measures_that_have_changed() -> None:
    changed = {each.measure for each in REPORT.measures if each.is_alarm}
    assert Measure.BRIGHTNESS in changed and Measure.SIZE not in changed
    keys = {f"drift-{measure.value.replace(' ', '-')}" for measure in changed}
    assert charts_of().keys() - {"drift-measures"} == keys


def test_classes_are_shown_where_nothing_has_changed_too() -> None:
    calm = tuple(replace(each, verdict=Verdict.NONE) for each in REPORT.measures)
    assert charts_of(replace(REPORT, measures=calm)).keys() == {"drift-measures", "drift-class-mix"}


def test_class_shares_are_percent_with_intervals() -> None:
    chart = charts_of()["drift-class-mix"]
    bins = REPORT.measures[0].bins
    assert column(chart.table, "Class") == [each.name for each in bins]
    assert column(chart.table, "In training") == [100 * each.expected.value for each in bins]
    assert column(chart.table, "Of late to") == [100 * each.actual.high for each in bins]
    assert column(chart.table, "Difference from") == [100 * each.difference.low for each in bins]
    trace = named(chart, "Of late")
    assert trace["y"] == [100 * each.actual.value for each in bins]
    assert trace["error_y"]["array"] == [
        pytest.approx(100 * (each.actual.high - each.actual.value)) for each in bins
    ]
    assert chart.note == REPORT.measures[0].sentence


def test_prediction_bias_compares_predicted_with_corrected() -> None:
    images = [ReviewedImage({"car": 3, "person": 1}, {"car": 2, "person": 1 + n % 2}) for n in range(60)]
    bias = assess_prediction_bias(images)
    chart = charts_of(replace(REPORT, bias=bias))["drift-prediction-bias"]
    assert [trace["name"] for trace in chart.traces] == ["After correction", "Predicted"]
    car = next(each for each in bias.bins if each.name == "car")
    assert car.actual.value == 0.75
    assert named(chart, "Predicted")["y"][named(chart, "Predicted")["x"].index("car")] == 75


def test_without_a_trained_version_it_says_how_to_get_one_and_draws_nothing() -> None:
    (chart,) = charts_of(empty_report().drift).values()
    assert chart.empty.endswith("python -m backend train --project 1")
    assert not chart.table.rows


def test_notes_stand_in_the_introduction() -> None:
    section = drift_section(replace(REPORT, notes=("Brightness is not known.",)), 1)
    assert section.intro.endswith("Brightness is not known.")
    assert (
        "v3: its 60 images held out of training against 80 from 31 January 2026 to 2 March 2026."
        in section.intro
    )


def test_bin_of_a_range_is_a_name_on_the_axis() -> None:
    bins = tuple(
        replace(each, name=str(place), expected=Estimate(0.5, 0.4, 0.6))
        for place, each in enumerate(REPORT.measures[3].bins)
    )
    alarm = replace(REPORT.measures[3], bins=bins)
    chart = charts_of(replace(REPORT, measures=(alarm,)))["drift-brightness"]
    assert chart.layout["xaxis"]["type"] == "category"
    assert chart.traces[0]["x"] == [str(place) for place in range(len(bins))]
