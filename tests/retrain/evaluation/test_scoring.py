"""A model's figures at its threshold, and the choice of that: examples worked by hand."""

import pytest

from backend.training.entities import ClassScore
from retrain.evaluation.outcomes import Outcomes
from retrain.evaluation.scoring import best_threshold, score_model
from tests.retrain.evaluation.made_outcomes import LABELS, LOWEST, image_of, outcomes_of, perfect_image

DEFAULT = 0.25


def score(outcomes: Outcomes, *, threshold: float = 0.5, task: str = "detect"):  # type: ignore[no-untyped-def]
    return score_model(
        outcomes,
        task=task,
        labels=LABELS,
        version="new-1",
        threshold=threshold,
        lowest=LOWEST,
        latency_ms=12.5,
    )


@pytest.mark.parametrize(
    ("predictions", "objects", "threshold"),
    [
        # F1 at 0.9: 2/3; at 0.7: 2/4; at 0.6: 4/5; at 0.2: 4/6.
        pytest.param([(0, 0.9, 1), (0, 0.7, 0), (0, 0.6, 1), (0, 0.2, 0)], [2], 0.6, id="best in the middle"),
        pytest.param([(0, 0.9, 1), (0, 0.8, 0), (0, 0.8, 1)], [2], 0.8, id="equal scores go together"),
        # F1 is 1/2 both from 0.9 and from 0.4 on.
        pytest.param(
            [(0, 0.9, 1), (0, 0.8, 0), (0, 0.7, 0), (0, 0.6, 0), (0, 0.4, 1)], [3], 0.9, id="highest"
        ),
        pytest.param([(0, 0.9, 0.5)], [1], 0.9, id="by IoU 0.5"),
        pytest.param([(0, 0.9, 0)], [1], DEFAULT, id="nothing right"),
        pytest.param([], [1], DEFAULT, id="nothing found"),
    ],
)
def test_threshold_is_where_f1_is_best(
    predictions: list[tuple[int, float, float]], objects: list[int], threshold: float
) -> None:
    outcomes = outcomes_of([image_of(predictions, objects)], classes=1)
    assert best_threshold(outcomes, default=DEFAULT) == threshold


def test_threshold_without_images_is_the_default() -> None:
    assert best_threshold(outcomes_of([]), default=DEFAULT) == DEFAULT


def test_figures_hold_from_the_threshold_on() -> None:
    one = image_of([(0, 0.9, 0.7), (0, 0.5, 0), (0, 0.4, 1), (1, 0.8, 0)], [2, 1, 0])
    found = score(outcomes_of([one, image_of([(1, 0.6, 1)], [0, 1, 0])]))
    # Shown are three: of cars one right and one wrong, of persons one right and one wrong.
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    car, person, light = found.classes
    assert (car.precision, car.recall, car.f1, car.objects) == (0.5, 0.5, 0.5, 2)
    assert (person.precision, person.recall, person.objects) == (0.5, 0.5, 2)
    assert light == ClassScore("traffic light", 0, None, None, None, None, None)
    assert (found.version, found.threshold, found.latency_ms) == ("new-1", 0.5, 12.5)
    # From 0.25 on five are shown, three of them right, of four objects.
    assert found.shown_f1 == pytest.approx(6 / 9)


def test_mean_is_over_the_classes_that_are_there() -> None:
    found = score(outcomes_of([perfect_image([1, 0, 0], skill=0.5), perfect_image([0, 1, 0])]))
    car, person, _ = found.classes
    assert (car.map50, car.map50_95) == pytest.approx((0.995, 0.0995))
    assert (person.map50, person.map50_95) == pytest.approx((0.995, 0.995))
    assert (found.map50, found.map50_95) == pytest.approx((0.995, (0.0995 + 0.995) / 2))


def test_low_scores_count_for_average_precision_alone() -> None:
    found = score(outcomes_of([image_of([(0, 0.1, 1)], [1, 0, 0])]))
    assert (found.map50, found.recall) == pytest.approx((0.995, 0))


def test_classifier_has_its_accuracy_as_both_figures() -> None:
    images = [image_of([(0, 0.9, 1)], [1, 0, 0])] * 3 + [image_of([(0, 0.9, 0)], [0, 1, 0])]
    found = score(outcomes_of(images), task="classify")
    assert (found.map50, found.map50_95) == (0.75, 0.75)
    assert [each.map50_95 for each in found.classes] == [1.0, 0.0, None]


def test_nothing_to_find_is_nought() -> None:
    found = score(outcomes_of([image_of([(0, 0.9, 0)], [0, 0, 0])]))
    assert (found.map50, found.map50_95, found.precision, found.recall, found.f1) == (0, 0, 0, 0, 0)
    assert found.shown_f1 == 0
