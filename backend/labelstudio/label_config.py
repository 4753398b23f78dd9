"""Read a labeling config: which control tags sit on an image, with which labels and model attributes.

Parsing is label-studio-sdk's; this module owns what the tags mean to us. Attribute names are those of
Label Studio's own YOLO example, so that its users can move over unchanged.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from label_studio_sdk._legacy.exceptions import LabelStudioXMLSyntaxErrorSentryIgnored, LSConfigParseException
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.control_tags import ControlTag as SdkControlTag

from backend.entities import ControlTag
from backend.errors import LabelConfigError

MAX_CONFIG_CHARS = 1_000_000
_TRUE, _FALSE = ("1", "true", "yes"), ("", "0", "false", "no")
# A field of the task's data, dots for what lies within it.
_TASK_FIELD = re.compile(r"\$([\w.\-]+)")
# Which of ultralytics' model tasks find what a control tag holds. Boxes come with masks and key points too.
_MODEL_TASKS = {
    "RectangleLabels": ("detect", "segment", "pose"),
    "PolygonLabels": ("segment",),
    "BrushLabels": ("segment",),
    "KeyPointLabels": ("pose",),
    "Choices": ("classify",),
}
# Tags that hold masks, and which models find the boxes that SAM makes masks of.
MASK_TYPES = ("BrushLabels", "PolygonLabels")
_BOX_TASKS = ("detect", "obb", "segment", "pose")


def parse_label_config(xml: str) -> tuple[ControlTag, ...]:
    """Return the control tags that are bound to an image, in document order.

    Raises:
        LabelConfigError: not XML, or of more characters than any config needs.
    """
    if len(xml) > MAX_CONFIG_CHARS:
        raise LabelConfigError(
            f"The labeling config has {len(xml)} characters; at most {MAX_CONFIG_CHARS} are read."
        )
    try:
        interface = LabelInterface(xml)
    except (LabelStudioXMLSyntaxErrorSentryIgnored, LSConfigParseException, ValueError) as error:
        raise LabelConfigError(
            f"The labeling config is not valid XML: {error}. Expected <View>...</View>; correct it in the "
            "project's settings under Labeling Interface."
        ) from None
    # An empty document leaves `controls` a dict rather than its values.
    return tuple(tag for tag in map(_control_tag, list(interface.controls)) if tag is not None)


def _control_tag(control: SdkControlTag) -> ControlTag | None:
    image = next((o for o in control.objects or () if o.tag == "Image"), None)
    value = (image.value if image else None) or ""
    # Several images in one tag (valueList) are no single image that a box could lie on.
    if image is None or not _TASK_FIELD.search(value) or "valueList" in image.attr:
        return None
    tags = {label: tag.attr for label, tag in (control.labels_attrs or {}).items()}
    return ControlTag(
        type=control.tag,
        name=control.name,
        to_name=image.name,
        image_value=value,
        labels=tuple(tags) or tuple(control.labels or ()),
        predicted_values={
            label: names for label, attr in tags.items() if (names := _class_names(label, attr))
        },
        model_indices={
            label: _point_index(control.name, label, attr["model_index"])
            for label, attr in tags.items()
            if attr.get("model_index")
        },
        attributes=dict(control.attr),
    )


def image_address(control: ControlTag, data: Mapping[str, Any]) -> object:
    """Return the address of the tag's image in a task's data, as written there; None where there is none.

    `value="$image"` is the field's value, `value="$meta.photo"` one within it, and a field's name amid text,
    `value="https://host/$path"`, is replaced by its value.
    """
    whole = _TASK_FIELD.fullmatch(control.image_value.strip())
    if whole:
        return _field(data, whole.group(1))
    names = _TASK_FIELD.findall(control.image_value)
    if any(_field(data, name) is None for name in names):
        return None
    return _TASK_FIELD.sub(lambda found: str(_field(data, found.group(1))), control.image_value)


def _field(data: Mapping[str, Any], name: str) -> object:
    if name in data:
        return data[name]
    head, _, rest = name.partition(".")
    inner = data.get(head)
    return _field(inner, rest) if rest and isinstance(inner, Mapping) else None


def model_tasks(control: ControlTag) -> tuple[str, ...]:
    """Return which of ultralytics' model tasks fill the tag; none where it is skipped or of another kind.

    Raises:
        LabelConfigError: `model_skip`, `model_obb` or `sam_from_boxes` is neither "true" nor "false".
    """
    if flag(control, "model_skip"):
        return ()
    if control.type == "RectangleLabels" and flag(control, "model_obb"):
        return ("obb",)
    if takes_masks_of_boxes(control):
        return _BOX_TASKS
    return _MODEL_TASKS.get(control.type, ())


def takes_masks_of_boxes(control: ControlTag) -> bool:
    """Tell whether the tag takes the masks that SAM makes of a model's boxes.

    Raises:
        LabelConfigError: `sam_from_boxes` is neither "true" nor "false".
    """
    return control.type in MASK_TYPES and flag(control, "sam_from_boxes")


def _class_names(label: str, attributes: Mapping[str, str]) -> tuple[str, ...]:
    named = tuple(v.strip() for v in attributes.get("predicted_values", "").split(",") if v.strip())
    value = attributes.get("value", label)
    # Results carry a label's alias; its spelling on the page is what a class is called.
    return named or ((value,) if value != label else ())


def _point_index(control: str, label: str, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise LabelConfigError(
            f'The label "{label}" of "{control}" has model_index="{text}"; expected the number of a key '
            "point of the model, from 0."
        )
    return int(text)


def flag(control: ControlTag, attribute: str) -> bool:
    """Read a yes-or-no attribute of a tag; absent means no.

    Raises:
        LabelConfigError: another word than true, false, yes, no, 1 or 0.
    """
    word = control.attributes.get(attribute, "").strip().lower()
    if word not in _TRUE + _FALSE:
        raise LabelConfigError(
            f'The tag "{control.name}" has {attribute}="{word}"; expected "true" or "false".'
        )
    return word in _TRUE


def number(control: ControlTag, attribute: str, default: float, *, most: float = math.inf) -> float:
    """Return a tag's attribute as a number from 0 to `most`, or `default` where it is absent.

    Raises:
        LabelConfigError: not such a number.
    """
    text = control.attributes.get(attribute)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most or math.isinf(value):  # also refuses NaN
        expected = "a number from 0" + ("" if math.isinf(most) else f" to {most:g}")
        raise LabelConfigError(f'The tag "{control.name}" has {attribute}="{text}"; expected {expected}.')
    return value


def label_map(control: ControlTag, class_names: Iterable[str]) -> dict[str, str]:
    """Map the model's own class names to the tag's labels.

    A label's `predicted_values` win, then equal spelling, then equal spelling but for case. A class that
    no label asks for is left out: its detections are not shown.
    """
    names = list(class_names)
    asked = {value: label for label, values in control.predicted_values.items() for value in values}
    rules: tuple[Mapping[str, str], ...] = (
        asked,
        {value.lower(): label for value, label in asked.items()},
        {label: label for label in control.labels},
        {label.lower(): label for label in control.labels},
    )
    mapping: dict[str, str] = {}
    for name in names:
        for rule, key in zip(rules, (name, name.lower(), name, name.lower()), strict=True):
            if key in rule:
                mapping[name] = rule[key]
                break
    return mapping


def point_map(control: ControlTag, class_names: Iterable[str]) -> dict[str, dict[int, str]]:
    """Map a pose model's classes to labels by the number of their key point, from `model_index`.

    A label whose `predicted_values` name classes takes the points of these, another one those of all.
    """
    mapping: dict[str, dict[int, str]] = {}
    for name in class_names:
        for label, index in control.model_indices.items():
            named = {value.lower() for value in control.predicted_values.get(label, ())}
            if not named or name.lower() in named:
                mapping.setdefault(name, {})[index] = label
    return mapping
