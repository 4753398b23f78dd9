"""Plotly's layouts: axes and their titles. Colours, fonts and margins are the page's."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

Layout = dict[str, Any]

# Pixels of a row, and of what is above and below all rows.
_ROW, _FRAME = 28, 110
_LEAST_HEIGHT = 170
# Axes that count so little have a mark at each whole number or week, and none between.
_FEW = 5
_BESIDE_WEEKS = timedelta(days=4)


def over_versions(y: dict[str, Any]) -> Layout:
    """Return a chart by version, from left to right."""
    return {"xaxis": _category("Version"), "yaxis": y}


def over_weeks(y: dict[str, Any], weeks: Collection[date]) -> Layout:
    """Return a chart by week; `weeks` are those that it shows, by their Mondays."""
    axis: dict[str, Any] = {"title": {"text": "Week from"}, "type": "date"}
    # Plotly gives a single week no width, and would mark milliseconds of it.
    if weeks and max(weeks) - min(weeks) < timedelta(weeks=_FEW):
        ends = min(weeks) - _BESIDE_WEEKS, max(weeks) + _BESIDE_WEEKS
        axis["range"] = [end.isoformat() for end in ends]
        axis["tickvals"] = [week.isoformat() for week in sorted(set(weeks))]
        axis["tickformat"] = "%-d %b %Y"
    return {"xaxis": axis, "yaxis": y}


def over_numbers(title: str, y: dict[str, Any]) -> Layout:
    """Return a chart over numbers such as epochs or images."""
    return {"xaxis": {"title": {"text": title}, "rangemode": "tozero"}, "yaxis": y}


def over_names(title: str, y: dict[str, Any]) -> Layout:
    """Return a chart over names, from left to right."""
    return {"xaxis": _category(title), "yaxis": y}


def in_rows(count: int, x: dict[str, Any], *, barmode: str = "") -> Layout:
    """Return a chart of so many rows below each other, the first on top, as high as they need."""
    layout: Layout = {
        "xaxis": x,
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
        "height": max(_LEAST_HEIGHT, _FRAME + _ROW * count),
        "bargap": 0.35,
    }
    return {**layout, "barmode": barmode} if barmode else layout


def spread(layout: Layout) -> Layout:
    """Return the layout for figures side by side, which else would hide each other's intervals."""
    return {**layout, "scattermode": "group", "scattergap": 0.6}


def stacked(layout: Layout) -> Layout:
    """Return the layout for bars on top of each other, the legend in their order."""
    return {**layout, "barmode": "stack", "legend": {"traceorder": "normal"}}


def share_axis(title: str) -> dict[str, Any]:
    """Return the axis of a figure from 0 to 1."""
    return {"title": {"text": title}, "range": [-0.02, 1.04], "hoverformat": ".2f"}


def percent_axis() -> dict[str, Any]:
    """Return the axis of a figure from 0 to 100."""
    return {"title": {"text": "Percent"}, "range": [-2, 104], "hoverformat": ".0f"}


def open_axis(title: str) -> dict[str, Any]:
    """Return the axis of a figure that is at most 1 and may be below 0."""
    return {"title": {"text": title}, "hoverformat": ".2f"}


def number_axis(title: str, *, hover: str = ".3~g") -> dict[str, Any]:
    """Return the axis of a figure from 0 on."""
    return {"title": {"text": title}, "rangemode": "tozero", "hoverformat": hover}


def count_axis(title: str, most: int) -> dict[str, Any]:
    """Return the axis of things that are counted, so many at most."""
    axis = {"title": {"text": title}, "rangemode": "tozero", "hoverformat": "d"}
    return {**axis, "dtick": 1} if most <= _FEW else axis


def difference_axis(title: str) -> dict[str, Any]:
    """Return the axis of a figure that may be below 0, with 0 marked."""
    return {"title": {"text": title}, "zeroline": True, "hoverformat": "+.2f"}


def _category(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "type": "category"}
