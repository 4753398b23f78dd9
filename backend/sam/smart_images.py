"""Which images of a project people draw masks on with smart tools. Pure."""

from collections.abc import Sequence

from backend.entities import ControlTag
from backend.errors import LabelConfigError
from backend.sam.output import OUTPUT_TYPES, prompt_outputs


def smart_images(controls: Sequence[ControlTag]) -> tuple[ControlTag, ...]:
    """Return one control tag that takes masks for each distinct image that a smart tool reaches.

    Raises:
        LabelConfigError: there is none, or `sam_skip` is neither "true" nor "false".
    """
    found: dict[str, ControlTag] = {}
    for control in controls:
        for output in prompt_outputs(control, controls).values():
            found.setdefault(output.image_value, output)
    if not found:
        raise LabelConfigError(
            "The project has no smart tools, so no image need be encoded; expected KeyPointLabels, "
            'RectangleLabels or BrushLabels with smart="true", and a label that a tag which takes masks has '
            f"too: {', '.join(OUTPUT_TYPES)}. Add them in the project's settings under Labeling Interface."
        )
    return tuple(found.values())
