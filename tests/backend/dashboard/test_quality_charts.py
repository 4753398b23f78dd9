from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from backend.dashboard.charts.errors import errors_section
from backend.dashboard.charts.layouts import over_weeks
from backend.dashboard.charts.quality import quality_section
from backend.dashboard.entities import Chart, Links
from backend.review.entities import Tally
from backend.stats.intervals import Estimate
from backend.stats.quality import Anchoring, Confusion, Figures, QualityReport, VersionQuality
from tests.backend.dashboard.charted import all_charts, column, estimates, named
from tests.backend.dashboard.reports import listed_version
from tests.backend.report.makers import make_report

REPORT = make_report().quality
NEWEST = REPORT.versions[0]
NAMES = ["v3", "v2", "yolo11n-0a0a0a0a"]


def quality_charts(report: QualityReport = REPORT) -> dict[str, Chart]:
    return all_charts([quality_section(report, [listed_version(n) for n in (2, 1)], Links())])


def error_charts(report: QualityReport = REPORT) -> dict[str, Chart]:
    return all_charts([errors_section(report)])


def with_newest(**changes: object) -> QualityReport:
    return replace(REPORT, versions=(replace(NEWEST, **changes), *REPORT.versions[1:]))  # type: ignore[arg-type]


@pytest.mark.parametrize("side", ["corrected", "blind"])
def test_rates_by_version_are_those_of_the_report(side: str) -> None:
    table = quality_charts()[f"quality-{side}"].table
    figures: Sequence[Figures] = [getattr(each, side) for each in REPORT.versions]
    assert column(table, "Version") == NAMES
    assert column(table, "Tasks") == [each.tasks for each in figures]
    assert estimates(table, "Precision") == [each.precision for each in figures]
    assert estimates(table, "Recall") == [each.recall for each in figures]
    assert estimates(table, "F1") == [each.f1 for each in figures]


def test_line_of_versions_goes_from_the_oldest_to_the_newest_with_intervals() -> None:
    trace = named(quality_charts()["quality-blind"], "F1")
    oldest_first = [each.blind.f1 for each in REPORT.versions[::-1]]
    assert trace["x"] == NAMES[::-1]
    assert trace["y"] == [each.value for each in oldest_first if each]
    bars = trace["error_y"]
    assert bars["array"] == [each.high - each.value for each in oldest_first if each]
    assert bars["arrayminus"] == [each.value - each.low for each in oldest_first if each]


def test_weeks_are_days_on_an_axis_of_time() -> None:
    chart = quality_charts()["quality-weeks-corrected"]
    assert chart.layout["xaxis"]["type"] == "date"
    assert column(chart.table, "Week from") == [each.key for each in REPORT.weeks[::-1]]
    assert named(chart, "F1")["x"][0] == "2026-01-05"
    assert column(chart.table, "Week from")[-1] == date(2026, 1, 5)


def test_version_without_corrected_tasks_is_left_out_and_not_drawn_as_0() -> None:
    nothing = replace(NEWEST.corrected, annotations=0, tasks=0, precision=None, recall=None, f1=None)
    chart = quality_charts(with_newest(corrected=nothing))["quality-corrected"]
    assert column(chart.table, "Version") == NAMES[1:]
    assert named(chart, "F1")["x"] == NAMES[:0:-1]


def test_rate_that_is_not_known_is_a_gap() -> None:
    chart = quality_charts(with_newest(corrected=replace(NEWEST.corrected, recall=None)))["quality-corrected"]
    assert column(chart.table, "Recall")[0] is None
    assert named(chart, "Recall")["y"][-1] is None
    assert named(chart, "Recall")["error_y"]["array"][-1] is None


def test_corrections_are_counted_and_per_100_shown() -> None:
    chart = quality_charts()["corrections-by-version"]
    tally = NEWEST.corrected.tally
    shown = tally.kept + tally.adjusted + tally.deleted + tally.relabelled_from
    assert column(chart.table, "Shown")[0] == shown
    for name, count in {
        "Extra object": tally.deleted,
        "Missed object": tally.added,
        "Wrong class": tally.relabelled_from,
        "Loose box": tally.adjusted,
    }.items():
        assert column(chart.table, name)[0] == count
        assert column(chart.table, f"{name} per 100")[0] == 100 * count / shown
        assert named(chart, name)["y"][-1] == 100 * count / shown
    assert chart.layout["barmode"] == "stack"


def test_each_kind_of_correction_is_an_error_of_its_own() -> None:
    tally = Tally(kept=50, adjusted=1, deleted=2, added=3, relabelled_from=4, relabelled_to=5)
    report = with_newest(corrected=replace(NEWEST.corrected, tally=tally))
    table = error_charts(report)["errors-by-class"].table
    names = ("Shown", "Loose box", "Extra object", "Missed object", "Wrong class", "Became this class")
    assert [column(table, name)[0] for name in names] == [57, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("f1", "words"),
    [
        pytest.param(Estimate(0.06, 0.02, 0.1), "v3: F1 is 0.06 (0.02 to 0.10) higher", id="above 0"),
        pytest.param(Estimate(0.06, -0.02, 0.1), "may be chance", id="0 is within"),
        pytest.param(Estimate(-0.06, -0.1, -0.02), "nobody leans", id="below 0"),
        pytest.param(None, "too little has been labelled", id="not known"),
    ],
)
def test_anchoring_is_said_in_words(f1: Estimate | None, words: str) -> None:
    chart = quality_charts(with_newest(anchoring=Anchoring(None, None, f1)))["anchoring"]
    assert words in chart.note
    assert estimates(chart.table, "F1")[0] == f1


def test_trained_versions_have_the_scores_of_the_test_split() -> None:
    chart = quality_charts()["quality-test"]
    score = listed_version(2).trained.comparison.challenger
    assert column(chart.table, "Version") == ["v2", "v1"]
    assert column(chart.table, "mAP50-95")[0] == score.map50_95
    assert named(chart, "mAP50")["y"][-1] == score.map50
    assert named(chart, "F1")["y"][-1] == score.f1
    assert estimates(chart.table, "Gain") == [Estimate(0.02, -0.01, 0.05), None]
    assert column(chart.table, "Verdict") == ["good enough for service"] * 2


def test_errors_are_those_of_the_newest_version_by_class_and_over_all() -> None:
    chart = error_charts()["errors-by-class"]
    tallies = [NEWEST.corrected.tally, *(each.corrected.tally for each in NEWEST.labels)]
    assert column(chart.table, "Class") == ["All classes", "car", "person"]
    assert column(chart.table, "Extra object") == [each.deleted for each in tallies]
    assert column(chart.table, "Missed object") == [each.added for each in tallies]
    assert column(chart.table, "Wrong class") == [each.relabelled_from for each in tallies]
    assert column(chart.table, "Became this class") == [each.relabelled_to for each in tallies]
    assert column(chart.table, "Loose box") == [each.adjusted for each in tallies]
    assert named(chart, "Loose box")["y"] == ["All classes", "car", "person"]


def test_class_with_the_most_errors_is_first() -> None:
    car, person = NEWEST.labels
    worse = replace(
        person, corrected=replace(person.corrected, tally=replace(person.corrected.tally, added=999))
    )
    table = error_charts(with_newest(labels=(car, worse)))["errors-by-class"].table
    assert column(table, "Class") == ["All classes", "person", "car"]


def test_only_the_worst_classes_of_many_are_drawn() -> None:
    many = tuple(replace(NEWEST.labels[0], key=f"class {number:02}") for number in range(40))
    chart = error_charts(with_newest(labels=many))["errors-by-class"]
    assert len(chart.table.rows) == 41
    assert len(chart.traces[0]["y"]) == 21
    assert chart.note.endswith("20 of 40 classes are drawn.")


def test_errors_are_of_an_older_version_where_the_newest_was_not_corrected() -> None:
    section = errors_section(with_newest(corrected=replace(NEWEST.corrected, annotations=0)))
    assert "Figures are of v2, on 120 tasks." in section.intro


def test_class_that_was_never_shown_has_no_rate() -> None:
    label = NEWEST.labels[0]
    never = replace(
        label.corrected,
        tally=replace(label.corrected.tally, kept=0, adjusted=0, deleted=0, relabelled_from=0),
    )
    table = error_charts(with_newest(labels=(replace(label, corrected=never),)))["errors-by-class"].table
    assert column(table, "Shown")[1] == 0
    assert column(table, "Missed object per 100")[1] is None


def test_mixed_up_classes_are_pairs() -> None:
    pairs = (Confusion("car", "van", 9), Confusion("van", "car", 2))
    chart = error_charts(with_newest(relabelled=pairs))["relabelled"]
    assert chart.table.rows == (("car → van", "car", "van", 9), ("van → car", "van", "car", 2))
    assert chart.traces[0]["x"] == [9, 2]


def test_joined_version_has_short_names() -> None:
    joined = replace(NEWEST, version="project-1-v3-c3c3c3c3+project-1-v4-d4d4d4d4")
    table = quality_charts(QualityReport(1, (joined,)))["quality-corrected"].table
    assert column(table, "Version") == ["v3+v4"]


def test_versions_are_typed_as_names_on_the_axis() -> None:
    versions: tuple[VersionQuality, ...] = (replace(NEWEST, version="2024"),)
    chart = quality_charts(QualityReport(1, versions))["quality-corrected"]
    assert chart.layout["xaxis"]["type"] == "category"


@pytest.mark.parametrize("weeks", [1, 4, 5])
def test_few_weeks_are_marked_each_on_its_monday(weeks: int) -> None:
    mondays = [date(2026, 11, 2) + timedelta(weeks=number) for number in range(weeks)]
    axis = over_weeks({}, mondays)["xaxis"]
    assert axis["tickvals"] == [f"{monday}" for monday in mondays]
    assert axis["range"][0] < f"{mondays[0]}" and axis["range"][1] > f"{mondays[-1]}"


@pytest.mark.parametrize("weeks", [[], [date(2026, 11, 2), date(2026, 12, 7)]])
def test_many_weeks_or_none_are_marked_as_plotly_likes(weeks: list[date]) -> None:
    assert set(over_weeks({}, weeks)["xaxis"]) == {"title", "type"}
