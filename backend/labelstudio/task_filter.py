"""Read a condition on tasks as people write it, as a filter of Label Studio's Data Manager. Pure.

Operators, types and values are those of Label Studio 1.23 (its data_manager/managers.py).
"""

import difflib
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backend.errors import BadRequest

ACCEPTED = (
    "Accepted are conditions such as id>100, total_annotations=0, predictions_score<0.4, "
    "created_at>2026-01-31, data.camera=fog, data.image contains night, "
    "predictions_model_versions not contains yolo; a name without data. that is no column is a field of the "
    "task's data too. Comparisons: = != > >= < <= contains, not contains."
)
MAX_CHARS = 500
_NUMBER_COLUMNS = frozenset(
    {
        "id",
        "inner_id",
        "total_annotations",
        "cancelled_annotations",
        "total_predictions",
        "predictions_score",
        "avg_lead_time",
    }
)
_TIME_COLUMNS = frozenset({"created_at", "updated_at", "completed_at"})
_TEXT_COLUMNS = frozenset({"file_upload", "storage_filename"})
_VERSIONS = "predictions_model_versions"
_COLUMNS = _NUMBER_COLUMNS | _TIME_COLUMNS | _TEXT_COLUMNS | {_VERSIONS}
# Columns of the Data Manager whose filters take no text that a person would write.
_OTHER_COLUMNS = frozenset(
    {
        "annotators",
        "annotations_ids",
        "annotations_results",
        "predictions_results",
        "draft_exists",
        "updated_by",
    }
)
# A field of the task's data may be called by a name without a dot too; other characters Label Studio
# cannot make a query of.
_CONDITION = re.compile(
    r"\s*(?P<name>\w[\w.\-]*)(?:\s*(?P<sign>[<>!=]=?|==)\s*|\s+(?P<word>(?:not\s+)?contains)\s+)(?P<value>.*)",
    re.DOTALL,
)
_SIGNS = {
    "=": "equal",
    "==": "equal",
    "!=": "not_equal",
    ">": "greater",
    ">=": "greater_or_equal",
    "<": "less",
    "<=": "less_or_equal",
}
_ORDERING = frozenset({"greater", "greater_or_equal", "less", "less_or_equal"})
_EQUALITY = frozenset({"equal", "not_equal"})
_CONTAINS = frozenset({"contains", "not_contains"})
_CLOSE = 0.8  # of difflib's ratio: one letter wrong, missing or swapped in a column's name


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """One condition that a task must meet.

    `column` is a column of the Data Manager or `data.` and the name of a field; `operator`, `type` and
    `value` are as the Data Manager has them.
    """

    column: str
    operator: str
    type: str
    value: str | int | float | tuple[str, ...]

    def to_item(self) -> dict[str, Any]:
        """Return the condition as one item of the Data Manager's filters."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {
            "filter": f"filter:tasks:{self.column}",
            "operator": self.operator,
            "type": self.type,
            "value": value,
        }


def parse_filter(text: object) -> TaskFilter:
    """Read one condition.

    Quotes around the value make a number text: data.code="007". Texts are compared exactly, while
    "contains" ignores case. Times are ISO 8601, of UTC where they name no zone.

    Raises:
        BadRequest: not such a condition; the message says what came and what is accepted.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_CHARS:
        raise BadRequest(f"A filter is {_shown(text)}; expected a condition as text. {ACCEPTED}")
    found = _CONDITION.fullmatch(text)
    operator = _operator(found) if found else None
    if found is None or operator is None or not found["value"].strip():
        raise BadRequest(f"The filter {_shown(text)} is no condition. {ACCEPTED}")
    column = _column(found["name"], text)
    value = found["value"].strip()
    if column in _TIME_COLUMNS:
        return _of_time(column, operator, value, text)
    if column in _NUMBER_COLUMNS:
        return _of_number(column, operator, value, text)
    if column == _VERSIONS:
        _require(operator, _CONTAINS, column, text)
        return TaskFilter(column, operator, "List", (_unquoted(value),))
    if column in _TEXT_COLUMNS:
        _require(operator, _CONTAINS | _EQUALITY, column, text)
        return TaskFilter(column, operator, "String", _unquoted(value))
    number = None if operator in _CONTAINS else _number(value)
    if number is not None:
        return TaskFilter(column, operator, "Number", number)
    return TaskFilter(column, operator, "String", _unquoted(value))


def _operator(found: re.Match[str]) -> str | None:
    if found["word"]:
        return "_".join(found["word"].split())
    return _SIGNS.get(found["sign"])


def _column(name: str, text: str) -> str:
    if name in _COLUMNS or (name.startswith("data.") and len(name) > len("data.")):
        return name
    close = difflib.get_close_matches(name, _COLUMNS, n=1, cutoff=_CLOSE)
    if name in _OTHER_COLUMNS or name == "data" or close or "." in name:
        guess = f"did you mean {close[0]}?" if close else "tasks cannot be filtered by that here."
        raise BadRequest(f"The filter {_shown(text)} names {name}: {guess} {ACCEPTED}")
    return f"data.{name}"


def _of_time(column: str, operator: str, value: str, text: str) -> TaskFilter:
    _require(operator, _ORDERING, column, text)
    try:
        moment = datetime.fromisoformat(_unquoted(value))
    except ValueError:
        raise BadRequest(
            f"The filter {_shown(text)} compares {column} with what is no date; expected one such as "
            "2026-01-31 or 2026-01-31T08:30:00+01:00."
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    # The one form that Label Studio reads.
    return TaskFilter(column, operator, "Datetime", moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _of_number(column: str, operator: str, value: str, text: str) -> TaskFilter:
    _require(operator, _ORDERING | _EQUALITY, column, text)
    number = _number(value)
    if number is None:
        raise BadRequest(f"The filter {_shown(text)} compares {column} with what is no number. {ACCEPTED}")
    return TaskFilter(column, operator, "Number", number)


def _number(value: str) -> int | float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _require(operator: str, allowed: frozenset[str], column: str, text: str) -> None:
    if operator not in allowed:
        names = {name: sign for sign, name in _SIGNS.items() if sign != "=="}
        signs = " ".join(sorted(names.get(name, name.replace("_", " ")) for name in allowed))
        raise BadRequest(
            f"The filter {_shown(text)} does not go with {column}; it can be compared by {signs}."
        )


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _shown(text: object) -> str:
    return repr(text if isinstance(text, str) else type(text).__name__)[:200]
