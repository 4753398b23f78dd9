"""The target: which tags one model learns, decided by the labeling config alone."""

import pytest

from backend.errors import LabelConfigError
from backend.labelstudio.label_config import parse_label_config
from backend.training.entities import TrainingTarget
from retrain.snapshot.target import training_target


def target_of(*tags: str) -> TrainingTarget:
    xml = f'<View><Image name="image" value="$image"/><Image name="b" value="$b"/>{"".join(tags)}</View>'
    return training_target(parse_label_config(xml))


def tag(kind: str, name: str, *labels: str, image: str = "image", **attributes: str) -> str:
    item = "Choice" if kind == "Choices" else "Label"
    inner = "".join(
        f'<{item} value="{label.split("=")[0]}"'
        + (f' model_index="{label.split("=")[1]}"' if "=" in label else "")
        + "/>"
        for label in labels
    )
    given = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<{kind} name="{name}" toName="{image}"{given}>{inner}</{kind}>'


@pytest.mark.parametrize(
    ("given", "task"),
    [
        pytest.param(tag("RectangleLabels", "r", "car"), "detect", id="boxes"),
        pytest.param(tag("RectangleLabels", "r", "car", model_obb="true"), "obb", id="rotated boxes"),
        pytest.param(tag("PolygonLabels", "p", "car"), "segment", id="outlines"),
        pytest.param(tag("BrushLabels", "b", "car"), "segment", id="masks"),
        pytest.param(tag("BrushLabels", "b", "car", sam_from_boxes="true"), "detect", id="masks of boxes"),
        pytest.param(
            tag("PolygonLabels", "p", "car", sam_from_boxes="true"), "detect", id="outlines of boxes"
        ),
        pytest.param(tag("Choices", "c", "sun", "rain"), "classify", id="classes of the image"),
    ],
)
def test_task_follows_from_the_kind_of_tag(given: str, task: str) -> None:
    found = target_of(given)
    assert (found.task, found.image_value, found.keypoints) == (task, "$image", ())


def test_first_tag_decides_and_tags_of_its_task_and_image_join_it() -> None:
    found = target_of(
        tag("PolygonLabels", "outline", "car", "bus"),
        tag("RectangleLabels", "box", "person"),
        tag("BrushLabels", "mask", "bus", "tree"),
        tag("PolygonLabels", "other image", "cat", image="b"),
        tag("PolygonLabels", "other weights", "dog", model_path="own.pt"),
    )
    assert (found.controls, found.labels) == (("outline", "mask"), ("car", "bus", "tree"))


def test_marked_tag_goes_before_all_others() -> None:
    found = target_of(
        tag("RectangleLabels", "box", "car"), tag("Choices", "weather", "sun", "rain", model_train="true")
    )
    assert (found.task, found.controls, found.labels) == ("classify", ("weather",), ("sun", "rain"))


def test_skipped_tag_is_not_trained() -> None:
    found = target_of(
        tag("RectangleLabels", "box", "car", model_skip="true"), tag("PolygonLabels", "outline", "bus")
    )
    assert found.controls == ("outline",)


def test_masks_of_boxes_join_boxes_unless_they_have_a_label_in_common() -> None:
    found = target_of(
        tag("RectangleLabels", "box", "car"),
        tag("BrushLabels", "of cars too", "car", "bus", sam_from_boxes="true"),
        tag("BrushLabels", "of trees", "tree", sam_from_boxes="true"),
        tag("RectangleLabels", "box of cars too", "car", "van"),
    )
    assert found.controls == ("box", "of trees", "box of cars too")


def test_prompts_of_smart_tools_are_not_trained() -> None:
    found = target_of(
        tag("RectangleLabels", "frame", "car", smart="true", model_skip="true"),
        tag("KeyPointLabels", "click", "car", smart="true"),
        tag("BrushLabels", "mask", "car"),
    )
    assert (found.task, found.controls) == ("segment", ("mask",))


@pytest.mark.parametrize("points_first", [False, True])
def test_boxes_with_key_points_on_their_image_make_a_pose(points_first: bool) -> None:
    tags = [
        tag("RectangleLabels", "box", "person"),
        tag("KeyPointLabels", "joints", "elbow=1", "nose=0"),
    ]
    found = target_of(*(reversed(tags) if points_first else tags))
    assert found == TrainingTarget("pose", ("box", "joints"), ("person",), "$image", ("nose", "elbow"))


def test_key_points_of_another_image_leave_boxes_alone() -> None:
    found = target_of(
        tag("RectangleLabels", "box", "person"), tag("KeyPointLabels", "joints", "nose=0", image="b")
    )
    assert (found.task, found.controls) == ("detect", ("box",))


def test_key_points_from_other_weights_leave_boxes_alone() -> None:
    found = target_of(
        tag("RectangleLabels", "box", "person"),
        tag("KeyPointLabels", "joints", "nose=0", model_path="pose.pt"),
    )
    assert (found.task, found.controls) == ("detect", ("box",))


def test_marked_key_points_take_their_boxes_along() -> None:
    found = target_of(
        tag("RectangleLabels", "box", "person"),
        tag("KeyPointLabels", "joints", "nose=0", model_train="true"),
    )
    assert (found.task, found.controls) == ("pose", ("box", "joints"))


def test_choice_of_several_is_passed_over_where_another_tag_can_be_trained() -> None:
    found = target_of(
        tag("Choices", "tags", "a", "b", choice="multiple"), tag("RectangleLabels", "box", "car")
    )
    assert found.controls == ("box",)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        pytest.param([], "Expected RectangleLabels", id="no tag"),
        pytest.param([tag("RectangleLabels", "r", "car", model_skip="true")], "model_skip", id="skipped"),
        pytest.param([tag("Choices", "c", "a", choice="multiple")], "one class", id="several classes"),
        pytest.param([tag("Choices", "c", "a", perRegion="true")], "whole images", id="of regions"),
        pytest.param([tag("KeyPointLabels", "k", "nose")], "model_index", id="points without numbers"),
        pytest.param([tag("KeyPointLabels", "k", "nose=0")], "RectangleLabels", id="points without boxes"),
        pytest.param(
            [tag("RectangleLabels", "r", "a"), tag("KeyPointLabels", "k", "nose=0", "ear=2")],
            "0, 2",
            id="a number is missing",
        ),
        pytest.param(
            [tag("RectangleLabels", "r", "a"), tag("KeyPointLabels", "k", "nose=0", "ear=0")],
            "both have",
            id="a number is there twice",
        ),
        pytest.param(
            [
                tag("RectangleLabels", "r", "car"),
                tag("Choices", "c", "a", choice="multiple", model_train="true"),
            ],
            "one class",
            id="only the marked one counts",
        ),
    ],
)
def test_nothing_to_train_is_said_in_words(tags: list[str], words: str) -> None:
    with pytest.raises(LabelConfigError, match=words):
        target_of(*tags)
