"""Turn an annotation's regions into the lines of ultralytics' data sets. Pure.

Owns which regions count and what is said of those that do not; `columns.py` owns the numbers.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from backend.entities import ImageSize, Mask, Point, Polygon, Region
from backend.training.entities import TrainingTarget
from retrain.dataset.columns import MISSING_POINT, box_columns, outline_columns, point_columns, turned_columns
from retrain.dataset.keypoints import Points, assign_points
from retrain.dataset.outlines import mask_outline

# Natural logarithm of how far the ratios of two sizes of one image may be apart: rounding makes some.
_RATIO_TOLERANCE = 0.02
# Overlap of a mask and its outline from which on the outline stands for it.
_MASK_IOU = 0.9

_COLUMNS = {
    "detect": box_columns,
    "obb": turned_columns,
    "segment": outline_columns,
    "pose": box_columns,
}


@dataclass(frozen=True, slots=True)
class LabelLines:
    """The labels of one image as `Example.labels` has them, and in words what could not be taken."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def label_lines(regions: Sequence[Region], target: TrainingTarget, size: ImageSize) -> LabelLines:
    """Return the labels that a model of the target learns from; nothing in a region raises.

    - detect, pose: the upright box around each region's shape.
    - obb: the four corners of a box, see `turned_columns`.
    - segment: the outline of each shape.
    - pose: after the box, of each key point of the target x, y and 2, or three zeros where it is missing.
    - classify: the number of the first class of the whole image; no line without one.

    Lines stand in the order of the regions, equal ones once.

    Args:
        regions: Of one annotation, as `read_regions` gives them; those of other control tags are passed over.
        target: What the model is to find.
        size: Of the decoded image, to tell that the regions were drawn on another one.
    """
    wanted = [region for region in regions if region.control in target.controls]
    known = [region for region in wanted if region.label in _labels(region, target)]
    problems = [*_other_sizes(wanted, size), *_unknown_labels(wanted, target)]
    if target.task == "classify":
        lines, more = _class_line(known, target)
    elif target.task == "pose":
        lines, more = _pose_lines(known, target)
    else:
        lines, more = _shape_lines(known, target)
    return LabelLines(tuple(dict.fromkeys(lines)), tuple(dict.fromkeys([*problems, *more])))


def _labels(region: Region, target: TrainingTarget) -> tuple[str, ...]:
    is_part = target.task == "pose" and isinstance(region.geometry, Point)
    return target.keypoints if is_part else target.labels


def _other_sizes(regions: Sequence[Region], size: ImageSize) -> list[str]:
    drawn_on = {region.size for region in regions if region.size.width and region.size.height}
    return [
        f"Regions were drawn on an image of {other.width} x {other.height} pixels, but it has {size.width} x "
        f"{size.height}: it was replaced since, or turned. Their labels may be wrong; look at the task."
        for other in sorted(drawn_on, key=lambda other: (other.width, other.height))
        if abs(math.log(other.width * size.height / (other.height * size.width))) > _RATIO_TOLERANCE
    ]


def _unknown_labels(regions: Sequence[Region], target: TrainingTarget) -> list[str]:
    counts = Counter(
        (region.control, region.label) for region in regions if region.label not in _labels(region, target)
    )
    return [
        f'"{label}" is no label of the tag "{control}" in the labeling config any more; {count} '
        f"{'region is' if count == 1 else 'regions are'} left out."
        for (control, label), count in counts.items()
    ]


def _class_line(regions: Sequence[Region], target: TrainingTarget) -> tuple[list[str], list[str]]:
    chosen = list(dict.fromkeys(region.label for region in regions if region.geometry is None))
    problems = []
    if len(chosen) > 1:
        names = ", ".join(f'"{label}"' for label in chosen)
        problems.append(f"The image has several classes ({names}); the first is taken.")
    return [str(target.labels.index(label)) for label in chosen[:1]], problems


def _shape_lines(regions: Sequence[Region], target: TrainingTarget) -> tuple[list[str], list[str]]:
    lines, problems = [], []
    for region in regions:
        geometry = region.geometry
        if target.task == "segment" and isinstance(geometry, Mask):
            geometry = mask_outline(geometry, region.size)
            problems += _rough_outline(region, geometry)
        columns = _COLUMNS[target.task](geometry, region.size)
        if columns is None:
            problems.append(_no_area(region))
        else:
            lines.append(_line(region, target, columns))
    return lines, problems


def _pose_lines(regions: Sequence[Region], target: TrainingTarget) -> tuple[list[str], list[str]]:
    things: list[tuple[Region, list[str]]] = []
    problems = []
    for region in regions:
        if isinstance(region.geometry, Point):
            continue
        columns = box_columns(region.geometry, region.size)
        if columns is None:
            problems.append(_no_area(region))
        else:
            things.append((region, columns))
    marks = [region for region in regions if isinstance(region.geometry, Point)]
    assigned, more = assign_points([thing for thing, _ in things], marks)
    lines = [
        _line(thing, target, [*columns, *_point_columns(points, target)])
        for (thing, columns), points in zip(things, assigned, strict=True)
    ]
    return lines, [*problems, *more]


def _point_columns(points: Points, target: TrainingTarget) -> list[str]:
    columns: list[str] = []
    for label in target.keypoints:
        region = points.get(label)
        if region is not None and isinstance(region.geometry, Point):
            columns += point_columns(region.geometry, region.size)
        else:
            columns += MISSING_POINT
    return columns


def _line(region: Region, target: TrainingTarget, columns: Sequence[str]) -> str:
    return " ".join([str(target.labels.index(region.label)), *columns])


def _no_area(region: Region) -> str:
    return f'Region {region.id} ("{region.label}") has no area inside the image; it is left out.'


def _rough_outline(region: Region, outline: Polygon | None) -> list[str]:
    if outline is None or outline.mask_iou is None or outline.mask_iou >= _MASK_IOU:
        return []
    return [
        f'One outline follows the mask of region {region.id} ("{region.label}") by {outline.mask_iou:.0%} '
        "only: it is of many parts, or full of holes. Draw a region for each part."
    ]
