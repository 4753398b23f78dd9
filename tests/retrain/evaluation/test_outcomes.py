"""Which predictions are right: examples worked by hand."""

import numpy as np
import pytest

from backend.entities import Box, Geometry, ImageSize, Mask, Point, Polygon, Region, RotatedBox
from retrain.evaluation.outcomes import IOUS, ImageOutcomes, gather_outcomes, image_outcomes
from tests.retrain.dataset.snapshots import LABELS, region, target

CAR, PERSON = LABELS[:2]
SQUARE = Box(0, 0, 10, 10)
FAR = Box(100, 50, 110, 60)
BIG = ImageSize(200, 100)


def truth(geometry: Geometry | None, label: str = CAR, **changes: object) -> Region:
    return region(geometry, label, **changes)


def found(geometry: Geometry | None, score: float = 0.9, label: str = CAR, **changes: object) -> Region:
    return region(geometry, label, score=score, **changes)


def part_of_square(share: float) -> Box:
    """Return a box whose IoU with the square is `share`."""
    return Box(0, 0, 10 * share, 10)


def highest_ious(outcomes: ImageOutcomes) -> list[float]:
    """Return for each prediction the highest IoU level at which it is right; 0 for a wrong one."""
    return [float(IOUS[row].max(initial=0)) for row in outcomes.is_right]


def test_prediction_is_right_up_to_the_iou_that_it_has() -> None:
    outcomes = image_outcomes([truth(SQUARE)], [found(part_of_square(0.6))], target())
    assert outcomes.is_right[0].tolist() == [True] * 3 + [False] * 7
    assert (outcomes.scores.tolist(), outcomes.classes.tolist()) == ([0.9], [0])
    assert outcomes.objects.tolist() == [1, 0, 0]


def test_second_prediction_of_one_object_is_wrong() -> None:
    outcomes = image_outcomes([truth(SQUARE)], [found(SQUARE, 0.8), found(SQUARE, 0.9)], target())
    assert outcomes.scores.tolist() == [0.9, 0.8]
    assert highest_ious(outcomes) == [0.95, 0]


def test_higher_score_goes_first_and_each_level_is_matched_for_itself() -> None:
    predictions = [found(part_of_square(0.82), 0.5), found(part_of_square(0.61), 0.9)]
    outcomes = image_outcomes([truth(SQUARE)], predictions, target())
    # At 0.50 to 0.60 the surer one takes the object; from 0.65 to 0.80 it does not reach it.
    assert outcomes.is_right[0].tolist() == [True] * 3 + [False] * 7
    assert outcomes.is_right[1].tolist() == [False] * 3 + [True] * 4 + [False] * 3


def test_prediction_takes_the_object_that_it_covers_best() -> None:
    objects = [truth(Box(0, 0, 10, 8)), truth(SQUARE)]
    outcomes = image_outcomes(objects, [found(SQUARE, 0.9), found(Box(0, 0, 10, 8), 0.8)], target())
    assert highest_ious(outcomes) == [0.95, 0.95]


def test_taken_object_leaves_the_next_best() -> None:
    objects = [truth(Box(0, 0, 10, 8)), truth(SQUARE)]
    outcomes = image_outcomes(objects, [found(SQUARE, 0.9), found(SQUARE, 0.8)], target())
    assert highest_ious(outcomes) == [0.95, 0.8]


def test_right_place_with_the_wrong_label_is_wrong() -> None:
    outcomes = image_outcomes([truth(SQUARE)], [found(SQUARE, label=PERSON)], target())
    assert highest_ious(outcomes) == [0]
    assert (outcomes.classes.tolist(), outcomes.objects.tolist()) == ([1], [1, 0, 0])


def test_labels_that_the_model_is_not_to_find_do_not_count() -> None:
    outcomes = image_outcomes([truth(SQUARE)], [found(SQUARE, label="boat")], target())
    assert not outcomes.scores.size


@pytest.mark.parametrize(
    ("task", "annotated", "predicted", "level"),
    [
        pytest.param(
            "obb", RotatedBox(50, 50, 40, 10, 30), RotatedBox(50, 50, 10, 40, 120), 0.95, id="quarter turn"
        ),
        pytest.param("obb", RotatedBox(50, 50, 40, 10, 0), RotatedBox(50, 50, 40, 10, 90), 0, id="crossed"),
        pytest.param(
            "segment",
            Polygon(((0, 0), (40, 0), (40, 20), (0, 20))),
            Mask(0, 0, np.ones((20, 30), bool)),
            0.75,
            id="three quarters of the mask",
        ),
        pytest.param(
            "segment",
            Polygon(((0, 0), (40, 0), (0, 40))),
            Mask(0, 0, np.triu(np.ones((40, 40), bool))),
            0,
            id="same box, other half",
        ),
    ],
)
def test_shapes_are_compared_as_they_are(
    task: str, annotated: Geometry, predicted: Geometry, level: float
) -> None:
    outcomes = image_outcomes([truth(annotated)], [found(predicted)], target(task))
    assert highest_ious(outcomes) == [level]


def pose(box: Box, points: dict[str, Point], *, score: float = 1.0, name: str) -> list[Region]:
    """Return a box and its key points."""
    marks = [
        region(point, label, id=f"{name}{label}", control="point", parent=name, score=score)
        for label, point in points.items()
    ]
    return [region(box, CAR, id=name, score=score), *marks]


def test_pose_is_right_by_its_points_and_not_by_its_box() -> None:
    person = pose(SQUARE, {"nose": Point(5, 5), "left hand": Point(1, 1)}, name="truth0")
    near = pose(SQUARE, {"nose": Point(5, 5), "left hand": Point(1, 1)}, score=0.8, name="near")
    far = pose(SQUARE, {"nose": Point(60, 60), "left hand": Point(70, 1)}, score=0.9, name="far")
    outcomes = image_outcomes(person, [*near, *far], target("pose"))
    assert outcomes.scores.tolist() == [0.9, 0.8]
    assert highest_ious(outcomes) == [0, 0.95]


def test_pose_without_annotated_points_is_right_by_its_box() -> None:
    predicted = pose(part_of_square(0.72), {"nose": Point(60, 60)}, score=0.9, name="near")
    outcomes = image_outcomes(pose(SQUARE, {}, name="truth0"), predicted, target("pose"))
    assert highest_ious(outcomes) == [0.7]


def test_class_of_the_image_is_right_or_wrong() -> None:
    classes = target("classify")
    right = image_outcomes([truth(None)], [found(None)], classes)
    wrong = image_outcomes([truth(None)], [found(None, label=PERSON)], classes)
    assert (highest_ious(right), highest_ious(wrong)) == ([0.95], [0])


@pytest.mark.parametrize(
    ("objects", "predictions"),
    [
        pytest.param([], [], id="nothing there, nothing found"),
        pytest.param([truth(SQUARE)], [], id="nothing found"),
        pytest.param([], [found(SQUARE)], id="nothing there"),
    ],
)
def test_empty_images_have_nothing_right(objects: list[Region], predictions: list[Region]) -> None:
    outcomes = image_outcomes(objects, predictions, target())
    assert highest_ious(outcomes) == [0] * len(predictions)
    assert outcomes.objects.tolist() == [len(objects), 0, 0]


def test_images_are_put_together_by_score() -> None:
    one = image_outcomes([truth(SQUARE)], [found(SQUARE, 0.5), found(FAR, 0.9)], target())
    other = image_outcomes([truth(FAR, PERSON)], [found(FAR, 0.7, PERSON)], target())
    both = gather_outcomes([one, other], classes=3)
    assert both.scores.tolist() == [0.9, 0.7, 0.5]
    assert both.images.tolist() == [0, 1, 0]
    assert both.classes.tolist() == [0, 1, 0]
    assert both.is_right[:, 0].tolist() == [False, True, True]
    assert both.objects.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_no_images_put_together_are_no_predictions() -> None:
    nothing = gather_outcomes([], classes=3)
    assert (nothing.is_right.shape, nothing.objects.shape) == ((0, 10), (0, 3))
