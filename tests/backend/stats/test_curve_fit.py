"""The fit of a learning curve: outliers, intervals, and how often those hold the truth."""

import math

import numpy as np
import pytest

from backend.stats.curve_fit import (
    CurvePoint,
    can_fit,
    count_sizes,
    estimate_change,
    fit_curve,
    share_error,
)
from backend.stats.power_law import PowerLaw

LAW = PowerLaw(ceiling=0.9, factor=2.5, exponent=0.5)
REPEATS = 300


def points_of(sizes: list[int], quality: list[float], error: float = 0.01) -> list[CurvePoint]:
    versions = enumerate(zip(sizes, quality, strict=True))
    return [CurvePoint(f"v{number}", images, share, error) for number, (images, share) in versions]


def sizes_of(versions: int) -> list[int]:
    return np.geomspace(100, 2000, versions).round().astype(int).tolist()


def draw(
    law: PowerLaw, versions: int, error: float, random: np.random.Generator, *, scatter: float = 1
) -> list[CurvePoint]:
    sizes = sizes_of(versions)
    true = np.array([law.quality(images) for images in sizes])
    seen = np.clip(true + random.normal(size=versions) * error * scatter, 0, 1)
    return points_of(sizes, seen.tolist(), error)


@pytest.mark.parametrize(
    ("images", "quality", "error"),
    [
        pytest.param(0, 0.5, 0.1, id="no image"),
        pytest.param(10, 1.1, 0.1, id="quality above 1"),
        pytest.param(10, math.nan, 0.1, id="quality that is no number"),
        pytest.param(10, 0.5, -0.1, id="negative error"),
        pytest.param(10, 0.5, math.inf, id="error without end"),
    ],
)
def test_point_that_cannot_be_is_refused(images: int, quality: float, error: float) -> None:
    with pytest.raises(ValueError, match="expected at least one image"):
        CurvePoint("v", images, quality, error)


def test_share_error_is_that_of_agresti_and_coull() -> None:
    # (90 + 1.92) / (100 + 3.84) = 0.8852; sqrt(0.8852 * 0.1148 / 103.84) = 0.03128
    assert share_error(0.9, 100) == pytest.approx(0.03128, abs=1e-5)
    assert share_error(1.0, 20) > 0.03
    with pytest.raises(ValueError, match="test object, got 0"):
        share_error(0.9, 0)


def test_numbers_of_images_within_a_tenth_count_as_one() -> None:
    assert count_sizes(points_of([100, 105, 110, 111, 300], [0.5] * 5)) == 3


@pytest.mark.parametrize(
    ("sizes", "is_enough"),
    [
        pytest.param([], False, id="none"),
        pytest.param([100, 200], False, id="two"),
        pytest.param([100, 100, 200, 205], False, id="four of two sizes"),
        pytest.param([100, 115, 130], False, id="too near to each other"),
        pytest.param([100, 130, 170], True, id="three"),
    ],
)
def test_curve_needs_three_numbers_of_images_that_are_apart(sizes: list[int], is_enough: bool) -> None:
    points = points_of(sizes, [0.5] * len(sizes))
    assert can_fit(points) == is_enough
    if not is_enough:
        with pytest.raises(ValueError, match="expected at least 3 different numbers"):
            fit_curve(points)


def test_order_of_the_versions_does_not_matter() -> None:
    points = draw(LAW, 6, 0.01, np.random.default_rng(1))
    there, back = fit_curve(points), fit_curve(points[::-1])
    assert there.law == back.law and there.points == back.points and there.largest == 2000


def test_precise_versions_narrow_the_interval() -> None:
    exact = [LAW.quality(images) for images in sizes_of(8)]
    needed = fit_curve(points_of(sizes_of(8), exact, 0.001)).estimate_images(0.87)
    # 0.9 - 2.5 n^-0.5 = 0.87 where n = (2.5 / 0.03)^2
    assert needed.value == pytest.approx(6944, rel=0.01)
    assert 5000 < needed.low < 6944 < needed.high < 11000
    wide = fit_curve(points_of(sizes_of(8), exact, 0.004)).estimate_images(0.87)
    assert wide.low < needed.low and wide.high > needed.high


def test_ends_of_both_intervals_agree() -> None:
    fit = fit_curve(draw(LAW, 10, 0.004, np.random.default_rng(2)))
    needed = fit.estimate_images(0.86)
    assert fit.estimate_quality(needed.low).high == pytest.approx(0.86, abs=1e-5)
    assert fit.estimate_quality(needed.high).low == pytest.approx(0.86, abs=1e-5)


def test_quality_above_every_ceiling_is_never_reached() -> None:
    needed = fit_curve(points_of(sizes_of(8), [0.7] * 8, 0.005)).estimate_images(0.95)
    assert (needed.value, needed.low, needed.high) == (math.inf, math.inf, math.inf)


def test_quality_below_the_curve_takes_no_images() -> None:
    needed = fit_curve(points_of(sizes_of(8), [0.7] * 8, 0.005)).estimate_images(0.6)
    assert needed.value == 1 and needed.high < 100


def test_perfect_and_worthless_versions_have_intervals_within_bounds() -> None:
    best = fit_curve(points_of(sizes_of(5), [1.0] * 5, 0.0)).estimate_quality(math.inf)
    worst = fit_curve(points_of(sizes_of(5), [0.0] * 5, 0.0)).estimate_quality(100)
    assert 0.99 < best.low <= best.value == best.high == 1
    assert 0 == worst.low == worst.value < worst.high < 0.01


def test_failed_version_is_left_out_and_named() -> None:
    points = [*draw(LAW, 8, 0.01, np.random.default_rng(3)), CurvePoint("failed", 1500, 0.3, 0.02)]
    fit = fit_curve(points)
    assert [point.version for point in fit.left_out] == ["failed"] and len(fit.points) == 8
    assert fit.law == fit_curve(points[:-1]).law


def test_no_more_than_a_fifth_is_left_out() -> None:
    points = draw(LAW, 10, 0.01, np.random.default_rng(4))
    failed = [CurvePoint(f"failed{number}", 600 + number, 0.2, 0.01) for number in range(5)]
    assert len(fit_curve([*points, *failed]).left_out) <= 3


def test_few_versions_are_all_kept() -> None:
    fit = fit_curve(points_of([100, 200, 400, 800], [0.6, 0.7, 0.1, 0.8]))
    assert not fit.left_out and fit.scatter is not None and fit.scatter > 5


def test_versions_without_failures_are_hardly_ever_left_out() -> None:
    random = np.random.default_rng(5)
    assert sum(bool(fit_curve(draw(LAW, 8, 0.01, random)).left_out) for _ in range(60)) == 0


def test_scatter_beyond_the_standard_errors_widens_the_interval() -> None:
    wild = fit_curve(draw(LAW, 12, 0.005, np.random.default_rng(6), scatter=5))
    tame = fit_curve(draw(LAW, 12, 0.005, np.random.default_rng(6)))
    assert wild.scatter is not None and tame.scatter is not None
    assert wild.scatter > 3 > 1.5 > tame.scatter
    widths = [(each := fit.estimate_quality(1000)).high - each.low for fit in (wild, tame)]
    assert widths[0] > 3 * widths[1]


def test_three_versions_say_nothing_of_their_scatter() -> None:
    assert fit_curve(points_of([100, 400, 1600], [0.65, 0.78, 0.84])).scatter is None


@pytest.mark.parametrize(
    ("law", "versions", "error", "target"),
    [
        pytest.param(LAW, 4, 0.005, 0.87, id="four versions"),
        pytest.param(LAW, 8, 0.005, 0.87, id="eight versions"),
        pytest.param(LAW, 20, 0.02, 0.87, id="twenty coarse versions"),
        pytest.param(PowerLaw(0.95, 1.2, 0.25), 8, 0.01, 0.8, id="slow curve"),
    ],
)
def test_intervals_hold_the_truth_about_95_times_in_100(
    law: PowerLaw, versions: int, error: float, target: float
) -> None:
    random = np.random.default_rng(7)
    images, later, ceiling = law.images(target), law.quality(6000), law.ceiling
    held = np.zeros(3)
    for _ in range(REPEATS):
        fit = fit_curve(draw(law, versions, error, random))
        truths = (images, later, ceiling)
        found = (
            fit.estimate_images(target),
            fit.estimate_quality(6000),
            fit.estimate_quality(math.inf),
        )
        held += [each.low <= truth <= each.high for each, truth in zip(found, truths, strict=True)]
    # With 300 draws, 0.95 is seen as 0.925 to 0.975; the bounds of the law make it a little more.
    assert (held / REPEATS >= 0.93).all() and (held / REPEATS <= 0.985).all()


def test_interval_holds_the_truth_of_versions_that_scatter_more_than_their_errors() -> None:
    random = np.random.default_rng(8)
    held = 0
    for _ in range(REPEATS):
        found = fit_curve(draw(LAW, 15, 0.01, random, scatter=3)).estimate_quality(6000)
        held += found.low <= LAW.quality(6000) <= found.high
    assert 0.93 <= held / REPEATS <= 0.985


def test_change_per_doubling_is_that_of_numpys_weighted_line() -> None:
    points = [
        CurvePoint("a", 100, 0.5, 0.02),
        CurvePoint("b", 200, 0.56, 0.01),
        CurvePoint("c", 400, 0.6, 0.03),
        CurvePoint("d", 900, 0.68, 0.01),
    ]
    change = estimate_change(points)
    weights = [1 / point.standard_error for point in points]
    (slope, _), covariance = np.polyfit(
        np.log2([point.images for point in points]),
        [point.quality for point in points],
        1,
        w=weights,
        cov="unscaled",
    )
    assert change is not None and change.value == pytest.approx(slope)
    assert change.high - change.value == pytest.approx(1.959964 * math.sqrt(covariance[0, 0]))


def test_no_change_is_told_from_two_versions_or_one_number_of_images() -> None:
    assert estimate_change(points_of([100, 200], [0.5, 0.6])) is None
    assert estimate_change(points_of([100, 100, 100], [0.5, 0.6, 0.7])) is None
