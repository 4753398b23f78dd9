"""A table as CSV (RFC 4180), for spreadsheets and programs."""

import csv
import io
from datetime import date

from backend.dashboard.entities import Cell, Column, Table
from backend.review.table import FORMULA_STARTS


def to_csv(table: Table) -> str:
    """Return a table's heading and rows, lines ended by CR LF, numbers with all their digits.

    Text that a spreadsheet would take for a formula begins with an apostrophe. Days and times are in ISO
    8601; what is not known is empty.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow([_text(_heading(column)) for column in table.columns])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    return lines.getvalue()


def _heading(column: Column) -> str:
    return f"{column.name} ({column.unit})" if column.unit else column.name


def _plain(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, date):
        return cell.isoformat()
    return _text(cell) if isinstance(cell, str) else cell


def _text(text: str) -> str:
    # Spaces before it do not keep a formula from being one everywhere.
    is_formula = text.lstrip(" ").startswith(FORMULA_STARTS)
    return f"'{text}" if is_formula else text
