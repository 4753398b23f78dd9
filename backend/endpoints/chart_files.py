"""The table of a chart as a CSV file that a browser saves."""

import re

from flask import Response

from backend.dashboard.csv import to_csv
from backend.dashboard.entities import Chart
from backend.review.table import BYTE_ORDER_MARK


def answer_csv(chart: Chart, name: str) -> Response:
    """Return the chart's table as a file, named after what the page is of (`name`) and the chart."""
    safe = re.sub(r"[^A-Za-z0-9.+-]", "-", f"{name}-{chart.key}")
    return Response(
        (BYTE_ORDER_MARK + to_csv(chart.table)).encode(),
        content_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{safe}.csv"'},
    )
