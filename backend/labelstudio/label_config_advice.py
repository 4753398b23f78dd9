"""Say why a labeling config cannot work with a model, and give the XML that would. Pure."""

from collections.abc import Iterable
from html import escape

from backend.entities import ControlTag


def no_common_label(control: ControlTag, class_names: Iterable[str], weights: str) -> str:
    """Say that none of a tag's labels is a class of the model; names both, and the line to paste.

    Of a tag for key points, that none of its labels names one.
    """
    names = list(class_names)
    if control.type == "KeyPointLabels":
        return (
            f'No label of <{control.type} name="{control.name}"> names one of the key points of {weights} by '
            f"its number. Labels: {listing(control.labels)}. Write the number, from 0, on each label, for "
            f"example: {paste_line(control, names)}"
        )
    return (
        f'None of the labels of <{control.type} name="{control.name}"> is a class of {weights}. '
        f"Labels: {listing(control.labels)}. Classes of the model: {listing(names)}. "
        'Add model_train="true" to the tag, annotate some images, and a model is trained on them; or name '
        f"the model's class on a label, for example: {paste_line(control, names)}"
    )


def nothing_to_fill(controls: Iterable[ControlTag], class_names: Iterable[str], task: str) -> str:
    """Say that no tag of the config takes what a model of this task finds, and give the XML to paste."""
    names = list(class_names)
    found = ", ".join(f'<{c.type} name="{c.name}">' for c in controls) or "none on an image"
    tag, item = _TAG_FOR_TASK[task]
    labels = "".join(f'<{item} value="{escape(name)}"/>' for name in names[:3])
    if task == "pose":
        labels = '<Label value="point 0" model_index="0"/><Label value="point 1" model_index="1"/>'
    attributes = ' model_obb="true"' if task == "obb" else ""
    return (
        f"The labeling config has no <{tag}> tag that is bound to an <Image> and without model_skip. "
        f"Control tags found: {found}. Classes of the model: {listing(names)}. Paste inside "
        f'<View>: <Image name="image" value="$image"/><{tag} name="label" toName="image"{attributes}>'
        f"{labels}</{tag}>"
    )


def paste_line(control: ControlTag, class_names: Iterable[str]) -> str:
    """Return one line of XML that binds the tag's first label to the first class of the model."""
    item = "Choice" if control.type == "Choices" else "Label"
    label, name = next(iter(control.labels), "Object"), next(iter(class_names), "object")
    if control.type == "KeyPointLabels":
        return f'<{item} value="{escape(label)}" model_index="0"/>'
    return f'<{item} value="{escape(label)}" predicted_values="{escape(name)}"/>'


def listing(words: Iterable[str], most: int = 20) -> str:
    """Return the words in a row, cut after `most`."""
    items = list(words)
    return (", ".join(items[:most]) or "(none)") + (
        f" and {len(items) - most} more" if len(items) > most else ""
    )


_TAG_FOR_TASK = {
    "detect": ("RectangleLabels", "Label"),
    "obb": ("RectangleLabels", "Label"),
    "segment": ("PolygonLabels", "Label"),
    "pose": ("KeyPointLabels", "Label"),
    "classify": ("Choices", "Choice"),
}
