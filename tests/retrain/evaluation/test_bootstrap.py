"""Intervals of the difference between two models on the same images."""

import numpy as np
import pytest

from backend.training.entities import Difference
from retrain.evaluation.bootstrap import Differences, bootstrap_differences
from retrain.evaluation.outcomes import Outcomes
from tests.retrain.evaluation.made_outcomes import (
    LABELS,
    LOWEST,
    image_of,
    outcomes_of,
    perfect_image,
    random_image,
    random_outcomes,
)

NOTHING = Difference(0.0, 0.0, 0.0)


def compared(
    challenger: Outcomes, champion: Outcomes, *, seed: int = 1, draws: int = 1000, task: str = "detect"
) -> Differences:
    return bootstrap_differences(
        challenger, champion, task=task, labels=LABELS, lowest=LOWEST, seed=seed, draws=draws
    )


def test_equal_models_differ_by_exactly_nothing() -> None:
    found = compared(random_outcomes(3), random_outcomes(3))
    assert found.overall == NOTHING
    assert found.classes == dict.fromkeys(LABELS, NOTHING)
    assert found.shown == NOTHING


def test_both_models_are_drawn_on_the_same_images() -> None:
    # Equal but for one image, so that no draw of the same images can make the challenger worse.
    rng = np.random.default_rng(5)
    images = [random_image(rng) for _ in range(30)]
    better = [perfect_image(images[0].objects.tolist()), *images[1:]]
    found = compared(outcomes_of(better), outcomes_of(images))
    assert found.overall is not None and found.overall.value > 0 and found.overall.low >= 0


def test_clearly_better_model_is_surely_better() -> None:
    rng = np.random.default_rng(6)
    images = [random_image(rng, skill=0.4) for _ in range(40)]
    better = [perfect_image(each.objects.tolist(), skill=0.9) for each in images]
    found = compared(outcomes_of(better), outcomes_of(images))
    assert found.overall is not None
    assert 0 < found.overall.low < found.overall.value < found.overall.high
    turned = compared(outcomes_of(images), outcomes_of(better))
    assert turned.overall is not None
    assert turned.overall.value == -found.overall.value
    assert turned.overall.low == pytest.approx(-found.overall.high)


def test_equal_seeds_give_equal_intervals() -> None:
    one, other = random_outcomes(1), random_outcomes(1, skill=0.5)
    other = Outcomes(other.images, other.scores, other.classes, other.is_right, one.objects)
    assert compared(one, other, seed=4) == compared(one, other, seed=4)
    assert compared(one, other, seed=4) != compared(one, other, seed=5)


def test_class_that_loses_is_told_from_those_that_do_not() -> None:
    images = [[1, 1, 0]] * 20
    champion = outcomes_of([perfect_image(objects) for objects in images])
    challenger = outcomes_of([image_of([(0, 0.9, 1.0)], objects) for objects in images])
    found = compared(challenger, champion)
    assert set(found.classes) == {"car", "person"}  # no light is in the test split
    assert found.classes["car"] == NOTHING
    assert found.classes["person"] == Difference(*[pytest.approx(-0.995)] * 3)


@pytest.mark.parametrize(("images_of_class", "is_sure"), [(3, False), (8, True)])
def test_class_in_three_images_is_never_surely_worse(images_of_class: int, is_sure: bool) -> None:
    objects = [[1, 1, 0]] * images_of_class + [[1, 0, 0]] * (30 - images_of_class)
    champion = outcomes_of([perfect_image(each) for each in objects])
    challenger = outcomes_of([image_of([(0, 0.9, 1.0)], each) for each in objects])
    fall = compared(challenger, champion).classes["person"]
    assert fall.value == pytest.approx(-0.995)
    assert (fall.high < 0) == is_sure


def test_class_that_a_draw_lacks_is_left_out_of_its_mean() -> None:
    # The lone person is lost; draws without it see no difference at all, those with it see half of all.
    objects = [[1, 1, 0], *[[1, 0, 0]] * 29]
    champion = outcomes_of([perfect_image(each) for each in objects])
    challenger = outcomes_of([image_of([(0, 0.9, 1.0)], each) for each in objects])
    found = compared(challenger, champion)
    assert found.overall == Difference(*map(pytest.approx, (-0.995 / 2, -0.995 / 2, 0.0)))


def test_nothing_to_find_gives_no_difference() -> None:
    empty = outcomes_of([image_of([(0, 0.9, 0.0)], [0, 0, 0])] * 3)
    assert compared(empty, empty) == Differences(None, {}, None)


def test_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    """Classifiers that are right with chances of 0.8 and 0.7: 95 % of the intervals should hold 0.1."""
    rng = np.random.default_rng(11)
    held = []
    for trial in range(150):
        difficulty = rng.random(80)  # one for both models, so that they are right on the same images
        new, old = (
            outcomes_of([image_of([(0, 0.9, float(hard < chance))], [1, 0, 0]) for hard in difficulty])
            for chance in (0.8, 0.7)
        )
        interval = compared(new, old, seed=trial, draws=300, task="classify").overall
        assert interval is not None
        held.append(interval.low <= 0.1 <= interval.high)
    assert 0.89 <= np.mean(held) <= 0.99
