"""Labeling configs: which tags sit on an image, and which class becomes which label."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import ControlTag
from backend.errors import AppError, LabelConfigError
from backend.labelstudio.label_config import (
    flag,
    image_address,
    label_map,
    model_tasks,
    number,
    parse_label_config,
    point_map,
)
from tests.backend.label_configs import BOXES


def control(
    *labels: str, predicted: dict[str, tuple[str, ...]] | None = None, **attributes: str
) -> ControlTag:
    return ControlTag("RectangleLabels", "box", "image", "$image", labels, predicted or {}, {}, attributes)


def test_tag_on_an_image_is_read_with_its_labels_and_attributes() -> None:
    xml = BOXES.replace("toName=", 'model_score_threshold="0.1" toName=').replace(
        '<Label value="Car"/>', '<Label value="Car" predicted_values="car, truck ,"/>'
    )
    [tag] = parse_label_config(xml)
    assert (tag.type, tag.name, tag.to_name, tag.image_value) == (
        "RectangleLabels",
        "label",
        "image",
        "$image",
    )
    assert tag.labels == ("Car", "Person")
    assert tag.predicted_values == {"Car": ("car", "truck")}
    assert tag.attributes["model_score_threshold"] == "0.1"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        pytest.param("$image", "a.png", id="field"),
        pytest.param("$my_image-2", "b.png", id="name with marks"),
        pytest.param("$meta.photo", "c.png", id="field within a field"),
        pytest.param("$flat.name", "d.png", id="name with a dot"),
        pytest.param("https://h/$path", "https://h/e.png", id="amid text"),
        pytest.param("https://h/$meta.photo?v=$version", "https://h/c.png?v=3", id="several"),
        pytest.param("$gone", None, id="missing field"),
        pytest.param("$meta.gone", None, id="missing within a field"),
        pytest.param("https://h/$gone", None, id="missing amid text"),
        pytest.param("$number", 5, id="no text"),
    ],
)
def test_image_address_is_what_the_image_tag_makes_of_the_tasks_data(value: str, address: object) -> None:
    [tag] = parse_label_config(BOXES.replace("$image", value))
    data = {
        "image": "a.png",
        "my_image-2": "b.png",
        "meta": {"photo": "c.png"},
        "flat.name": "d.png",
        "path": "e.png",
        "version": 3,
        "number": 5,
    }
    assert image_address(tag, data) == address


def test_tags_come_in_the_order_of_the_document_and_each_knows_its_image() -> None:
    xml = """<View><Image name="a" value="$left"/><Image name="b" value="$right"/>
      <RectangleLabels name="one" toName="b"><Label value="x"/></RectangleLabels>
      <Choices name="two" toName="a"><Choice value="y"/></Choices></View>"""
    assert [(t.name, t.type, t.image_value) for t in parse_label_config(xml)] == [
        ("one", "RectangleLabels", "$right"),
        ("two", "Choices", "$left"),
    ]


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param('<View><Text name="t" value="$t"/><Choices name="c" toName="t"/></View>', id="text"),
        pytest.param(
            '<View><Image name="i" value="fixed.png"/><RectangleLabels name="c" toName="i"/></View>',
            id="fixed",
        ),
        pytest.param('<View><RectangleLabels name="c" toName="gone"/></View>', id="image that is not there"),
        pytest.param("<View/>", id="nothing"),
        pytest.param("<!-- c --><View><!-- d --></View>", id="comments"),
    ],
)
def test_tag_on_no_image_of_the_task_is_left_out(xml: str) -> None:
    assert parse_label_config(xml) == ()


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param("", id="empty"),
        pytest.param("<View>", id="not closed"),
        pytest.param("&nbsp;", id="entity"),
        pytest.param("\ud800", id="half a surrogate pair"),
        pytest.param('<?xml version="1.0" encoding="utf-8"?><View/>', id="with an encoding"),
        pytest.param("<View>" * 400 + "</View>" * 400, id="deep"),
        pytest.param("<View>" + "<a/>" * 20_000 + "</View>", id="long"),
        pytest.param('<View><Image value="$i"/><RectangleLabels toName="x"/></View>', id="no names"),
        pytest.param('<View><Image name="i" value="$i"/><RectangleLabels name="c"/></View>', id="no toName"),
        pytest.param('<View><Image name="i"/><RectangleLabels name="c" toName="i"/></View>', id="no value"),
        pytest.param(
            '<View><Image name="i" value="$i"/><Label value="stray"/></View>', id="label on its own"
        ),
        pytest.param(BOXES.replace('<Label value="Car"/>', "<Label/>"), id="label without value"),
        pytest.param(BOXES.replace("</View>", BOXES[6:]), id="names used twice"),
        pytest.param("<View><?php echo 1 ?></View>", id="processing instruction"),
        pytest.param('<View xmlns="urn:x"><Image name="i" value="$i"/></View>', id="namespace"),
    ],
)
def test_strange_config_is_read_or_refused_and_nothing_else(xml: str) -> None:
    try:
        assert isinstance(parse_label_config(xml), tuple)
    except LabelConfigError as error:
        assert "Labeling Interface" in error.message or "control tag" in error.message.lower()


@given(
    st.text(max_size=80)
    | st.text("<>/ \"='&;!-[]ViewImgnalue$toNm", max_size=80).map("<View>{}</View>".format)
)
def test_any_text_is_read_or_refused(xml: str) -> None:
    try:
        parse_label_config(xml)
    except AppError:
        pass


def test_entities_that_multiply_are_refused_or_small() -> None:
    layers = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE View [<!ENTITY e0 "laugh">{layers}]><View><Header value="&e11;"/></View>'
    try:
        assert parse_label_config(bomb) == ()
    except LabelConfigError as error:
        assert len(error.message) < 1000


def test_config_cannot_read_files_of_this_machine() -> None:
    xml = """<!DOCTYPE View [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
      <View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
      <Label value="Car"/><Header>&secret;</Header></RectangleLabels></View>"""
    try:
        assert "root:" not in repr(parse_label_config(xml))
    except LabelConfigError as error:
        assert "root:" not in error.message


@pytest.mark.parametrize(
    ("kind", "attributes", "tasks"),
    [
        pytest.param("RectangleLabels", {}, {"detect", "segment", "pose"}, id="boxes"),
        pytest.param("RectangleLabels", {"model_obb": "true"}, {"obb"}, id="rotated boxes"),
        pytest.param("PolygonLabels", {}, {"segment"}, id="polygons"),
        pytest.param("BrushLabels", {}, {"segment"}, id="masks"),
        pytest.param("KeyPointLabels", {}, {"pose"}, id="key points"),
        pytest.param("Choices", {}, {"classify"}, id="classes of the whole image"),
        pytest.param("EllipseLabels", {}, set(), id="a tag that no model fills"),
        pytest.param("RectangleLabels", {"model_skip": "True"}, set(), id="skipped"),
        pytest.param(
            "BrushLabels",
            {"sam_from_boxes": "true"},
            {"detect", "obb", "segment", "pose"},
            id="masks of boxes",
        ),
        pytest.param(
            "PolygonLabels",
            {"sam_from_boxes": "true"},
            {"detect", "obb", "segment", "pose"},
            id="polygons of boxes",
        ),
        pytest.param("Choices", {"sam_from_boxes": "true"}, {"classify"}, id="no masks to be had"),
        pytest.param("BrushLabels", {"sam_from_boxes": "true", "model_skip": "1"}, set(), id="boxes skipped"),
    ],
)
def test_tag_is_filled_by_models_that_find_what_it_holds(
    kind: str, attributes: dict[str, str], tasks: set[str]
) -> None:
    tag = ControlTag(kind, "box", "image", "$image", ("car",), attributes=attributes)
    assert set(model_tasks(tag)) == tasks


POINTS = """<View><Image name="image" value="$image"/><KeyPointLabels name="point" toName="image">
  <Label value="Nose" model_index="0"/><Label value="Hoof" model_index="0" predicted_values="Horse"/>
  <Label value="Tail" model_index="3" predicted_values="horse, cat"/><Label value="Other"/>
</KeyPointLabels></View>"""


def test_key_points_become_labels_by_class_and_number() -> None:
    [tag] = parse_label_config(POINTS)
    assert point_map(tag, ["person", "horse", "cat"]) == {
        "person": {0: "Nose"},
        "horse": {0: "Hoof", 3: "Tail"},
        "cat": {0: "Nose", 3: "Tail"},
    }


@pytest.mark.parametrize("text", ["-1", "one", "1.5", "²"])
def test_number_of_a_key_point_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(LabelConfigError, match='"Nose" of "point" has model_index'):
        parse_label_config(POINTS.replace('"Nose" model_index="0"', f'"Nose" model_index="{text}"'))


def test_label_with_an_alias_is_called_by_it_and_matched_by_its_spelling_on_the_page() -> None:
    [tag] = parse_label_config(BOXES.replace('<Label value="Car"/>', '<Label value="Car" alias="c"/>'))
    assert label_map(tag, ["car", "person"]) == {"car": "c", "person": "Person"}


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("false", False), ("0", False), ("", False)],
)
def test_flag_knows_yes_and_no(word: str, value: bool) -> None:
    assert flag(control(model_skip=word), "model_skip") is value
    assert flag(control(), "model_skip") is False


def test_flag_refuses_another_word_and_names_the_tag() -> None:
    with pytest.raises(LabelConfigError, match='"box" has model_skip="perhaps"'):
        flag(control(model_skip="perhaps"), "model_skip")


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0.0), ("0.05", 0.05), ("1", 1.0), (" .5 ", 0.5), ("1e-3", 0.001)]
)
def test_threshold_of_a_tag_may_be_any_share(text: str, value: float) -> None:
    assert number(control(model_score_threshold=text), "model_score_threshold", 0.25, most=1) == value


def test_threshold_is_the_default_where_a_tag_sets_none() -> None:
    assert number(control(), "model_score_threshold", 0.4, most=1) == 0.4


@pytest.mark.parametrize("text", ["", "half", "-0.1", "1.1", "nan", "inf", "50%", "0,5"])
def test_threshold_that_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(LabelConfigError, match="from 0 to 1"):
        number(control(model_score_threshold=text), "model_score_threshold", 0.25, most=1)


@pytest.mark.parametrize(
    ("tag", "classes", "mapping"),
    [
        pytest.param(control("car"), ["car"], {"car": "car"}, id="same spelling"),
        pytest.param(control("Car"), ["car"], {"car": "Car"}, id="another case"),
        pytest.param(control("car", "Car"), ["Car"], {"Car": "Car"}, id="exact before another case"),
        pytest.param(control("Auto", predicted={"Auto": ("car",)}), ["car"], {"car": "Auto"}, id="named"),
        pytest.param(
            control("car", "Auto", predicted={"Auto": ("car",)}),
            ["car"],
            {"car": "Auto"},
            id="named before exact",
        ),
        pytest.param(
            control("Auto", predicted={"Auto": ("CAR",)}), ["car"], {"car": "Auto"}, id="named in capitals"
        ),
        pytest.param(
            control("Auto", predicted={"Auto": ("car", "truck")}),
            ["car", "truck", "bus"],
            {"car": "Auto", "truck": "Auto"},
            id="two classes as one label",
        ),
        pytest.param(
            control("A", "B", predicted={"A": ("Car",), "B": ("car",)}),
            ["car", "Car"],
            {"car": "B", "Car": "A"},
            id="classes that differ in case",
        ),
        pytest.param(
            control("Auto", predicted={"Auto": ("truck",)}),
            ["Auto", "truck"],
            {"Auto": "Auto", "truck": "Auto"},
            id="named label keeps its own class",
        ),
        pytest.param(control("Zebra"), ["car"], {}, id="nothing in common"),
        pytest.param(control(), ["car"], {}, id="no labels"),
        pytest.param(
            control("traffic light"), ["traffic light"], {"traffic light": "traffic light"}, id="space"
        ),
    ],
)
def test_classes_become_labels(tag: ControlTag, classes: list[str], mapping: dict[str, str]) -> None:
    assert label_map(tag, classes) == mapping


@pytest.mark.parametrize("text", ["inf", "nan", "-1", "wide"])
def test_number_without_a_limit_is_a_number_all_the_same(text: str) -> None:
    with pytest.raises(LabelConfigError, match='"box" has model_point_size'):
        number(control(model_point_size=text), "model_point_size", 0.5)
