"""How figures, times and tables are written on pages, and what a page may hold."""

import re
from datetime import UTC, date, timedelta, timezone
from typing import Any

import pytest
from jinja2 import UndefinedError

from backend.dashboard.assets import Assets
from backend.dashboard.entities import Cell, Chart, Column, Table
from backend.dashboard.render import (
    Renderer,
    ago,
    cell,
    commands,
    count,
    interval,
    number,
    numeric_columns,
    percent,
    written_date,
)
from backend.errors import NotFound
from backend.stats.intervals import Estimate
from tests.backend.report.makers import NOW

EAST = timezone(timedelta(hours=2))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(Assets())


def macro(renderer: Renderer, call: str, **values: Any) -> str:
    """Return what a call of one of the macros writes."""
    source = '{% import "macros.html" as macros with context %}{{ ' + call + " }}"
    template = renderer._environment.from_string(source)
    return template.render(is_file=False, **values)


def table(*rows: tuple[Cell, ...], **changes: Any) -> Table:
    columns = tuple(Column(f"column {place}") for place in range(len(rows[0])))
    return Table(**{"columns": columns, "rows": rows, **changes})


def chart(**changes: Any) -> Chart:
    given = {
        "key": "f1",
        "title": "F1 by version",
        "note": "How good each is.",
        "table": table(("v1", 0.5)),
        "traces": ({"type": "bar", "x": ["v1"], "y": [0.5]},),
        "layout": {"yaxis": {"title": {"text": "F1"}}},
        "empty": "Review some tasks.",
    }
    return Chart(**{**given, **changes})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(number(0.714), "0.71", id="two digits"),
        pytest.param(number(12.0, 0), "12", id="as many as asked for"),
        pytest.param(number(None), "–", id="no figure"),
        pytest.param(percent(0.354), "35 %", id="percent"),
        pytest.param(percent(0.3547, 1), "35.5 %", id="percent with a digit"),
        pytest.param(interval(Estimate(0.714, 0.66, 0.7549)), "0.71 (0.66 to 0.75)", id="interval"),
        pytest.param(interval(None), "–", id="no interval"),
        pytest.param(count(1234567), "1\u202f234\u202f567", id="thousands stand apart"),
        pytest.param(count(None), "–", id="no count"),
        pytest.param(written_date(NOW), "2 March 2026, 09:30 UTC", id="moment"),
        pytest.param(written_date(date(2026, 3, 2)), "2 March 2026", id="day"),
        pytest.param(written_date(None), "–", id="no moment"),
        pytest.param(written_date(NOW.astimezone(EAST)), "2 March 2026, 09:30 UTC", id="another zone's"),
    ],
)
def test_figures_and_times_are_written(written: str, expected: str) -> None:
    assert written == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(timedelta(seconds=59), "just now", id="seconds"),
        pytest.param(timedelta(minutes=1), "1 minute ago", id="one"),
        pytest.param(timedelta(minutes=119), "1 hour ago", id="whole ones alone"),
        pytest.param(timedelta(days=29), "29 days ago", id="many"),
        pytest.param(timedelta(days=800), "2 years ago", id="years"),
        pytest.param(-timedelta(hours=3), "just now", id="a clock that is ahead"),
    ],
)
def test_time_ago_is_told_in_its_largest_unit(before: timedelta, expected: str) -> None:
    assert ago(NOW - before, NOW) == expected


@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        pytest.param(None, Column("a"), "–", id="nothing"),
        pytest.param(0.5, Column("a"), "0.50", id="two digits where none are said"),
        pytest.param(0.5, Column("a", digits=0), "0", id="no digits"),
        pytest.param(12345, Column("task", digits=2), "12345", id="an id stays whole"),
        pytest.param(date(2026, 3, 2), Column("week"), "2026-03-02", id="day"),
        pytest.param(NOW.astimezone(UTC), Column("at"), "2026-03-02 09:30", id="moment"),
        pytest.param("car", Column("label"), "car", id="text"),
    ],
)
def test_cell_is_written(value: Cell, column: Column, expected: str) -> None:
    assert cell(value, column) == expected


def test_columns_of_numbers_are_told_from_others() -> None:
    rows = ((1, None, 1.0, "a"), (2, None, None, 3))
    assert numeric_columns(table(*rows)) == {0, 2}
    assert numeric_columns(Table((Column("a"),), ())) == frozenset()


def test_commands_in_a_sentence_stand_out_and_all_else_is_escaped() -> None:
    text = "Label <some>: python -m backend overlap --project 1 --share 0.1. Then wait."
    command = "<code>python -m backend overlap --project 1 --share 0.1</code>"
    assert commands(text) == f"Label &lt;some&gt;: {command}. Then wait."


@pytest.mark.parametrize(
    "command",
    [
        "train --project 1",
        "errors --project 1 --tab",
        "report --project 1 --out FILE.html",
        "promote VERSION",
        "rollback --project ID",
        "quality --project 7 --since 2026-04-06",
        "versions",
        "promote project-1-v2-0a1b2c3d",
    ],
)
@pytest.mark.parametrize(
    "after", ["", " To tell more takes time.", " and wait", ", then wait", ". It is done."]
)
def test_command_ends_before_the_words_of_the_sentence(command: str, after: str) -> None:
    assert commands(f"Do: python -m backend {command}{after}") == (
        f"Do: <code>python -m backend {command}</code>{after}"
    )


def test_what_a_table_holds_is_escaped(renderer: Renderer) -> None:
    html = macro(renderer, "macros.table(table)", table=table(("<b>",)))
    assert "&lt;b&gt;" in html and "<b>" not in html


def test_json_of_a_chart_cannot_end_its_element(renderer: Renderer) -> None:
    traces = ({"name": "</script><script>alert(1)</script>", "x": [date(2026, 3, 2)]},)
    html = macro(renderer, "macros.chart(chart)", chart=chart(traces=traces))
    assert html.count("</script>") == 1
    assert '"x":["2026-03-02"]' in html


def test_chart_has_its_table_and_the_address_of_its_csv(renderer: Renderer) -> None:
    html = macro(renderer, "macros.chart(chart, '/f1.csv')", chart=chart())
    assert "<details" in html and ">0.50</td>" in html
    assert 'href="/f1.csv"' in html


def test_chart_without_traces_is_its_table(renderer: Renderer) -> None:
    html = macro(renderer, "macros.chart(chart)", chart=chart(traces=()))
    assert "<details" not in html and "plot" not in html
    assert ">0.50</td>" in html


def test_empty_chart_says_what_to_do_and_offers_nothing_else(renderer: Renderer) -> None:
    nothing = Table((Column("a"),), ())
    html = macro(renderer, "macros.chart(chart, '/f1.csv')", chart=chart(table=nothing))
    assert "Review some tasks." in html
    assert "<table" not in html and "/f1.csv" not in html and "plot" not in html


def test_table_may_be_cut_short(renderer: Renderer) -> None:
    rows = tuple((f"row {number}",) for number in range(9))
    html = macro(renderer, "macros.table(table, most=5)", table=table(*rows))
    assert "row 4" in html and "row 5" not in html


def test_first_cell_names_its_row(renderer: Renderer) -> None:
    html = macro(renderer, "macros.table(table)", table=table(("v1", 0.5), ("v2", 0.6)))
    assert re.findall(r'<th scope="row">(\w+)</th>', html) == ["v1", "v2"]
    assert re.findall(r'<td class="number">([\d.]+)</td>', html) == ["0.50", "0.60"]


def test_row_is_named_by_a_link_of_its_own(renderer: Renderer) -> None:
    html = macro(renderer, "macros.table(table)", table=table((7, 0.5), links={0: "/task/7"}))
    assert '<th scope="row" class="number"><a href="/task/7">7</a></th>' in html


def test_what_folds_out_a_table_says_of_which_chart(renderer: Renderer) -> None:
    html = macro(renderer, "macros.chart(chart)", chart=chart())
    summary = re.search(r"<summary>(.*?)</summary>", html)
    assert summary and re.sub("<[^>]+>", "", summary.group(1)) == "Table of F1 by version"
    assert 'role="region"' not in html


def test_file_keeps_links_to_other_servers_alone(renderer: Renderer) -> None:
    linked = table(("here",), ("there",), links={0: "/dashboard", 1: "http://label-studio.test/1"})
    call = '{% import "macros.html" as macros with context %}{{ macros.table(table) }}'
    html = renderer._environment.from_string(call).render(is_file=True, table=linked)
    assert "/dashboard" not in html and 'href="http://label-studio.test/1"' in html


def test_page_names_a_value_that_is_missing(renderer: Renderer) -> None:
    with pytest.raises(UndefinedError, match="heading"):
        renderer.page("error.html", {"detail": "No."})


def test_message_stands_above_the_page(renderer: Renderer) -> None:
    values = {"heading": "Gone", "detail": "It is not there.", "project_id": None}
    assert 'class="message' not in renderer.page("error.html", values)
    for tone, role in (("good", "status"), ("bad", "alert")):
        told = renderer.page("error.html", {**values, "message": "<Done>", "message_tone": tone})
        assert f'<p class="message {tone}" id="message" tabindex="-1" role="{role}">&lt;Done&gt;</p>' in told


def test_file_needs_no_other_file(renderer: Renderer) -> None:
    html = renderer.page("error.html", {"heading": "Gone", "detail": "No.", "project_id": None}, is_file=True)
    assert "<link" not in html and "<script src" not in html and "<script defer" not in html
    assert "IntersectionObserver" in html and "--series-1" in html and "plotly.js v" in html


@pytest.mark.parametrize(
    "name",
    ["../render.py", "page.py", "page", "missing.css", "a/b.css", ".css"],
)
def test_only_files_of_the_pages_are_found(name: str) -> None:
    with pytest.raises(NotFound):
        Assets().get(name)


def test_address_of_a_file_names_its_content() -> None:
    assets = Assets()
    style, script = assets.get("page.css"), assets.get("page.js")
    assert style.digest != script.digest
    assert assets.address("page.css") == f"/dashboard/static/page.css?v={style.digest}"
    assert assets.address("plotly.js").startswith("/dashboard/plotly.js?v=")
