"""Decide what one model of a project learns: which control tags, which labels, and in which order. Pure."""

from collections.abc import Iterable, Sequence

from backend.entities import ControlTag
from backend.errors import LabelConfigError
from backend.labelstudio.label_config import flag, takes_masks_of_boxes
from backend.sam.output import tags_to_fill
from backend.training.entities import TrainingTarget

_TASKS = {"PolygonLabels": "segment", "BrushLabels": "segment", "Choices": "classify"}
_BOXES, _POINTS = "RectangleLabels", "KeyPointLabels"
_MULTIPLE = "multiple"


def training_target(controls: Sequence[ControlTag]) -> TrainingTarget:
    """Return what the project's model learns. The first tag that can be trained decides.

    Tags with model_train="true" go before all others. Tags of the same task, image and `model_path` join the
    first one: one model learns the labels of them all. Boxes with key points on their image, from the same
    weights, make a pose; the boxes' labels are its classes then. A tag that takes masks of boxes learns the
    boxes; beside tags of boxes it does so only where they have no label in common, since both would show the
    same thing and a model that learns it twice finds it twice.

    Args:
        controls: Of the labeling config, in document order.

    Raises:
        LabelConfigError: no tag can be trained, or its attributes contradict each other.
    """
    usable = tags_to_fill(controls)
    chosen = [control for control in usable if flag(control, "model_train")] or usable
    obstacles = {control.name: _obstacle(control, usable) for control in chosen}
    candidates = [control for control in chosen if obstacles[control.name] is None]
    if not candidates:
        raise LabelConfigError(_nothing(obstacles.values()))
    lead = candidates[0]
    if lead.type == _POINTS:
        lead = _boxes_of(lead, usable)[0]
    points = [c for c in candidates if c.type == _POINTS and _is_beside(lead, c)]
    if points and _is_upright(lead):
        boxes = _joined(lead, [c for c in candidates if _is_upright(c)])
        return _target("pose", lead, boxes, points=points)
    task = _task(lead)
    same = [c for c in candidates if _task(c) == task]
    return _target(task, lead, _joined(lead, [c for c in same if not _shows_the_same(c, lead)]))


def _shows_the_same(control: ControlTag, lead: ControlTag) -> bool:
    is_masks = takes_masks_of_boxes(control) != takes_masks_of_boxes(lead)
    return is_masks and bool(set(control.labels) & set(lead.labels))


def _task(control: ControlTag) -> str | None:
    """Return what a model for the tag alone is; None for key points, which need boxes."""
    if control.type == _BOXES:
        return "detect" if _is_upright(control) else "obb"
    return "detect" if takes_masks_of_boxes(control) else _TASKS.get(control.type)


def _is_upright(control: ControlTag) -> bool:
    return control.type == _BOXES and not flag(control, "model_obb")


def _boxes_of(points: ControlTag, usable: Sequence[ControlTag]) -> list[ControlTag]:
    return [c for c in usable if _is_upright(c) and c.labels and _is_beside(points, c)]


def _is_beside(one: ControlTag, other: ControlTag) -> bool:
    """Tell whether one model can fill both: the same image, and no other weights named."""
    return (one.image_value, one.attributes.get("model_path")) == (
        other.image_value,
        other.attributes.get("model_path"),
    )


def _joined(lead: ControlTag, others: Iterable[ControlTag]) -> list[ControlTag]:
    return [lead, *(c for c in others if c.name != lead.name and _is_beside(lead, c))]


def _obstacle(control: ControlTag, usable: Sequence[ControlTag]) -> str | None:
    """Say why the tag cannot be trained; None where it can."""
    if not control.labels:
        return f'"{control.name}" has no labels of its own in the config.'
    if control.type == "Choices" and control.attributes.get("choice") == _MULTIPLE:
        return (
            f'"{control.name}" is Choices with choice="multiple": ultralytics trains classifiers that give '
            'an image one class. Use choice="single", or model_skip="true" to leave the tag to people.'
        )
    if control.type == "Choices" and flag(control, "perRegion"):
        return f'"{control.name}" chooses for regions, and a classifier is trained on whole images.'
    if control.type == _POINTS and not control.model_indices:
        return f'"{control.name}" has labels without model_index, the number of the key point from 0.'
    if control.type == _POINTS and not _boxes_of(control, usable):
        return (
            f'"{control.name}" has key points, and no <RectangleLabels> of the same image and model_path '
            "whose boxes say which of them belong together."
        )
    return None


def _nothing(obstacles: Iterable[str | None]) -> str:
    reasons = " ".join(filter(None, obstacles))
    return (
        "No tag of the labeling config can be trained"
        + (f": {reasons}" if reasons else ".")
        + " Expected RectangleLabels, PolygonLabels, BrushLabels, KeyPointLabels beside RectangleLabels, or "
        'Choices, on an <Image>, without model_skip="true".'
    )


def _target(
    task: str | None, lead: ControlTag, trained: Sequence[ControlTag], *, points: Sequence[ControlTag] = ()
) -> TrainingTarget:
    assert task is not None  # a lead is no KeyPointLabels
    labels = dict.fromkeys(label for control in trained for label in control.labels)
    return TrainingTarget(
        task=task,
        controls=tuple(control.name for control in (*trained, *points)),
        labels=tuple(labels),
        image_value=lead.image_value,
        keypoints=_keypoints(points),
    )


def _keypoints(points: Sequence[ControlTag]) -> tuple[str, ...]:
    found: dict[int, str] = {}
    for control in points:
        for label, index in control.model_indices.items():
            if found.setdefault(index, label) != label:
                raise LabelConfigError(
                    f'The labels "{found[index]}" and "{label}" both have model_index="{index}"; a trained '
                    "model has one label for each key point."
                )
    if sorted(found) != list(range(len(found))):
        raise LabelConfigError(
            f"The key points have the numbers {', '.join(map(str, sorted(found)))} in model_index; expected "
            f"all from 0 to {len(found) - 1}, as a trained model numbers them."
        )
    return tuple(found[index] for index in range(len(found)))
