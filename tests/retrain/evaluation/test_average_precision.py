"""Average precision is that of ultralytics, of the images as they are and of images drawn anew."""

import numpy as np
import pytest

from retrain.evaluation.outcomes import Outcomes
from retrain.evaluation.quality import all_once, measure_quality
from tests.retrain.evaluation.made_outcomes import image_of, outcomes_of, perfect_image, random_outcomes

SAME = 1e-9
# The last of the 101 recalls is never passed, so that ultralytics' best is this.
BEST = 0.995


def of_ultralytics(outcomes: Outcomes, counts: np.ndarray) -> dict[int, np.ndarray]:
    """Return by class the average precision of the images, each as often as `counts` says."""
    from ultralytics.utils.metrics import ap_per_class

    times = counts[outcomes.images]
    objects = (outcomes.objects * counts[:, None]).sum(axis=0)
    values = ap_per_class(
        np.repeat(outcomes.is_right, times, axis=0),
        np.repeat(outcomes.scores, times),
        np.repeat(outcomes.classes, times),
        np.repeat(np.arange(len(objects)), objects),
    )
    return dict(zip(values[6].tolist(), values[5], strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_average_precision_is_that_of_ultralytics(quiet_ultralytics: None, seed: int) -> None:
    outcomes = random_outcomes(seed, images=1 + seed * 4)
    quality = measure_quality(outcomes, all_once(outcomes), task="detect")
    theirs = of_ultralytics(outcomes, np.ones(len(outcomes.objects), int))
    assert theirs
    for number in range(outcomes.objects.shape[1]):
        if number in theirs:
            assert quality.classes[0, number] == pytest.approx(theirs[number], abs=SAME)
        else:
            assert np.isnan(quality.classes[0, number]).all()
    assert quality.overall[0] == pytest.approx(np.mean(list(theirs.values()), axis=0), abs=SAME)


@pytest.mark.parametrize("seed", range(6))
def test_drawn_image_counts_as_often_as_it_was_drawn(quiet_ultralytics: None, seed: int) -> None:
    outcomes = random_outcomes(seed, images=25)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(25, np.full(25, 1 / 25), size=8).astype(np.int32)
    quality = measure_quality(outcomes, draws, task="segment")
    for row, counts in enumerate(draws):
        theirs = of_ultralytics(outcomes, counts)
        assert quality.overall[row] == pytest.approx(np.mean(list(theirs.values()), axis=0), abs=SAME)


def test_all_found_and_nothing_else_is_the_best() -> None:
    outcomes = outcomes_of([perfect_image([2, 1, 0]), perfect_image([0, 3, 0])])
    quality = measure_quality(outcomes, all_once(outcomes), task="detect")
    assert quality.overall[0] == pytest.approx(BEST)
    assert quality.classes[0, :, 0] == pytest.approx([BEST, BEST, np.nan], nan_ok=True)


def test_class_that_was_never_predicted_has_none() -> None:
    outcomes = outcomes_of([image_of([(0, 0.9, 1.0)], [1, 1, 0])])
    quality = measure_quality(outcomes, all_once(outcomes), task="detect")
    assert quality.classes[0, :, 0] == pytest.approx([BEST, 0, np.nan], nan_ok=True)
    assert quality.overall[0, 0] == pytest.approx(BEST / 2)


def test_draw_without_any_object_has_no_figure() -> None:
    outcomes = outcomes_of([perfect_image([1, 0, 0]), perfect_image([0, 0, 0])])
    quality = measure_quality(outcomes, np.array([[0, 2], [1, 1]], np.int32), task="detect")
    assert np.isnan(quality.overall[0]).all()
    assert quality.overall[1] == pytest.approx(BEST)


def test_classifier_is_measured_by_the_share_of_right_images() -> None:
    right, wrong = image_of([(0, 0.9, 1.0)], [1, 0, 0]), image_of([(0, 0.6, 0.0)], [0, 1, 0])
    outcomes = outcomes_of([right, right, right, wrong])
    quality = measure_quality(outcomes, np.array([[1, 1, 1, 1], [1, 0, 0, 3]], np.int32), task="classify")
    assert quality.overall[:, 0].tolist() == [0.75, 0.25]
    assert quality.classes[0, :, 0] == pytest.approx([1.0, 0.0, np.nan], nan_ok=True)
    assert (quality.overall == quality.overall[:, :1]).all()
