"""What annotators are shown: the lowest score of each label's tag, and F1 from it on."""

import numpy as np
import pytest

from backend.entities import ControlTag
from backend.training.entities import TrainingTarget
from retrain.evaluation.shown import count_shown, lowest_scores
from tests.retrain.evaluation.made_outcomes import image_of, outcomes_of

DEFAULT = 0.25


def tag(name: str, *labels: str, lowest: str | None = None) -> ControlTag:
    return ControlTag(
        type="RectangleLabels",
        name=name,
        to_name="image",
        image_value="image",
        labels=labels,
        attributes={} if lowest is None else {"model_score_threshold": lowest},
    )


@pytest.mark.parametrize(
    ("controls", "expected"),
    [
        pytest.param([], [DEFAULT, DEFAULT], id="no config"),
        pytest.param([tag("boxes", "car", "dog")], [DEFAULT, DEFAULT], id="config names none"),
        pytest.param([tag("boxes", "car", "dog", lowest="0.6")], [0.6, 0.6], id="config names one"),
        pytest.param(
            [tag("boxes", "car", lowest="0.6"), tag("more", "car", "dog", lowest="0.1")],
            [0.6, 0.1],
            id="each label by the first of its tags",
        ),
        pytest.param(
            [tag("others", "car", "dog", lowest="0.6")], [DEFAULT, DEFAULT], id="another model's tag"
        ),
        pytest.param([tag("boxes", "car", "dog", lowest="much")], [DEFAULT, DEFAULT], id="no number"),
    ],
)
def test_lowest_score_is_that_of_the_tag(controls: list[ControlTag], expected: list[float]) -> None:
    target = TrainingTarget(
        task="detect", labels=("car", "dog"), controls=("boxes", "more"), image_value="image"
    )
    assert lowest_scores(target, controls, default=DEFAULT).tolist() == expected


def test_images_count_as_often_as_they_are_drawn() -> None:
    good = image_of([(0, 0.9, 0.7), (1, 0.2, 1.0)], [1, 1, 0])  # the person is not shown
    bad = image_of([(0, 0.5, 0.4)], [1, 0, 0])
    empty = image_of([], [0, 0, 0])
    # Each class by its own score.
    shown = count_shown(outcomes_of([good, bad, empty]), np.array([0.4, 0.3, 0.1]))
    assert (shown.regions.tolist(), shown.right.tolist(), shown.objects.tolist()) == (
        [1, 1, 0],
        [1, 0, 0],
        [2, 1, 0],
    )
    draws = np.array([[1, 1, 1], [3, 0, 0], [0, 3, 0], [0, 0, 3]])
    assert shown.f1(draws) == pytest.approx([2 / 5, 2 / 3, 0, np.nan], nan_ok=True)
