"""The score of a task: low means that a person should look first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.entities import Box, ControlTag, Detection, ImageSize, Keypoint
from backend.inference.certainty import object_scores, task_certainty
from backend.inference.regions import TagFindings

SHARE = st.floats(0, 1)


@pytest.mark.parametrize(
    ("scores", "threshold", "certainty"),
    [
        pytest.param([0.9], 0.25, 0.9, id="one region"),
        pytest.param([0.9, 0.5], 0.25, 0.7, id="mean of two"),
        pytest.param([], 0.25, 0.75, id="empty at the default threshold"),
        pytest.param([], 0.0, 1.0, id="empty where everything would be shown"),
        pytest.param([], 1.0, 0.0, id="empty where nothing would be shown"),
    ],
)
def test_certainty_is_the_mean_score_or_one_minus_the_threshold(
    scores: list[float], threshold: float, certainty: float
) -> None:
    assert task_certainty(scores, threshold=threshold) == pytest.approx(certainty)


def test_empty_image_comes_between_doubtful_and_sure_boxes() -> None:
    doubtful, empty, sure = (task_certainty(s, threshold=0.25) for s in ([0.3, 0.4], [], [0.9]))
    assert doubtful < empty < sure


@given(st.lists(SHARE, max_size=300), SHARE)
def test_certainty_is_a_share(scores: list[float], threshold: float) -> None:
    assert 0 <= task_certainty(scores, threshold=threshold) <= 1 + 1e-12


def findings(kind: str, *detections: Detection, **attributes: str) -> TagFindings:
    control = ControlTag(kind, kind, "image", "$image", (), attributes=attributes)
    is_points = kind == "KeyPointLabels"
    points = {"person": {0: "nose", 1: "left eye", 2: "right eye"}} if is_points else {}
    labels = {} if is_points else {"person": "Person", "dog": "Dog", "hound": "Dog"}
    return TagFindings(control, labels, points, detections, ImageSize(200, 100))


def seen(score: float, name: str = "person") -> Detection:
    points = tuple(Keypoint(x, 20, 0.9) for x in (30, 35, 40))
    return Detection(name, score, Box(20, 10, 120, 60), points)


def named(score: float, name: str = "person") -> Detection:
    return Detection(name, score, None)


PERSON = seen(0.4)


@pytest.mark.parametrize(
    ("found", "scores"),
    [
        pytest.param([findings("RectangleLabels", PERSON, seen(0.8))], [0.4, 0.8], id="objects"),
        pytest.param([findings("RectangleLabels", PERSON, seen(0.8, "boat"))], [0.4], id="no label"),
        pytest.param([findings("KeyPointLabels", PERSON)], [0.4], id="three points are one object"),
        pytest.param(
            [findings("KeyPointLabels", PERSON), findings("RectangleLabels", PERSON, seen(0.8, "dog"))],
            [0.4, 0.8],
            id="one object in two tags",
        ),
        pytest.param([findings("RectangleLabels")], [], id="no object"),
        pytest.param([findings("Choices", named(0.3), named(0.6, "dog"))], [0.6], id="surest class"),
        pytest.param(
            [findings("Choices", named(0.3), named(0.6, "dog"), named(0.5, "hound"), choice="multiple")],
            [0.6, 0.3],
            id="all classes, each label once",
        ),
        pytest.param([findings("Choices")], [0.25], id="no class is doubtful"),
        pytest.param([findings("RectangleLabels", PERSON), findings("Choices")], [0.4, 0.25], id="both"),
    ],
)
def test_what_counts_is_each_object_and_each_class_once(
    found: list[TagFindings], scores: list[float]
) -> None:
    assert object_scores(found, threshold=0.25) == scores


def test_image_without_a_class_comes_first_and_one_without_objects_late() -> None:
    def certainty(tag: TagFindings) -> float:
        return task_certainty(object_scores([tag], threshold=0.25), threshold=0.25)

    ordered = [findings("Choices"), findings("Choices", named(0.3)), findings("RectangleLabels")]
    assert [certainty(tag) for tag in ordered] == pytest.approx([0.25, 0.3, 0.75])
