import json
from dataclasses import replace

import plotly.graph_objects as go
import pytest

from backend.dashboard.charts.annotators import annotator_charts
from backend.dashboard.charts.project import project_charts, section_of
from backend.dashboard.charts.runs import run_charts
from backend.dashboard.charts.versions import version_charts
from backend.dashboard.csv import to_csv
from backend.dashboard.entities import Chart, Links
from backend.report.advice import Topic
from backend.review.entities import ReviewState
from tests.backend.dashboard.charted import (
    all_charts,
    column,
    drawn_numbers,
    is_among,
    numbers_of,
    words_of,
    words_of_axes,
)
from tests.backend.dashboard.reports import (
    empty_report,
    epoch_metrics,
    listed_version,
    long_report,
    training_run,
)
from tests.backend.report.makers import VERSIONS as CORRECTED
from tests.backend.report.makers import make_report

STATES = {ReviewState.NOT_VIEWED: 40, ReviewState.VIEWED: 25, ReviewState.TAKEN_IN_TRAINING: 135}
VERSIONS = [listed_version(number) for number in (3, 2, 1)]
RUNS = [training_run(number) for number in (3, 2, 1)]
SECTIONS = project_charts(make_report(), VERSIONS, RUNS, STATES)
EMPTY = project_charts(empty_report(), [], [], dict.fromkeys(ReviewState, 0))
LONG = project_charts(
    long_report(),
    [listed_version(number) for number in range(50, 0, -1)],
    [training_run(number) for number in range(50, 0, -1)],
    STATES,
)
OTHERS = {
    chart.key: chart
    for charts in (
        run_charts(RUNS[0], [epoch_metrics(epoch) for epoch in range(1, 13)]),
        version_charts(VERSIONS[0]),
        annotator_charts(make_report().annotators[2], make_report().agreement, "Edsger", names={5: "Ada"}),
    )
    for chart in charts
}
FULL = {**all_charts(SECTIONS), **OTHERS}
TABLES_ALONE = {
    "agreement-tasks",
    "label-errors-list",
    "next-tasks-list",
    "versions-list",
    "runs-list",
}


def each_chart(charts: dict[str, Chart]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("chart", [pytest.param(chart, id=key) for key, chart in charts.items()])


def test_sections_come_in_one_order() -> None:
    keys = (
        "quality label-changes agreement label-errors annotators drift images classes next-tasks versions "
        "runs reviews"
    )
    for sections in (SECTIONS, EMPTY, LONG):
        assert [section.key for section in sections] == keys.split()


@pytest.mark.parametrize("topic", list(Topic))
def test_each_topic_of_advice_has_a_section(topic: Topic) -> None:
    assert section_of(topic) in [section.key for section in SECTIONS]


def test_keys_differ() -> None:
    keys = [key for s in SECTIONS for key in (s.key, *(chart.key for chart in s.charts))]
    keys += list(OTHERS)
    assert len(keys) == len(set(keys))


@each_chart(FULL)
def test_chart_is_one_that_plotly_draws(chart: Chart) -> None:
    figure = go.Figure({"data": list(chart.traces), "layout": dict(chart.layout)})
    assert len(figure.data) == len(chart.traces)
    json.dumps([chart.traces, chart.layout], allow_nan=False)


@each_chart(FULL)
def test_chart_with_figures_is_drawn(chart: Chart) -> None:
    assert chart.table.rows
    assert bool(chart.traces) == (chart.key not in TABLES_ALONE)


@each_chart({**FULL, **{f"{key} of years": chart for key, chart in all_charts(LONG).items()}})
def test_every_number_and_name_of_a_chart_is_in_its_table(chart: Chart) -> None:
    known, words = numbers_of(chart.table), words_of(chart.table)
    for trace in chart.traces:
        assert [number for number in drawn_numbers(trace) if not is_among(number, known)] == []
        # The one bar of all tasks has a name that is no cell.
        assert words_of_axes(trace) - {"Tasks"} <= words


@each_chart(FULL)
def test_traces_are_told_apart_without_colour(chart: Chart) -> None:
    marks = [
        (
            trace["type"],
            trace.get("mode"),
            trace.get("line", {}).get("dash"),
            trace.get("fill"),
            str(trace.get("marker", {}).get("symbol")),
            str(trace.get("marker", {}).get("pattern")),
        )
        for trace in chart.traces
    ]
    assert len(set(marks)) == len(marks)


@each_chart(FULL)
def test_rows_have_a_cell_for_each_column(chart: Chart) -> None:
    names = [each.name for each in chart.table.columns]
    assert len(set(names)) == len(names)
    assert {len(row) for row in chart.table.rows} == {len(names)}


@each_chart(FULL)
def test_note_is_a_sentence_or_ends_with_a_command(chart: Chart) -> None:
    assert chart.title and chart.note
    assert chart.note.endswith((".", "?", " --tabs"))


@each_chart(all_charts(EMPTY))
def test_chart_without_figures_says_what_to_do(chart: Chart) -> None:
    assert chart.table.rows == () and chart.traces == ()
    what_to_do = ("python -m backend", "BLIND_FRACTION", "change it and keep the box")
    assert any(words in chart.empty for words in what_to_do)
    go.Figure({"layout": dict(chart.layout)})


def test_same_report_gives_the_same_charts() -> None:
    assert project_charts(make_report(), VERSIONS, RUNS, STATES) == SECTIONS


def test_only_the_last_20_versions_are_drawn_and_all_are_in_the_table() -> None:
    charts = all_charts(LONG)
    for key in ("quality-corrected", "quality-blind", "corrections-by-version", "anchoring", "quality-test"):
        chart = charts[key]
        assert chart.traces[0]["x"] == [f"v{number}" for number in range(31, 51)]
        assert column(chart.table, "Version") == [f"v{number}" for number in range(50, 0, -1)]
        assert chart.note.endswith("The last 20 of 50 versions are drawn.")


def test_only_the_last_52_weeks_are_drawn_and_all_are_in_the_table() -> None:
    chart = all_charts(LONG)["quality-weeks-corrected"]
    assert len(chart.traces[0]["x"]) == 52
    assert chart.traces[0]["x"][-1] == "2025-11-24"
    assert len(chart.table.rows) == 100


def test_rows_lead_to_what_they_name() -> None:
    links = Links(
        task=lambda task: f"/task/{task}",
        version=lambda version: f"/version/{version}",
        run=lambda run: f"/run/{run}",
        annotator=lambda annotator: f"/annotator/{annotator}",
    )
    newest = replace(VERSIONS[0], trained=replace(VERSIONS[0].trained, version=CORRECTED[0]))
    charts = all_charts(project_charts(make_report(), [newest, *VERSIONS[1:]], RUNS, STATES, links=links))
    first = {key: (chart.table.links or {}).get(0) for key, chart in charts.items()}
    assert {key: address for key, address in first.items() if address} == {
        "quality-corrected": "/version/project-1-v3-c3c3c3c3",
        "quality-blind": "/version/project-1-v3-c3c3c3c3",
        "corrections-by-version": "/version/project-1-v3-c3c3c3c3",
        "anchoring": "/version/project-1-v3-c3c3c3c3",
        "quality-test": "/version/project-1-v3-c3c3c3c3",
        "agreement-tasks": "/task/100",
        "label-errors-list": "/task/100",
        "annotators-overview": "/annotator/5",
        "next-tasks-list": "/task/500",
        "versions-list": "/version/project-1-v3-c3c3c3c3",
        "runs-list": "/run/run3",
    }
    # The others of the report were not trained, and have no page.
    assert charts["quality-corrected"].table.links == {0: "/version/project-1-v3-c3c3c3c3"}
    assert all(chart.table.links is None for chart in all_charts(SECTIONS).values())


def test_mark_up_in_names_is_shown_and_not_obeyed() -> None:
    report = replace(make_report(), names={5: "<b>Ada</b>", 6: "Grace", 7: "Edsger"})
    chart = all_charts(project_charts(report, [], [], STATES))["annotators-overview"]
    assert column(chart.table, "Annotator")[0] == "<b>Ada</b>"
    assert chart.traces[0]["y"][0] == "&lt;b&gt;Ada&lt;/b&gt;"


def test_namesakes_are_kept_apart() -> None:
    report = replace(make_report(), names={5: "Ada", 6: "Ada", 7: "Edsger"})
    chart = all_charts(project_charts(report, [], [], STATES))["annotators-overview"]
    assert column(chart.table, "Annotator") == ["Ada (5)", "Ada (6)", "Edsger"]


@each_chart(FULL)
def test_table_becomes_csv(chart: Chart) -> None:
    assert len(to_csv(chart.table).splitlines()) == 1 + len(chart.table.rows)
