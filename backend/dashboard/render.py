"""Turn values into pages: templates, and how figures and times are written in them."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from backend.dashboard.assets import Assets
from backend.dashboard.charts.names import short_version
from backend.dashboard.charts.project import section_of
from backend.dashboard.entities import Cell, Column, Table
from backend.stats.intervals import Estimate

# What stands where there is no figure.
NOTHING = "–"
_DIGITS = 2
_TOKEN = r"[^\s.,;:()]+(?:[.:][^\s.,;:()]+)*"
# Options, numbers, and names in capitals or with a number belong to a command; other words to the sentence.
_ARGUMENT = rf"--[a-z-]+|(?=\S*[0-9]){_TOKEN}|[A-Z_]{{2,}}(?:\.[a-z]+)?(?!\w)"
_COMMAND = re.compile(rf"python -m backend(?: [a-z-]+(?: (?:{_ARGUMENT}))*)?")
_SPANS = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


class Renderer:
    """Pages from the templates of this package; whatever is put in them is escaped."""

    def __init__(self, assets: Assets) -> None:
        environment = Environment(
            loader=PackageLoader("backend.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals["assets"] = assets
        environment.policies["json.dumps_kwargs"] = {"default": _json_value, "separators": (",", ":")}
        environment.filters.update(
            number=number,
            percent=percent,
            interval=interval,
            date=written_date,
            ago=ago,
            count=count,
            cell=cell,
            commands=commands,
            numeric_columns=numeric_columns,
            short=short_version,
            section=section_of,
        )
        environment.tests["moment"] = is_moment
        self._environment = environment

    def page(self, template: str, values: Mapping[str, Any], *, is_file: bool = False) -> str:
        """Return a page as HTML.

        Args:
            template: Its file's name.
            values: What it shows. `message` and `message_tone` are optional: a line above all.
            is_file: Whether it must stand alone: style and scripts are then within, and what leads to the
                server is left out, actions above all.
        """
        optional = {"message": "", "message_tone": "good", "is_file": is_file}
        return self._environment.get_template(template).render({**optional, **values})


def number(value: float | None, digits: int = _DIGITS) -> str:
    """Return a figure with so many digits after the point."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share of 1 in percent."""
    return NOTHING if share is None else f"{100 * share:.{digits}f} %"


def interval(estimate: Estimate | None, digits: int = _DIGITS) -> str:
    """Return a figure with the ends of its interval, as in "0.71 (0.66 to 0.75)"."""
    if estimate is None:
        return NOTHING
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def written_date(moment: date | datetime | None) -> str:
    """Return a day, or a moment in UTC, as in "2 March 2026, 09:30 UTC"."""
    if moment is None:
        return NOTHING
    if not isinstance(moment, datetime):
        return f"{moment.day} {moment:%B %Y}"
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, in its largest whole unit."""
    if moment is None:
        return NOTHING
    seconds = (now - moment).total_seconds()
    for length, unit in _SPANS:
        if seconds >= length:
            whole = int(seconds // length)
            return f"{whole} {unit}{'s' if whole > 1 else ''} ago"
    return "just now"


def count(value: int | None) -> str:
    """Return a whole number, its thousands apart by a narrow space that does not break."""
    return NOTHING if value is None else f"{value:,}".replace(",", "\u202f")


def cell(value: Cell, column: Column) -> str:
    """Return what stands in a cell of a table; whole numbers as they are, since they may be ids."""
    match value:
        case None:
            return NOTHING
        case float():
            return f"{value:.{_DIGITS if column.digits is None else column.digits}f}"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
        case date():
            return value.isoformat()
    return str(value)


def commands(text: str) -> Markup:
    """Return a sentence in which lines for the command line stand out."""
    parts, end = [], 0
    for found in _COMMAND.finditer(text):
        parts += [escape(text[end : found.start()]), Markup("<code>{}</code>").format(found.group())]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def numeric_columns(table: Table) -> frozenset[int]:
    """Return the places of the columns that hold numbers, and nothing else but gaps."""
    columns = enumerate(zip(*table.rows, strict=True))
    known = ((place, [cell for cell in cells if cell is not None]) for place, cells in columns)
    return frozenset(
        place for place, cells in known if cells and all(isinstance(cell, (int, float)) for cell in cells)
    )


def is_moment(value: object) -> bool:
    """Return whether a cell holds a day or a time."""
    return isinstance(value, date)


def _json_value(value: object) -> str:
    """Return what plotly reads a day or a moment from."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"A chart holds {type(value).__name__}; expected plain values, dates and times.")
