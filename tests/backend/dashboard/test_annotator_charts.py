from dataclasses import replace

from backend.dashboard.charts.annotators import annotator_charts, annotators_section
from backend.dashboard.entities import Chart, Links
from backend.stats.annotator_figures import AnnotatorFigures
from backend.stats.intervals import Estimate
from tests.backend.dashboard.charted import all_charts, column, estimates, in_percent, named
from tests.backend.report.makers import NAMES, make_report

REPORT = make_report()
PEOPLE = REPORT.annotators
EDSGER = PEOPLE[2]


def charts_of(people: tuple[AnnotatorFigures, ...] = PEOPLE) -> dict[str, Chart]:
    return all_charts([annotators_section(people, NAMES, 1, Links(annotator=lambda who: f"/who/{who}"))])


def own_charts(figures: AnnotatorFigures = EDSGER) -> dict[str, Chart]:
    return {chart.key: chart for chart in annotator_charts(figures, REPORT.agreement, "Edsger", names=NAMES)}


def test_overview_has_the_figures_of_the_report() -> None:
    table = charts_of()["annotators-overview"].table
    assert column(table, "Annotator") == list(NAMES.values())
    assert column(table, "Annotations") == [each.annotations for each in PEOPLE]
    assert column(table, "Skipped") == [each.skipped for each in PEOPLE]
    assert estimates(table, "Time per task") == [each.seconds for each in PEOPLE]
    assert estimates(table, "Recall where seen") == in_percent(each.corrected.recall for each in PEOPLE)
    assert estimates(table, "Recall where blind") == in_percent(each.blind.recall for each in PEOPLE)
    assert estimates(table, "Left as shown") == in_percent(each.untouched for each in PEOPLE)
    assert table.links == {0: "/who/5", 1: "/who/6", 2: "/who/7"}


def test_warning_is_in_the_table_and_in_the_note() -> None:
    chart = charts_of()["annotators-overview"]
    assert column(chart.table, "Warning") == [None, None, EDSGER.warning]
    assert chart.note.endswith(f"Edsger Wybe: {EDSGER.warning}")


def test_who_labels_most_is_first() -> None:
    chart = charts_of((PEOPLE[0], replace(PEOPLE[1], annotations=900)))["annotators-overview"]
    assert column(chart.table, "Annotator") == ["grace@example.org", "Ada Byron"]


def test_annotator_without_an_id_has_a_row_that_leads_nowhere() -> None:
    table = charts_of((replace(PEOPLE[0], annotator=None),))["annotators-overview"].table
    assert column(table, "Annotator") == ["unknown annotator"]
    assert table.links == {}


def test_each_annotator_has_a_line_by_week() -> None:
    charts = charts_of()
    time, untouched = charts["annotators-time"], charts["annotators-untouched"]
    assert [trace["name"] for trace in time.traces] == list(NAMES.values())
    assert named(time, "Edsger Wybe")["y"] == [week.seconds for week in EDSGER.weeks]
    assert named(untouched, "Edsger Wybe")["y"] == [100 * (week.untouched or 0) for week in EDSGER.weeks]
    assert len(time.table.rows) == 36


def test_week_without_shown_predictions_is_a_gap() -> None:
    weeks = (replace(EDSGER.weeks[0], untouched=None), *EDSGER.weeks[1:])
    chart = charts_of((replace(EDSGER, weeks=weeks),))["annotators-untouched"]
    assert chart.traces[0]["y"][0] is None


def test_only_eight_of_many_annotators_are_drawn_by_week() -> None:
    many = tuple(replace(EDSGER, annotator=number, annotations=100 - number) for number in range(20, 40))
    chart = charts_of(many)["annotators-time"]
    assert [trace["name"] for trace in chart.traces] == [f"annotator {number}" for number in range(20, 28)]
    assert chart.note.endswith("The 8 with the most annotations are drawn.")
    assert len(chart.table.rows) == 20 * 12


def test_one_annotator_has_the_model_by_their_labels() -> None:
    table = own_charts()["annotator-model"].table
    assert column(table, "Figure") == [
        "Precision, corrected tasks",
        "Precision, blind tasks",
        "Recall, corrected tasks",
        "Recall, blind tasks",
        "F1, corrected tasks",
        "F1, blind tasks",
    ]
    assert estimates(table, "Share") == [
        EDSGER.corrected.precision,
        EDSGER.blind.precision,
        EDSGER.corrected.recall,
        EDSGER.blind.recall,
        EDSGER.corrected.f1,
        EDSGER.blind.f1,
    ]


def test_one_annotator_without_blind_tasks_has_corrected_ones_alone() -> None:
    none = replace(EDSGER.blind, annotations=0)
    table = own_charts(replace(EDSGER, blind=none))["annotator-model"].table
    assert [str(name).partition(", ")[2] for name in column(table, "Figure")] == ["corrected tasks"] * 3


def test_weeks_of_one_annotator_go_from_the_oldest_to_the_newest() -> None:
    charts = own_charts()
    weeks = [week.week.isoformat() for week in EDSGER.weeks]
    for key in ("annotator-annotations", "annotator-time", "annotator-untouched"):
        assert charts[key].traces[0]["x"] == weeks
        assert column(charts[key].table, "Week from") == [week.week for week in EDSGER.weeks[::-1]]
    assert charts["annotator-annotations"].traces[0]["y"] == [week.annotations for week in EDSGER.weeks]


def test_time_that_is_not_known_is_empty() -> None:
    table = charts_of((replace(EDSGER, seconds=None),))["annotators-overview"].table
    assert estimates(table, "Time per task") == [None]
    table = charts_of((replace(EDSGER, seconds=Estimate(9.0, 8.0, 11.0)),))["annotators-overview"].table
    assert estimates(table, "Time per task") == [Estimate(9.0, 8.0, 11.0)]
