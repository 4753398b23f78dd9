"""From a model's detections to regions that can be compared with an example's labels. Pure."""

from collections.abc import Mapping, Sequence

from backend.entities import ControlTag, Detection, ImageSize, Region
from backend.inference.regions import TagFindings, build_regions
from backend.labelstudio.label_config import label_map
from backend.training.entities import TrainingTarget

_POINTS = "KeyPointLabels"
# Shapes stay as the model has them: a polygon would be one step further from the mask.
_TYPES = {"segment": "BrushLabels", "classify": "Choices"}
# Key points that people are not shown count too, as in COCO's evaluation.
_ALL_POINTS = {"model_point_threshold": "0"}
_UNUSED_LIMIT = 3


def label_classes(
    class_names: Sequence[str], target: TrainingTarget, controls: Sequence[ControlTag]
) -> dict[str, str]:
    """Return the target's label of each class of a model; classes without one are left out.

    The labeling config decides as it does when predictions are shown; what it does not name is found by equal
    spelling, then by equal spelling but for case.

    Args:
        class_names: The model's own.
        target: What is to be found.
        controls: Of the project's labeling config; none where it is not known.
    """
    exact = {label: label for label in target.labels}
    by_lower = {label.lower(): label for label in reversed(target.labels)}
    found = {name: exact.get(name) or by_lower.get(name.lower()) for name in class_names}
    for control in reversed(controls):
        if control.name in target.controls and control.type != _POINTS:
            mapped = label_map(control, class_names)
            found |= {name: label for name, label in mapped.items() if label in exact}
    return {name: label for name, label in found.items() if label is not None}


def found_regions(
    detections: Sequence[Detection],
    size: ImageSize,
    *,
    labels: Mapping[str, str],
    target: TrainingTarget,
) -> tuple[Region, ...]:
    """Return the regions that the detections in one image stand for; a pose's points have its box as parent.

    Args:
        detections: Of the model, in pixels.
        size: Of the image.
        labels: By class.
        target: What is to be found.
    """
    shapes = _control(_TYPES.get(target.task, "RectangleLabels"), target.controls[0])
    found = [TagFindings(shapes, labels, {}, tuple(detections), size)]
    if target.task == "pose":
        points = dict.fromkeys(labels, dict(enumerate(target.keypoints)))
        tag = _control(_POINTS, target.controls[-1])
        found.append(TagFindings(tag, {}, points, tuple(detections), size))
    return build_regions(found, polygon_points=_UNUSED_LIMIT, identify=lambda index: f"found{index}")


def _control(kind: str, name: str) -> ControlTag:
    return ControlTag(
        type=kind,
        name=name,
        to_name="image",
        image_value="$image",
        labels=(),
        attributes=_ALL_POINTS if kind == _POINTS else {},
    )
