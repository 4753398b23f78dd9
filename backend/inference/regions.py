"""From detections to the regions of one prediction: what each control tag can hold of each finding. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.contours import mask_to_polygon
from backend.entities import (
    Box,
    ControlTag,
    Detection,
    Geometry,
    ImageSize,
    Keypoint,
    Mask,
    Point,
    Region,
    RotatedBox,
)
from backend.geometry import clip_box, clip_mask, overlap_area
from backend.labelstudio.label_config import number

# A point of which the model is less sure than of its opposite is not shown unless the tag asks for it.
POINT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class TagFindings:
    """What a model found for one control tag, in one image of `size`.

    `label_map` names the label of a class, `points` that of a class and the number of its key point;
    detections of other classes are left out. A detection that two tags share is one and the same object.
    """

    control: ControlTag
    label_map: Mapping[str, str]
    points: Mapping[str, Mapping[int, str]]
    detections: tuple[Detection, ...]
    size: ImageSize


@dataclass(frozen=True, slots=True)
class _Draft:
    """A region to be: everything but its own id and its parent's."""

    tag: TagFindings
    detection: Detection
    label: str
    score: float
    geometry: Geometry | None


def build_regions(
    found: Sequence[TagFindings], *, polygon_points: int, identify: Callable[[int], str]
) -> tuple[Region, ...]:
    """Return the regions of a prediction, tag by tag, in the order of their detections.

    - RectangleLabels: the box clipped to the image, or a rotated box as it is; clipped, it would be none.
    - PolygonLabels, BrushLabels: the mask, of which as much lies in the image.
    - KeyPointLabels: one region for each labelled point whose score reaches the tag's
      `model_point_threshold`. Points outside the image are dropped: clipped, they would mark a place where
      nothing is. A point's parent is the rectangle that another tag on the same image makes of its object.
      Its score is that of the object times that of the point: both must be right.
    - Choices: the surest class, or with `choice="multiple"` every class, surest first, each label once.

    A shape without area in the image is left out.

    Args:
        found: One entry for each control tag.
        polygon_points: Most points of a polygon.
        identify: Returns the id of the region at a place in the prediction, from 0.

    Raises:
        LabelConfigError: `model_point_threshold` is no number from 0 to 1.
    """
    drafts = [draft for tag in found for draft in _drafts(tag, polygon_points)]
    ids = [identify(index) for index in range(len(drafts))]
    rectangles: dict[tuple[str, int], str] = {}
    for identity, draft in zip(ids, drafts, strict=True):
        if draft.tag.control.type == "RectangleLabels":
            rectangles.setdefault(_object(draft), identity)
    return tuple(
        Region(
            id=identity,
            control=draft.tag.control.name,
            label=draft.label,
            score=draft.score,
            geometry=draft.geometry,
            size=draft.tag.size,
            parent=rectangles.get(_object(draft)) if isinstance(draft.geometry, Point) else None,
        )
        for identity, draft in zip(ids, drafts, strict=True)
    )


def shown_choices(tag: TagFindings) -> list[Detection]:
    """Return the detections that a Choices tag shows, surest first."""
    surest: dict[str, Detection] = {}
    for detection in sorted(tag.detections, key=lambda detection: detection.score, reverse=True):
        if detection.class_name in tag.label_map:
            surest.setdefault(tag.label_map[detection.class_name], detection)
    most = None if tag.control.attributes.get("choice") == "multiple" else 1
    return list(surest.values())[:most]


def _object(draft: _Draft) -> tuple[str, int]:
    """Return what two regions of one thing have in common: the image's tag and the very same detection."""
    return draft.tag.control.to_name, id(draft.detection)


def _drafts(tag: TagFindings, polygon_points: int) -> Iterator[_Draft]:
    if tag.control.type == "Choices":
        for detection in shown_choices(tag):
            yield _Draft(tag, detection, tag.label_map[detection.class_name], detection.score, None)
    elif tag.control.type == "KeyPointLabels":
        yield from _point_drafts(tag)
    else:
        for detection in tag.detections:
            label = tag.label_map.get(detection.class_name)
            if label is not None and (geometry := _geometry(tag, detection, polygon_points)) is not None:
                yield _Draft(tag, detection, label, detection.score, geometry)


def _point_drafts(tag: TagFindings) -> Iterator[_Draft]:
    least = number(tag.control, "model_point_threshold", POINT_THRESHOLD, most=1)
    for detection in tag.detections:
        points = detection.shape if isinstance(detection.shape, tuple) else ()
        labels = tag.points.get(detection.class_name, {})
        for index, point in enumerate(points):
            if index in labels and point.score >= least and _is_inside(point, tag.size):
                score = detection.score * point.score
                yield _Draft(tag, detection, labels[index], score, Point(point.x, point.y))


def _is_inside(point: Keypoint, size: ImageSize) -> bool:
    return 0 <= point.x <= size.width and 0 <= point.y <= size.height


def _geometry(tag: TagFindings, detection: Detection, polygon_points: int) -> Geometry | None:
    """Return what the tag holds of the detection; None where nothing of it lies in the image."""
    shape = detection.shape
    if tag.control.type == "RectangleLabels":
        return _rotated(shape, tag.size) if isinstance(shape, RotatedBox) else _upright(detection, tag.size)
    if not isinstance(shape, Mask):
        return None
    mask = clip_mask(shape, tag.size)
    if tag.control.type == "PolygonLabels":
        return mask_to_polygon(mask, max_points=polygon_points)
    return mask if mask.pixels.any() else None


def _upright(detection: Detection, size: ImageSize) -> Box | None:
    box = clip_box(detection.box, size) if detection.box else None
    return box if box and box.width > 0 and box.height > 0 else None


def _rotated(box: RotatedBox, size: ImageSize) -> RotatedBox | None:
    image = RotatedBox(size.width / 2, size.height / 2, size.width, size.height, 0)
    return box if overlap_area(image, box) > 0 else None
