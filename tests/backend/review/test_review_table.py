"""The review table's rows as JSON and CSV, and dates in filters."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from backend.errors import BadRequest
from backend.review.entities import ReviewState
from backend.review.table import COLUMNS, Review, read_since, review_to_json, reviews_to_csv

URL = "http://studio"
ROW = Review(
    project=7,
    task=4,
    image="/data/upload/4.jpg",
    state=ReviewState.VIEWED,
    predicted=5,
    kept=2,
    adjusted=1,
    relabelled=1,
    deleted=1,
    added=0,
    annotator=3,
    annotations=1,
    version="v1",
    is_blind=False,
    reviewed_at=datetime(2025, 3, 1, 12, 30, 15, 999, tzinfo=UTC),
)


def csv_of(*rows: Review) -> str:
    return "".join(reviews_to_csv([rows], label_studio_url=URL))


def test_json_has_the_columns_in_order_and_a_link_to_the_task() -> None:
    row = review_to_json(ROW, label_studio_url=URL)
    assert tuple(row) == COLUMNS
    assert row["link"] == "http://studio/projects/7/data?task=4"
    assert (row["blind"], row["reviewed_at"]) == (False, "2025-03-01T12:30:15.000999+00:00")


def test_csv_is_rfc_4180_with_times_that_spreadsheets_read() -> None:
    assert csv_of(replace(ROW, image='a,"b".jpg', annotator=None, is_blind=True)).split("\r\n") == [
        "task,image,state,predicted,kept,adjusted,relabelled,deleted,added,annotator,annotations,version,blind,"
        "reviewed_at,link",
        '4,"a,""b"".jpg",viewed,5,2,1,1,1,0,,1,v1,true,2025-03-01 12:30:15,http://studio/projects/7/data?task=4',
        "",
    ]


def test_csv_of_nothing_is_its_headings() -> None:
    assert "".join(reviews_to_csv([], label_studio_url=URL)) == ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(start: str) -> None:
    text = start + "cmd|' /C calc'!A0"
    (row,) = csv.DictReader(io.StringIO(csv_of(replace(ROW, image=text, version=text)), newline=""))
    assert row["image"] == row["version"] == "'" + text


def test_csv_asks_for_a_page_only_when_the_last_one_is_taken() -> None:
    asked: list[int] = []

    def pages() -> Iterator[list[Review]]:
        for number in range(3):
            asked.append(number)
            yield [ROW]

    pieces = reviews_to_csv(pages(), label_studio_url=URL)
    next(pieces)
    assert asked == []
    next(pieces)
    assert asked == [0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2025-03-01", datetime(2025, 3, 1, tzinfo=UTC), id="date"),
        pytest.param("2025-03-01T12:00:00Z", datetime(2025, 3, 1, 12, tzinfo=UTC), id="utc"),
        pytest.param(
            "2025-03-01 12:00+02:00",
            datetime(2025, 3, 1, 12, tzinfo=timezone(timedelta(hours=2))),
            id="other zone",
        ),
    ],
)
def test_since_is_a_date_or_time(text: str, moment: datetime) -> None:
    found = read_since(text)
    assert found == moment and found.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13-01", "1.3.2025", "0001-01-01T00:00:00+14:00"])
def test_other_words_for_since_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="expected an ISO 8601 date or time"):
        read_since(text)
