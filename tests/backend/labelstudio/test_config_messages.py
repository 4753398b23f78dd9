"""Refusals of a labeling config: what they offer to paste works as it stands."""

from xml.etree import ElementTree

import pytest

from backend.entities import ControlTag
from backend.labelstudio.label_config import label_map, model_tasks, parse_label_config, point_map
from backend.labelstudio.label_config_advice import no_common_label, nothing_to_fill, paste_line
from tests.backend.label_configs import BOXES

CLASSES = ("car", "person", "traffic light")


def control(*labels: str, kind: str = "RectangleLabels") -> ControlTag:
    return ControlTag(kind, "label", "image", "$image", labels)


def test_refusal_names_labels_classes_and_weights_and_its_line_makes_the_tag_work() -> None:
    message = no_common_label(control('Zebra & "co"', "Lion"), CLASSES, "street.pt")
    assert all(word in message for word in ("Lion", "traffic light", "street.pt", 'name="label"'))
    line = message[message.index("<Label ") :]
    assert ElementTree.fromstring(line).get("predicted_values") == "car"
    [tag] = parse_label_config(BOXES.replace('<Label value="Car"/>', line))
    assert label_map(tag, ["car"]) == {"car": 'Zebra & "co"'}


def test_refusal_of_key_points_gives_a_line_with_a_number() -> None:
    message = no_common_label(control("Nose", kind="KeyPointLabels"), ["person"], "pose.pt")
    assert "pose.pt" in message and "Nose" in message
    xml = BOXES.replace("RectangleLabels", "KeyPointLabels")
    [tag] = parse_label_config(xml.replace('<Label value="Car"/>', message[message.index("<Label ") :]))
    assert point_map(tag, ["person"]) == {"person": {0: "Nose"}}


@pytest.mark.parametrize("task", ["detect", "obb", "segment", "pose", "classify"])
def test_message_without_a_tag_for_the_model_gives_xml_that_works(task: str) -> None:
    message = nothing_to_fill([ControlTag("Taxonomy", "c", "image", "$image", ())], CLASSES, task)
    assert '<Taxonomy name="c">' in message
    pasted = message[message.index("<Image name=") :]
    [tag] = parse_label_config(f"<View>{pasted}</View>")
    assert task in model_tasks(tag)
    assert label_map(tag, CLASSES) == {name: name for name in CLASSES} or point_map(tag, CLASSES)


def test_refusal_of_a_tag_lists_at_most_twenty_classes() -> None:
    message = no_common_label(control("Zebra"), [f"class {n}" for n in range(80)], "big.pt")
    assert "class 19 and 60 more" in message and "class 20" not in message


@pytest.mark.parametrize(("label", "name"), [("a", "b"), ("\"<&>'", "&amp;"), ("猫", "Ä")])
def test_line_to_paste_parses_whatever_the_names(label: str, name: str) -> None:
    line = ElementTree.fromstring(paste_line(control(label), [name]))
    assert line.attrib == {"value": label, "predicted_values": name}
    choice = ElementTree.fromstring(paste_line(control(label, kind="Choices"), [name]))
    assert (choice.tag, choice.attrib) == ("Choice", line.attrib)
