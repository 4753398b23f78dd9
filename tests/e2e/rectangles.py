"""Rectangles as Label Studio's results have them: what they are called, how large they are, how they overlap.

All in percent of the image's width and height.
"""

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]


def rectangle(start: tuple[float, float], end: tuple[float, float]) -> Result:
    """Return the rectangle between two corners, (x, y) each: the top left and the bottom right."""
    (x, y), (right, bottom) = start, end
    return {"value": {"x": x, "y": y, "width": right - x, "height": bottom - y}}


def label_of(region: Result) -> str:
    """Return its only label."""
    (label,) = region["value"]["rectanglelabels"]
    return str(label)


def area(region: Result) -> float:
    """Return width times height."""
    return float(region["value"]["width"] * region["value"]["height"])


def iou(one: Result, other: Result) -> float:
    """Return the IoU of two upright rectangles of one image: the same number as in pixels."""
    a, b = one["value"], other["value"]
    across = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
    down = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (area(one) + area(other) - shared)


def a_little(region: Result) -> tuple[float, float]:
    """Return a distance (x, y) after which the rectangle has an IoU of about 0.6 with where it was."""
    return region["value"]["width"] / 6, region["value"]["height"] / 12
