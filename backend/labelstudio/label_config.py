"""Read a labeling config: which control tags sit on an image, with which labels and model attributes.

Parsing is label-studio-sdk's; this module owns what the tags mean to us. Attribute names are those of
Label Studio's own YOLO example, so that its users can move over unchanged.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape

from label_studio_sdk._legacy.exceptions import LabelStudioXMLSyntaxErrorSentryIgnored, LSConfigParseException
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.control_tags import ControlTag as SdkControlTag

from backend.entities import ControlTag
from backend.errors import LabelConfigError

DETECTION_TAG = "RectangleLabels"
MAX_CONFIG_CHARS = 1_000_000
_TRUE, _FALSE = ("1", "true", "yes"), ("", "0", "false", "no")
_TASK_FIELD = re.compile(r"\$([\w.\-]+)")


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
    field = _TASK_FIELD.search((image.value if image else None) or "")
    # Several images in one tag (valueList) are no single image that a box could lie on.
    if image is None or field is None or "valueList" in image.attr:
        return None
    tags = control.labels_attrs or {}
    return ControlTag(
        type=control.tag,
        name=control.name,
        to_name=image.name,
        image_key=field.group(1),
        labels=tuple(tags) or tuple(control.labels or ()),
        predicted_values={
            label: tuple(v.strip() for v in tag.attr["predicted_values"].split(",") if v.strip())
            for label, tag in tags.items()
            if tag.attr.get("predicted_values")
        },
        attributes=dict(control.attr),
    )


def detection_tags(controls: Iterable[ControlTag]) -> tuple[ControlTag, ...]:
    """Return the tags that a detection model fills: `RectangleLabels` without `model_skip`."""
    return tuple(c for c in controls if c.type == DETECTION_TAG and not flag(c, "model_skip"))


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


def score_threshold(control: ControlTag, default: float) -> float:
    """Return the tag's `model_score_threshold`, or `default`. Both in [0, 1].

    Raises:
        LabelConfigError: not a number in [0, 1].
    """
    text = control.attributes.get("model_score_threshold")
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:  # also refuses NaN
        raise LabelConfigError(
            f'The tag "{control.name}" has model_score_threshold="{text}"; expected a number from 0 to 1.'
        )
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


def check_detection(control: ControlTag, class_names: Iterable[str], weights: str) -> None:
    """Refuse a tag none of whose labels the model can predict.

    Raises:
        LabelConfigError: names the labels, the model's classes, and the XML line to paste.
    """
    names = list(class_names)
    if label_map(control, names):
        return
    raise LabelConfigError(
        f'None of the labels of <{control.type} name="{control.name}"> is a class of {weights}. '
        f"Labels: {_listing(control.labels)}. Classes of the model: {_listing(names)}. "
        "Name the model's class on a label, for example: " + paste_line(control.labels, names)
    )


def no_detection_tag_message(controls: Iterable[ControlTag], class_names: Iterable[str]) -> str:
    """Say that nothing in the config can be predicted, and give the XML to paste."""
    names = list(class_names)
    found = ", ".join(f'<{c.type} name="{c.name}">' for c in controls) or "none on an image"
    labels = "".join(f'<Label value="{escape(name)}"/>' for name in names[:3])
    return (
        f"The labeling config has no <{DETECTION_TAG}> tag that is bound to an <Image> and without "
        f"model_skip. Control tags found: {found}. Classes of the model: {_listing(names)}. Paste inside "
        f'<View>: <Image name="image" value="$image"/><{DETECTION_TAG} name="label" toName="image">'
        f"{labels}</{DETECTION_TAG}>"
    )


def paste_line(labels: Iterable[str], class_names: Iterable[str]) -> str:
    """Return one `<Label>` line that binds the first label to the first class of the model."""
    label, name = next(iter(labels), "Object"), next(iter(class_names), "object")
    return f'<Label value="{escape(label)}" predicted_values="{escape(name)}"/>'


def _listing(words: Iterable[str], most: int = 20) -> str:
    items = list(words)
    return (", ".join(items[:most]) or "(none)") + (
        f" and {len(items) - most} more" if len(items) > most else ""
    )
