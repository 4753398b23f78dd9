import csv
import io
from datetime import UTC, date, datetime

import pytest

from backend.dashboard.csv import to_csv
from backend.dashboard.entities import Cell, Column, Table


def written(*cells: Cell) -> list[str]:
    """Return a row as a reader of the CSV has it."""
    table = Table(tuple(Column(f"c{place}") for place in range(len(cells))), (cells,))
    return list(csv.reader(io.StringIO(to_csv(table), newline="")))[1]


def test_heading_names_columns_with_their_units() -> None:
    table = Table((Column("Week from"), Column("Share", "%", 1)), ((date(2026, 1, 5), 12.5),))
    assert to_csv(table) == "Week from,Share (%)\r\n2026-01-05,12.5\r\n"


def test_table_without_rows_has_its_heading() -> None:
    assert to_csv(Table((Column("Task"),), ())) == "Task\r\n"


def test_numbers_have_all_their_digits() -> None:
    assert written(0.1 + 0.2, 7, -3, -0.25) == ["0.30000000000000004", "7", "-3", "-0.25"]


def test_times_are_iso_8601_and_what_is_not_known_is_empty() -> None:
    assert written(datetime(2026, 3, 2, 9, 30, tzinfo=UTC), None) == ["2026-03-02T09:30:00+00:00", ""]


@pytest.mark.parametrize("text", ["a,b", 'say "no"', "two\r\nlines", "é → ü", "", " spaces "])
def test_text_comes_back_as_it_was(text: str) -> None:
    assert written(text, "x") == [text, "x"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("=1+1", id="equals"),
        pytest.param("+1", id="plus"),
        pytest.param("-1", id="minus"),
        pytest.param("@SUM(A1)", id="at"),
        pytest.param("\t=1", id="tab"),
        pytest.param("\r=1", id="return"),
        pytest.param("  =1", id="after spaces"),
        pytest.param("＝1", id="full-width equals"),
        pytest.param('=HYPERLINK("https://example.org")', id="link"),
    ],
)
def test_text_that_a_spreadsheet_would_work_out_begins_with_an_apostrophe(text: str) -> None:
    assert written(text, "x") == [f"'{text}", "x"]


def test_heading_is_no_formula_either() -> None:
    assert to_csv(Table((Column("=cmd"), Column("mAP50-95 of -x")), ())) == "'=cmd,mAP50-95 of -x\r\n"
