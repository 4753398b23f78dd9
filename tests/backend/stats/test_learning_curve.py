"""What is said of a target: how many images, that it is out of reach, or that it cannot be told."""

import math

import numpy as np
import pytest

from backend.stats.curve_fit import CurvePoint
from backend.stats.learning_curve import Forecast, Outlook, forecast, trace_curve
from backend.stats.power_law import PowerLaw

SIZES = [100, 160, 250, 400, 640, 1000, 1600]
RISING = PowerLaw(0.92, 2.5, 0.5)
FLAT_FROM_SOON_ON = PowerLaw(0.78, 3.0, 0.8)


def versions(law: PowerLaw, error: float, *, seed: int | None = None) -> list[CurvePoint]:
    noise = np.zeros(len(SIZES)) if seed is None else np.random.default_rng(seed).normal(size=len(SIZES))
    return [
        CurvePoint(f"v{number}", images, law.quality(images) + error * float(noise[number]), error)
        for number, images in enumerate(SIZES)
    ]


def series(sizes: list[int], quality: list[float], error: float = 0.01) -> list[CurvePoint]:
    return [CurvePoint(f"v{n}", n, q, error) for n, q in zip(sizes, quality, strict=True)]


def test_images_that_are_missing_are_counted_from_the_largest_version_on() -> None:
    found = forecast(versions(RISING, 0.002), 0.88)
    # 0.92 - 2.5 n^-0.5 = 0.88 where n = 3906, of which 1600 are there.
    assert found.outlook is Outlook.REACHABLE and found.more is not None
    assert found.more.value == pytest.approx(2306, rel=0.01)
    assert 1000 < found.more.low < 2306 < found.more.high < 6000
    assert found.advice.startswith("F1 0.88 takes about 2,400 more reviewed images (95 % interval 1,")
    assert "0.858 (95 % interval" in found.advice and "with 1,600 training images" in found.advice
    assert "0.920 - 2.5 n^-0.50" in found.advice


def test_images_that_go_to_other_splits_are_reviewed_on_top() -> None:
    all_trained, most_trained = (
        forecast(versions(RISING, 0.002), 0.88, train_share=share).more for share in (1.0, 0.8)
    )
    assert all_trained is not None and most_trained is not None
    assert most_trained.value == pytest.approx(all_trained.value / 0.8)
    assert most_trained.high == pytest.approx(all_trained.high / 0.8)


def test_upper_limit_that_is_unknown_is_said_to_be_so() -> None:
    found = forecast(versions(RISING, 0.008), 0.88)
    assert found.outlook is Outlook.REACHABLE and found.more is not None
    assert found.more.high == math.inf
    assert "at least" in found.advice and "an upper limit cannot be told yet" in found.advice


def test_plateau_below_the_target_advises_another_change() -> None:
    found = forecast(versions(FLAT_FROM_SOON_ON, 0.004), 0.85)
    assert found.outlook is Outlook.OUT_OF_REACH and found.ceiling is not None
    assert 0.76 < found.ceiling.low < 0.78 < found.ceiling.high < 0.85
    assert "levels off at 0.780" in found.advice
    assert "a larger architecture, a larger image size, or labels that agree better" in found.advice


def test_target_beyond_ten_times_the_images_is_out_of_reach_though_the_curve_may_get_there() -> None:
    found = forecast(versions(PowerLaw(1.0, 0.9, 0.1), 0.002), 0.8)
    # At 16,000 images the curve is at 0.658.
    assert found.outlook is Outlook.OUT_OF_REACH and found.ceiling is not None
    assert found.ceiling.high > 0.8
    assert "with 10 times as many, 16,000, the curve of 7 versions is at 0.6" in found.advice


def test_plateau_that_may_not_be_one_is_left_open() -> None:
    found = forecast(versions(FLAT_FROM_SOON_ON, 0.02), 0.83)
    assert found.outlook is Outlook.UNCERTAIN
    assert "cannot be told yet" in found.advice and "about 3,200 training images" in found.advice


@pytest.mark.parametrize("seed", range(20))
def test_plateau_is_hardly_ever_taken_for_a_rise(seed: int) -> None:
    found = forecast(versions(FLAT_FROM_SOON_ON, 0.006, seed=seed), 0.85)
    assert found.outlook in (Outlook.OUT_OF_REACH, Outlook.UNCERTAIN)


@pytest.mark.parametrize(
    ("error", "is_sure"), [pytest.param(0.002, True, id="surely"), pytest.param(0.02, False, id="perhaps")]
)
def test_target_that_is_reached_takes_no_more_images(error: float, is_sure: bool) -> None:
    found = forecast(versions(RISING, error), 0.85)
    assert found.outlook is Outlook.REACHED and found.more is not None
    assert found.more.value == 0
    assert found.advice.startswith("F1 0.85 is reached")
    assert ("not sure yet" in found.advice) != is_sure


def test_quality_that_falls_with_the_images_is_named() -> None:
    found = forecast(series(SIZES, [0.85, 0.83, 0.82, 0.80, 0.78, 0.77, 0.75]), 0.8)
    assert found.outlook is Outlook.FALLING and found.change is not None and found.change.high < 0
    assert found.advice.startswith("F1 falls as training images are added: by 0.02")
    assert "from 0.850 with 100 to 0.750 with 1,600" in found.advice


def test_flat_quality_with_noise_is_not_called_falling() -> None:
    found = forecast(series(SIZES, [0.71, 0.70, 0.69, 0.71, 0.70, 0.70, 0.69]), 0.85)
    assert found.outlook is Outlook.OUT_OF_REACH


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        pytest.param([], "no version has been measured", id="none"),
        pytest.param(series([100], [0.5]), "there is 1 version, with 100 training images", id="one"),
        pytest.param(
            series([100, 1500], [0.5, 0.7]), "there are 2 versions, with 100 and 1,500 training", id="two"
        ),
        pytest.param(
            series([500] * 4, [0.5, 0.6, 0.55, 0.7]),
            "all 4 versions have nearly the same number of training images, 500 to 500",
            id="equal numbers",
        ),
        pytest.param(
            series([100, 102, 900, 910], [0.5, 0.5, 0.7, 0.7]),
            "the 4 versions have only 2 different numbers of training images, from 100 to 910",
            id="two different numbers",
        ),
    ],
)
def test_too_few_versions_are_said_to_be_so(points: list[CurvePoint], reason: str) -> None:
    found = forecast(points, 0.85)
    assert found.outlook is Outlook.TOO_FEW and found.more is None and found.fit is None
    assert reason in found.advice and "A curve needs 3 versions" in found.advice


def test_version_that_is_left_out_is_noted() -> None:
    failed = CurvePoint("failed-1", 1300, 0.3, 0.02)
    found = forecast([*versions(RISING, 0.005), failed], 0.88, measure="mAP50-95")
    (note,) = found.notes
    assert note.startswith("Left out: version failed-1 with 1,300 training images, whose mAP50-95 0.300")


def test_scatter_that_the_test_split_does_not_explain_is_noted() -> None:
    noisy = [RISING.quality(n) + 0.03 * (-1) ** place for place, n in enumerate(SIZES)]
    (note,) = forecast(series(SIZES, noisy, 0.005), 0.95).notes
    assert "times as far from the curve as the size of the test split explains" in note


def test_measure_has_its_name_in_every_answer() -> None:
    answers: list[Forecast] = [
        forecast(points, 0.85, measure="mAP50")
        for points in (
            versions(RISING, 0.002),
            versions(FLAT_FROM_SOON_ON, 0.004),
            versions(FLAT_FROM_SOON_ON, 0.02),
            series(SIZES, [0.85, 0.83, 0.82, 0.80, 0.78, 0.77, 0.75]),
            [],
        )
    ]
    assert len({each.outlook for each in answers}) == 5
    assert all("mAP50" in each.advice and "F1" not in each.advice for each in answers)


@pytest.mark.parametrize(
    ("target", "share", "reach"),
    [
        pytest.param(1.0, 1.0, 10.0, id="target of 1"),
        pytest.param(0.8, 0.0, 10.0, id="nothing trained on"),
        pytest.param(0.8, 1.0, 1.0, id="no reach"),
    ],
)
def test_question_without_answer_is_refused(target: float, share: float, reach: float) -> None:
    with pytest.raises(ValueError, match="expected a target"):
        forecast(versions(RISING, 0.01), target, train_share=share, reach=reach)


def test_traced_curve_rises_within_its_widening_band() -> None:
    fit = forecast(versions(RISING, 0.005), 0.88).fit
    assert fit is not None
    band = trace_curve(fit, most=16_000, steps=12)
    assert (band[0].images, band[-1].images, len(band)) == (100, 16_000, 12)
    assert all(each.quality.low < each.quality.value < each.quality.high for each in band)
    assert all(one.quality.value < two.quality.value for one, two in zip(band, band[1:], strict=False))
    width = [each.quality.high - each.quality.low for each in band]
    assert width[-1] > 2 * min(width)
