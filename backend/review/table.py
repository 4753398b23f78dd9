"""The review table: a row for each task, the filters on it, and both as JSON and CSV. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backend.errors import BadRequest
from backend.review.entities import ReviewState

COLUMNS = (
    "task",
    "image",
    "state",
    "predicted",
    "kept",
    "adjusted",
    "relabelled",
    "deleted",
    "added",
    "annotator",
    "annotations",
    "version",
    "blind",
    "reviewed_at",
    "link",
)
# Without it Excel reads a CSV file in the code page of its machine, and "Müller.jpg" comes out wrong.
BYTE_ORDER_MARK = "\ufeff"
# https://owasp.org/www-community/attacks/CSV_Injection; the last four are wide forms of the first four.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


@dataclass(frozen=True, slots=True)
class Review:
    """A task as the table shows it.

    The counts are of the corrections of the annotation that decides, None where nothing was shown to its
    annotator. `predicted` is how many regions were shown; of a task that nobody has viewed, how many wait in
    it; of a viewed blind one, how many were kept back. `version` is of the prediction compared with.
    """

    project: int
    task: int
    image: str | None
    state: ReviewState
    predicted: int | None
    kept: int | None
    adjusted: int | None
    relabelled: int | None
    deleted: int | None
    added: int | None
    annotator: int | None
    annotations: int
    version: str | None
    is_blind: bool
    reviewed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Which tasks are asked for; None asks for nothing. All that is asked for must hold.

    `corrected` asks for tasks with a region adjusted, relabelled, deleted or added; False for those that were
    compared and left as they were. `since` is the earliest `reviewed_at`.
    """

    state: ReviewState | None = None
    annotator: int | None = None
    version: str | None = None
    corrected: bool | None = None
    is_blind: bool | None = None
    since: datetime | None = None


def read_since(text: str) -> datetime:
    """Read an ISO 8601 date or time; without a time zone it is UTC.

    Raises:
        BadRequest: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(
            f'"since" is {text[:80]!r}; expected an ISO 8601 date or time such as 2025-03-01 or '
            "2025-03-01T12:00:00Z."
        ) from None


def review_to_json(review: Review, *, label_studio_url: str) -> dict[str, Any]:
    """Return the row with the keys of COLUMNS, in their order; the time in ISO 8601.

    `label_studio_url` has no closing slash.
    """
    special = {
        "blind": review.is_blind,
        "reviewed_at": review.reviewed_at.isoformat() if review.reviewed_at else None,
        "link": f"{label_studio_url}/projects/{review.project}/data?task={review.task}",
    }
    return {name: special[name] if name in special else getattr(review, name) for name in COLUMNS}


def reviews_to_csv(pages: Iterable[Sequence[Review]], *, label_studio_url: str) -> Iterator[str]:
    """Yield RFC 4180 text: the headings, then one piece for each page.

    Times are "YYYY-MM-DD HH:MM:SS" in UTC, which spreadsheets read as times. A text that a spreadsheet would
    run as a formula gets a leading apostrophe.
    """
    yield _lines([COLUMNS])
    for page in pages:
        rows = (review_to_json(review, label_studio_url=label_studio_url) for review in page)
        yield _lines([_cell(name, value) for name, value in row.items()] for row in rows)


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    if name == "reviewed_at":
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S}"
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value
