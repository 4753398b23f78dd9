"""Write regions as Label Studio results. The only place where geometry is percent.

Label Studio's `x`, `y`, `width` and `height` are percent of the original image's width and height.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from backend.entities import Box, ControlTag, ImageSize, Prediction, Region

# 12 hexadecimal digits: a clash among 1 000 regions of a task has a chance of about 2e-9.
REGION_ID_DIGITS = 12
FAILED_SUFFIX = ".failed"


def region_id(project_id: int | None, task_id: int | None, version: str, index: int) -> str:
    """Return the region's stable id: letters and digits, equal for equal arguments.

    `index` is the region's place in its prediction, from 0.
    """
    text = f"{project_id}\n{task_id}\n{version}\n{index}"
    return hashlib.sha256(text.encode()).hexdigest()[:REGION_ID_DIGITS]


def prediction_to_json(prediction: Prediction, controls: Mapping[str, ControlTag]) -> dict[str, Any]:
    """Return one entry of `/predict`'s results.

    A failed prediction names another version than the model's: Label Studio predicts a task again only
    while it has no prediction of the version in service, so the image gets its second chance.
    """
    version = prediction.version + (FAILED_SUFFIX if prediction.failure else "")
    results = [region_to_json(region, controls[region.control]) for region in prediction.regions]
    return {"result": results, "score": round(prediction.score, 6), "model_version": version}


def region_to_json(region: Region, control: ControlTag) -> dict[str, Any]:
    """Return one region as Label Studio stores it."""
    size = region.size
    return {
        "id": region.id,
        "from_name": control.name,
        "to_name": control.to_name,
        "type": control.type.lower(),
        "original_width": size.width,
        "original_height": size.height,
        "image_rotation": 0,
        "score": round(region.score, 6),
        "value": {**box_to_percent(region.geometry, size), control.type.lower(): [region.label]},
    }


def box_to_percent(box: Box, size: ImageSize) -> dict[str, float]:
    """Return a pixel box as Label Studio's rectangle, percent of the image, rotation in degrees."""
    return {
        "x": 100 * box.x1 / size.width,
        "y": 100 * box.y1 / size.height,
        "width": 100 * box.width / size.width,
        "height": 100 * box.height / size.height,
        "rotation": 0,
    }
