"""From what a YOLO head says of one image to detections, one small adapter per task. Pure.

Boxes and key points come from ultralytics in pixels of the original image. Masks come as logits at the size
of the prototypes, and only the part that a box covers is ever brought to the size of the original: a mask
costs what its cut-out costs, not height times width.
"""

from math import ceil, degrees
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.entities import Box, Detection, Keypoint, Mask, RotatedBox

# Prototypes are a quarter of the network's input; `ultralytics.utils.ops.process_mask_native` says so too.
PROTOTYPE_STRIDE = 4


def detections(result: Any, task: str, *, threshold: float) -> list[Detection]:
    """Convert the result of one image, highest score first, in pixels of that image.

    Args:
        result: An `ultralytics.engine.results.Results`. `masks` holds logits, (n, H/4, W/4) of a network
            input of H x W pixels into which the image was letterboxed; above 0 is inside.
        task: detect, obb, segment, pose or classify.
        threshold: Lowest score, in [0, 1].
    """
    found = [d for d in _ADAPTERS[task](result.cpu().numpy()) if d.score >= threshold]
    return sorted(found, key=lambda d: d.score, reverse=True)


def _detect(result: Any) -> list[Detection]:
    return [Detection(*thing) for thing in _things(result.boxes, result.names)]


def _obb(result: Any) -> list[Detection]:
    # ultralytics turns by radians from x to y, and y points down: clockwise as seen.
    shapes = [RotatedBox(x, y, w, h, degrees(angle)) for x, y, w, h, angle in result.obb.xywhr.tolist()]
    things = _things(result.obb, result.names)
    return [Detection(*thing, shape) for thing, shape in zip(things, shapes, strict=True)]


def _segment(result: Any) -> list[Detection]:
    things = _things(result.boxes, result.names)
    masks = [
        _cut_out(logits, box, result.orig_shape)
        for logits, (_, _, box) in zip(result.masks.data, things, strict=True)
    ]
    return [Detection(*thing, mask) for thing, mask in zip(things, masks, strict=True) if mask.pixels.size]


def _pose(result: Any) -> list[Detection]:
    points = result.keypoints.data
    if points.shape[-1] == 2:  # this model says nothing of visibility
        points = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)
    shapes = [tuple(Keypoint(*point) for point in thing) for thing in points.tolist()]
    things = _things(result.boxes, result.names)
    return [Detection(*thing, shape) for thing, shape in zip(things, shapes, strict=True)]


def _classify(result: Any) -> list[Detection]:
    scores = result.probs.data.tolist()
    return [Detection(result.names[index], score, box=None) for index, score in enumerate(scores)]


_ADAPTERS = {"detect": _detect, "obb": _obb, "segment": _segment, "pose": _pose, "classify": _classify}


def _things(boxes: Any, names: dict[int, str]) -> list[tuple[str, float, Box]]:
    return [
        (names[int(label)], float(score), Box(*map(float, xyxy)))
        for xyxy, score, label in zip(boxes.xyxy, boxes.conf, boxes.cls, strict=True)
    ]


def _cut_out(logits: NDArray[np.float32], box: Box, image: tuple[int, int]) -> Mask:
    """Return the mask inside its box, cropped to what is true; `image` is its (height, width)."""
    # As in ultralytics' `crop_mask`, column c belongs to a box with x1 <= c < x2.
    left, top = ceil(box.x1), ceil(box.y1)
    width, height = ceil(box.x2) - left, ceil(box.y2) - top
    if width <= 0 or height <= 0:
        return Mask(left, top, np.zeros((0, 0), bool))
    (y_gain, y_offset), (x_gain, x_offset) = _to_prototype(logits.shape, image)
    affine = np.array([[x_gain, 0, x_gain * left + x_offset], [0, y_gain, y_gain * top + y_offset]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(logits, affine, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    pixels = inside > 0
    x, y, width, height = cv2.boundingRect(pixels.view(np.uint8))
    return Mask(left + x, top + y, pixels[y : y + height, x : x + width].copy())


def _to_prototype(cells: tuple[int, ...], image: tuple[int, int]) -> list[tuple[float, float]]:
    """Return (a, b) for y and for x: the centre of the image's pixel p lies at a * p + b in prototype cells.

    Gain and padding are rounded as `ultralytics.data.augment.LetterBox` rounds them.
    """
    inputs = [PROTOTYPE_STRIDE * count for count in cells]
    gain = min(side / original for side, original in zip(inputs, image, strict=True))
    found = []
    for side, original in zip(inputs, image, strict=True):
        resized = max(round(original * gain), 1)
        padding = round((side - resized) / 2 - 0.1)
        scale = resized / original / PROTOTYPE_STRIDE
        found.append((scale, scale / 2 + padding / PROTOTYPE_STRIDE - 0.5))
    return found
