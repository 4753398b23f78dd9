"""Write regions as Label Studio results. The only place where geometry is percent.

Label Studio's `x`, `y`, `width` and `height` are percent of the original image's width and height.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from backend.entities import (
    Box,
    ControlTag,
    Geometry,
    ImageSize,
    Mask,
    Point,
    Polygon,
    Prediction,
    Region,
    RotatedBox,
)
from backend.geometry import rotated_box_corners
from backend.labelstudio.label_config import number
from backend.rle import encode_cut_out

# 12 hexadecimal digits: a clash among 1 000 regions of a task has a chance of about 2e-9.
REGION_ID_DIGITS = 12
FAILED_SUFFIX = ".failed"
# Radius of a key point on the page where the tag sets no `model_point_size`, percent of the image's width.
POINT_PERCENT = 0.5
# Decimals of a polygon's percent: a ten-thousandth is a hundredth of a pixel of 10 000.
_POLYGON_DECIMALS = 4


def region_id(project_id: int | None, task_id: int | None, version: str, index: int) -> str:
    """Return the region's stable id: letters and digits, equal for equal arguments.

    `index` is the region's place in its prediction, from 0.
    """
    text = f"{project_id}\n{task_id}\n{version}\n{index}"
    return hashlib.sha256(text.encode()).hexdigest()[:REGION_ID_DIGITS]


def prediction_to_json(prediction: Prediction, controls: Mapping[str, ControlTag]) -> dict[str, Any]:
    """Return one entry of `/predict`'s results.

    A failed prediction names another version than the model's: Label Studio predicts a task again only
    while it has no prediction of the version in service, so the image gets its second chance. A blind one
    names the model's version and score, so that it is not asked for again, and shows nothing.
    """
    version = prediction.version + (FAILED_SUFFIX if prediction.failure else "")
    results = [] if prediction.blind else regions_to_json(prediction.regions, controls)
    return {"result": results, "score": round(prediction.score, 6), "model_version": version}


def suggestion_to_json(region: Region | None, control: ControlTag | None, *, version: str) -> dict[str, Any]:
    """Return the answer to a smart tool: one region on its tag, or none."""
    results = [] if region is None or control is None else [region_to_json(region, control)]
    return {"result": results, "score": region.score if region else 0.0, "model_version": version}


def regions_to_json(regions: Sequence[Region], controls: Mapping[str, ControlTag]) -> list[dict[str, Any]]:
    """Return regions as Label Studio stores them, in order; all classes of one Choices tag are one result."""
    results: list[dict[str, Any]] = []
    choices: dict[str, dict[str, Any]] = {}
    for region in regions:
        if region.geometry is None and region.control in choices:
            choices[region.control]["value"]["choices"].append(region.label)
            continue
        result = region_to_json(region, controls[region.control])
        results.append(result)
        if region.geometry is None:
            choices[region.control] = result
    return results


def region_to_json(region: Region, control: ControlTag) -> dict[str, Any]:
    """Return one region as Label Studio stores it.

    Raises:
        LabelConfigError: the tag's `model_point_size` is no number.
    """
    size = region.size
    kind = control.type.lower()
    result = {
        "id": region.id,
        "from_name": control.name,
        "to_name": control.to_name,
        "type": kind,
        "original_width": size.width,
        "original_height": size.height,
        "image_rotation": 0,
        "score": round(region.score, 6),
        "value": {**_geometry_to_json(region.geometry, size, control), kind: [region.label]},
    }
    return result if region.parent is None else {**result, "parentID": region.parent}


def box_to_percent(box: Box, size: ImageSize) -> dict[str, float]:
    """Return a pixel box as Label Studio's rectangle, percent of the image, rotation in degrees."""
    return {
        "x": 100 * box.x1 / size.width,
        "y": 100 * box.y1 / size.height,
        "width": 100 * box.width / size.width,
        "height": 100 * box.height / size.height,
        "rotation": 0,
    }


def rotated_box_to_percent(box: RotatedBox, size: ImageSize) -> dict[str, float]:
    """Return a rotated pixel box as Label Studio's rectangle.

    There (x, y) is the corner about which the box is turned, by `rotation` degrees clockwise; `width` and
    `height` lie along the turned sides, yet they are percent of the image's width and height. Any corner of
    a box may be that one: the top left is taken, unless a value would pass 100, which Label Studio refuses,
    and another corner avoids that.
    """
    written = []
    for turns, (x, y) in enumerate(rotated_box_corners(box)):
        width, height = (box.height, box.width) if turns % 2 else (box.width, box.height)
        upright = box_to_percent(Box(x, y, x + width, y + height), size)
        written.append({**upright, "rotation": (box.angle + 90 * turns) % 360})
    accepted = (w for w in written if max(w["x"], w["y"], w["width"], w["height"]) <= 100)
    return next(accepted, written[0])


def _geometry_to_json(geometry: Geometry | None, size: ImageSize, control: ControlTag) -> dict[str, Any]:
    match geometry:
        case None:
            return {}
        case Box():
            return box_to_percent(geometry, size)
        case RotatedBox():
            return rotated_box_to_percent(geometry, size)
        case Polygon():
            return {"points": _points_to_percent(geometry, size), "closed": True}
        case Mask(x=x, y=y, pixels=pixels):
            code = encode_cut_out(pixels, x=x, y=y, width=size.width, height=size.height)
            return {"format": "rle", "rle": code}
        case Point(x=x, y=y):
            width = _point_percent(size, control)
            return {"x": 100 * x / size.width, "y": 100 * y / size.height, "width": width}


def _points_to_percent(polygon: Polygon, size: ImageSize) -> list[list[float]]:
    return [
        [round(100 * x / size.width, _POLYGON_DECIMALS), round(100 * y / size.height, _POLYGON_DECIMALS)]
        for x, y in polygon.points
    ]


def _point_percent(size: ImageSize, control: ControlTag) -> float:
    """Return a key point's radius, percent of the image's width; the tag's attribute is in pixels."""
    return 100 * number(control, "model_point_size", POINT_PERCENT * size.width / 100) / size.width
