"""Refusals of a labeling config: what they offer to paste works as it stands."""

from xml.etree import ElementTree

import pytest

from backend.entities import ControlTag
from backend.errors import LabelConfigError
from backend.labelstudio.label_config import (
    check_detection,
    detection_tags,
    label_map,
    no_detection_tag_message,
    parse_label_config,
)
from tests.backend.label_configs import BOXES

CLASSES = ("car", "person", "traffic light")


def control(*labels: str) -> ControlTag:
    return ControlTag("RectangleLabels", "label", "image", "image", labels)


def test_refusal_names_labels_classes_and_weights_and_its_line_makes_the_tag_work() -> None:
    with pytest.raises(LabelConfigError) as refused:
        check_detection(control('Zebra & "co"', "Lion"), CLASSES, "street.pt")
    message = refused.value.message
    assert all(word in message for word in ("Lion", "traffic light", "street.pt", 'name="label"'))
    line = message[message.index("<Label ") :]
    assert ElementTree.fromstring(line).get("predicted_values") == "car"
    [tag] = parse_label_config(BOXES.replace('<Label value="Car"/>', line))
    assert label_map(tag, ["car"]) == {"car": 'Zebra & "co"'}


def test_message_without_a_detection_tag_gives_xml_that_works() -> None:
    message = no_detection_tag_message([ControlTag("Choices", "c", "image", "image", ())], CLASSES)
    assert '<Choices name="c">' in message
    pasted = message[message.index("<Image name=") :]
    [tag] = detection_tags(parse_label_config(f"<View>{pasted}</View>"))
    assert label_map(tag, CLASSES) == {name: name for name in CLASSES}
