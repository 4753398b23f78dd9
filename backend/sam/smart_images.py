"""Which images of a project masks can be drawn on. Pure."""

from collections.abc import Sequence

from backend.entities import ControlTag
from backend.errors import LabelConfigError
from backend.labelstudio.label_config import flag
from backend.sam.output import OUTPUT_TYPES


def smart_images(controls: Sequence[ControlTag]) -> tuple[ControlTag, ...]:
    """Return one control tag for each distinct image that a tag takes masks on, in document order.

    Raises:
        LabelConfigError: no tag takes masks, or `sam_skip` is neither "true" nor "false".
    """
    found: dict[str, ControlTag] = {}
    for control in controls:
        if control.type in OUTPUT_TYPES and not flag(control, "sam_skip"):
            found.setdefault(control.image_value, control)
    if not found:
        raise LabelConfigError(
            "No tag of the project's labeling config takes masks on an image, so no image need be encoded; "
            f"expected one of {', '.join(OUTPUT_TYPES)}. Add one in the project's settings under Labeling "
            "Interface."
        )
    return tuple(found.values())
