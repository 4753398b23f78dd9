"""What becomes of a found mask: which control tag takes it, and in which geometry. Pure.

A prompt tag is one that people draw prompts with: it says smart="true", and what is drawn with it becomes a
region of another tag, or of its own, that has the label.
"""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from backend.contours import mask_to_polygon
from backend.entities import Box, ControlTag, Geometry, ImageSize, Mask, Region
from backend.errors import LabelConfigError
from backend.geometry import clip_mask
from backend.labelstudio.label_config import MASK_TYPES, flag, model_tasks
from backend.labelstudio.label_config_advice import listing
from backend.sam.cleaning import clean_mask
from backend.sam.entities import FoundMask

# By preference: what keeps most of a mask first.
OUTPUT_TYPES = (*MASK_TYPES, "RectangleLabels")
# The kinds of tags of which Label Studio sends what was drawn, of those that a mask can be made from.
_PROMPT_TYPES = ("KeyPointLabels", "RectangleLabels", "BrushLabels")
# Attributes that say that a model is to fill a tag, be it smart or not.
_WISHES = ("model_path", "model_train")


def choose_output(controls: Sequence[ControlTag], *, to_name: str, label: str) -> ControlTag:
    """Return the tag on an image that takes masks of a label: BrushLabels, PolygonLabels or RectangleLabels.

    The first kind that has the label is taken; `sam_skip="true"` leaves a tag out.

    Args:
        controls: Of the labeling config, in document order.
        to_name: Name of the image's tag.
        label: As the annotator chose it.

    Raises:
        LabelConfigError: there is none; names the label, the tags that there are, and the line to paste.
    """
    found = _output_of(controls, to_name, label)
    if found is None:
        raise LabelConfigError(_no_output(controls, to_name, label))
    return found


def has_smart_tools(controls: Sequence[ControlTag]) -> bool:
    """Tell whether a project asks for masks: it has a prompt tag with a label whose masks a tag takes.

    Label Studio makes every tag smart that does not say smart="false"; only one that says smart="true" asks.

    Raises:
        LabelConfigError: `sam_skip` is neither "true" nor "false".
    """
    return any(True for control in controls if prompt_outputs(control, controls))


def prompt_outputs(control: ControlTag, controls: Sequence[ControlTag]) -> dict[str, ControlTag]:
    """Return which tag takes the masks of each label of a prompt tag; empty for any other tag.

    Labels whose masks no tag takes are left out.

    Raises:
        LabelConfigError: `sam_skip` is neither "true" nor "false".
    """
    if not is_prompt_tag(control):
        return {}
    chosen = {label: _output_of(controls, control.to_name, label) for label in control.labels}
    return {label: found for label, found in chosen.items() if found is not None}


def is_prompt_tag(control: ControlTag) -> bool:
    """Tell whether people draw prompts with the tag, whatever may become of them."""
    # Label Studio's own attributes, so that no word of theirs is refused.
    words = (control.attributes.get(name, "") for name in ("smart", "smartonly", "smartOnly"))
    return control.type in _PROMPT_TYPES and any(word.strip().lower() == "true" for word in words)


def tags_to_fill(controls: Sequence[ControlTag]) -> list[ControlTag]:
    """Return the tags that a YOLO model may fill, in their order.

    Key points of prompts are left out: each stands for a click. Where the tag names weights, key points by
    their number, or `model_train`, it is meant to be filled all the same. Boxes are shown, since people
    correct those and draw prompts with one tag; `model_skip` keeps them away.

    Raises:
        LabelConfigError: an attribute is neither "true" nor "false".
    """
    fillable = [control for control in controls if model_tasks(control)]
    return [control for control in fillable if not _is_for_prompts_alone(control, controls)]


def mask_region(
    found: FoundMask,
    control: ControlTag,
    *,
    label: str,
    region_id: str,
    size: ImageSize,
    polygon_points: int,
    min_area: int,
) -> Region | None:
    """Return the region that a found mask becomes on a tag; None where nothing of it is left.

    Args:
        found: An engine's answer.
        control: As `choose_output` returns it.
        label: Of the region.
        region_id: Of the region.
        size: Of the image.
        polygon_points: Most points of a polygon, at least 3.
        min_area: Pixels below which islands are dropped and holes filled; a polygon has no holes at all.
    """
    mask = clean_mask(
        clip_mask(found.mask, size), min_area=min_area, fill_holes=control.type == "PolygonLabels"
    )
    geometry = _geometry(mask, control.type, polygon_points)
    if geometry is None:
        return None
    return Region(region_id, control.name, label, found.score, geometry, size)


def _geometry(mask: Mask, kind: str, polygon_points: int) -> Geometry | None:
    if not mask.pixels.any():
        return None
    if kind == "PolygonLabels":
        return mask_to_polygon(mask, max_points=polygon_points)
    if kind == "RectangleLabels":
        return _box_around(mask)
    return mask


def _box_around(mask: Mask) -> Box:
    """Return the box that just holds the mask's pixels, of which there are some."""
    columns, rows = (np.flatnonzero(mask.pixels.any(axis=axis)) for axis in (0, 1))
    return Box(
        float(mask.x + columns[0]),
        float(mask.y + rows[0]),
        float(mask.x + columns[-1] + 1),
        float(mask.y + rows[-1] + 1),
    )


def _output_of(controls: Sequence[ControlTag], to_name: str, label: str) -> ControlTag | None:
    for kind in OUTPUT_TYPES:
        for control in controls:
            is_here = control.type == kind and control.to_name == to_name and label in control.labels
            if is_here and not flag(control, "sam_skip"):
                return control
    return None


def _is_for_prompts_alone(control: ControlTag, controls: Sequence[ControlTag]) -> bool:
    if (
        control.type != "KeyPointLabels"
        or any(control.attributes.get(name) for name in _WISHES)
        or control.model_indices
    ):
        return False
    outputs = {output.name for output in prompt_outputs(control, controls).values()}
    return bool(outputs) and control.name not in outputs


def _no_output(controls: Sequence[ControlTag], to_name: str, label: str) -> str:
    takers = [c for c in controls if c.type in OUTPUT_TYPES and c.to_name == to_name]
    skipped = [c for c in takers if label in c.labels and flag(c, "sam_skip")]
    if skipped:
        return (
            f'No tag takes masks of "{label}": {_names(skipped)} has the label, and sam_skip="true". Take '
            "sam_skip away there."
        )
    item = f'<Label value="{escape(label)}"/>'
    if takers:
        return (
            f'No tag on the image "{to_name}" takes masks of "{label}". {_names(takers[:1])} has the labels '
            f"{listing(takers[0].labels)}. Paste among them: {item}"
        )
    return (
        f'No tag on the image "{to_name}" takes masks of "{label}": expected BrushLabels, PolygonLabels or '
        f'RectangleLabels. Paste inside <View>: <BrushLabels name="mask" toName="{escape(to_name)}">{item}'
        "</BrushLabels>"
    )


def _names(controls: Iterable[ControlTag]) -> str:
    return ", ".join(f'<{control.type} name="{control.name}">' for control in controls)
