"""Prediction bias: classes predicted too often or too rarely, judged on the same images."""

import numpy as np
import pytest

from backend.stats.change import Drift, Verdict
from backend.stats.intervals import Estimate
from backend.stats.prediction_bias import ReviewedImage, assess_prediction_bias, paired_difference

LABELS = ("car", "bus", "truck")


def review(
    images: int, random: np.random.Generator, *, wrong: dict[tuple[str, str], float]
) -> list[ReviewedImage]:
    """Draw images with 4 objects on average; `wrong` says how often one label is predicted as another."""
    reviewed = []
    for number in 1 + random.poisson(3, images):
        shares = random.dirichlet([4, 2, 2])
        corrected = dict.fromkeys(LABELS, 0)
        predicted = dict.fromkeys(LABELS, 0)
        for label in random.choice(LABELS, number, p=shares).tolist():
            corrected[label] += 1
            told = [
                other for (true, other), rate in wrong.items() if true == label and random.random() < rate
            ]
            predicted[(told or [label])[0]] += 1
        reviewed.append(ReviewedImage(predicted, corrected))
    return reviewed


def difference(drift: Drift, label: str) -> Estimate:
    (found,) = (each.difference for each in drift.bins if each.name == label)
    return found


def test_model_that_confuses_both_ways_alike_is_not_biased() -> None:
    random = np.random.default_rng(1)
    wrong = {("bus", "truck"): 0.2, ("truck", "bus"): 0.2}
    found = [assess_prediction_bias(review(150, random, wrong=wrong)) for _ in range(20)]
    assert not any(drift.is_alarm for drift in found)


def test_class_that_is_taken_for_another_is_named() -> None:
    random = np.random.default_rng(2)
    found = [assess_prediction_bias(review(150, random, wrong={("bus", "car"): 0.5})) for _ in range(20)]
    assert all(drift.is_alarm for drift in found)
    assert all(
        "predicts bus too rarely" in d.sentence or "predicts car too often" in d.sentence for d in found
    )
    assert all(difference(drift, "car").low > 0 > difference(drift, "bus").high for drift in found)


def test_interval_of_a_difference_holds_the_true_one() -> None:
    random = np.random.default_rng(3)
    # Of a quarter of all objects a fifth.
    true, repeats = 0.25 * 0.2, 200
    held = 0
    for _ in range(repeats):
        images = review(60, random, wrong={("bus", "car"): 0.2})
        found = difference(assess_prediction_bias(images), "car")
        held += found.low <= true <= found.high
    assert 0.91 <= held / repeats <= 0.99


def test_right_predictions_differ_in_nothing() -> None:
    drift = assess_prediction_bias(review(50, np.random.default_rng(4), wrong={}))
    assert (drift.verdict, drift.value) == (Verdict.NONE, 0)
    for each in drift.bins:
        assert each.difference.value == 0
        assert -0.02 < each.difference.low <= 0 <= each.difference.high < 0.02


def test_deleted_objects_of_one_class_are_a_bias() -> None:
    random = np.random.default_rng(5)
    right = review(120, random, wrong={})
    images = [
        ReviewedImage({**image.predicted, "truck": image.predicted["truck"] + 2}, image.corrected)
        for image in right
    ]
    assert "predicts truck too often" in assess_prediction_bias(images).sentence


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([], id="none"),
        pytest.param([ReviewedImage({"car": 1}, {"car": 1})] * 19, id="19"),
        pytest.param([ReviewedImage({}, {"car": 1})] * 100, id="nothing predicted"),
        pytest.param([ReviewedImage({"car": 1}, {})] * 100, id="nothing right"),
    ],
)
def test_too_few_images_are_not_judged(images: list[ReviewedImage]) -> None:
    drift = assess_prediction_bias(images)
    assert (drift.verdict, drift.value, drift.bins) == (Verdict.UNKNOWN, None, ())


def test_paired_difference_is_that_of_newcombe_for_independent_ones() -> None:
    # Newcombe 1998, independent samples, method 10: 56/70 - 48/80 is 0.0524 to 0.3339.
    first, second = Estimate(0.8, 0.692, 0.8768), Estimate(0.6, 0.4904, 0.7001)
    got = paired_difference(first, second, correlation=0)
    assert (got.low, got.high) == pytest.approx((0.0526, 0.3338), abs=5e-4)


def test_paired_difference_narrows_as_the_two_correlate() -> None:
    estimate = Estimate(0.5, 0.4, 0.6)
    widths = [paired_difference(estimate, estimate, correlation=c).high for c in (0, 0.5, 1)]
    assert widths == pytest.approx([0.1 * 2**0.5, 0.1, 0])
