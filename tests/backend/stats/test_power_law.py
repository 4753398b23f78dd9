"""The power law: its two directions, and its fit against scipy's."""

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit as fit_by_scipy
from scipy.optimize import minimize

from backend.stats.power_law import Floats, PowerLaw, Profile

LAW = PowerLaw(ceiling=0.9, factor=2.0, exponent=0.5)
IMAGES = np.array([100.0, 200, 400, 800, 1600])
ERRORS = np.array([0.02, 0.01, 0.03, 0.01, 0.02])


def noisy(law: PowerLaw, errors: Floats, *, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    return np.array([law.quality(each) for each in IMAGES]) + random.normal(size=len(IMAGES)) * errors


def test_number_of_images_and_quality_are_each_others_inverse() -> None:
    # 0.9 - 2 / sqrt(400) = 0.8
    assert LAW.quality(400) == pytest.approx(0.8)
    assert LAW.images(0.8) == pytest.approx(400)


@pytest.mark.parametrize("quality", [pytest.param(0.9, id="at it"), pytest.param(0.95, id="above it")])
def test_ceiling_is_never_reached(quality: float) -> None:
    assert LAW.images(quality) == math.inf
    assert LAW.quality(math.inf) == 0.9


def test_quality_next_to_a_ceiling_takes_more_images_than_a_float_holds() -> None:
    assert PowerLaw(0.9, 2.0, 0.05).images(0.9 - 1e-16) == math.inf


def test_flat_law_needs_no_images() -> None:
    assert PowerLaw(0.7, 0.0, 0.5).images(0.6) == 0


@pytest.mark.parametrize(
    "law",
    [
        pytest.param(PowerLaw(0.9, 2.0, 0.5), id="usual"),
        pytest.param(PowerLaw(0.99, 1.1, 0.12), id="slow"),
        pytest.param(PowerLaw(0.8, 40.0, 1.3), id="steep"),
        pytest.param(PowerLaw(1.0, 2.0, 0.4), id="ceiling of 1"),
    ],
)
def test_exact_curve_is_recovered(law: PowerLaw) -> None:
    quality = noisy(law, 0 * ERRORS, seed=1)
    found = Profile(IMAGES, quality, ERRORS**-2.0).law
    assert found.ceiling == pytest.approx(law.ceiling, abs=2e-3)
    assert found.exponent == pytest.approx(law.exponent, rel=5e-3)
    assert found.factor == pytest.approx(law.factor, rel=2e-2)


@pytest.mark.parametrize("seed", range(5))
def test_fit_is_at_least_as_good_as_scipys(seed: int) -> None:
    quality = noisy(LAW, ERRORS, seed=seed)
    profile = Profile(IMAGES, quality, ERRORS**-2.0)

    def curve(images: Floats, ceiling: float, gap: float, exponent: float) -> Floats:
        return ceiling - gap * (images / 400) ** -exponent

    bounds = ([0, 0, 0.05], [1, np.inf, 2])
    found, _ = fit_by_scipy(curve, IMAGES, quality, (0.9, 0.1, 0.5), ERRORS, bounds=bounds)
    misfit = float((((curve(IMAGES, *found) - quality) / ERRORS) ** 2).sum())
    ours = (profile.law.quality(images) for images in IMAGES)
    assert profile.least == pytest.approx(float(((([*ours] - quality) / ERRORS) ** 2).sum()))
    assert profile.least <= misfit + 1e-4


@pytest.mark.parametrize(
    ("images", "quality"),
    [
        pytest.param(3200.0, 0.88, id="above the curve"),
        pytest.param(3200.0, 0.82, id="below the curve"),
        pytest.param(math.inf, 0.86, id="a ceiling"),
    ],
)
def test_best_law_through_a_point_is_that_of_a_search(images: float, quality: float) -> None:
    seen = noisy(LAW, ERRORS, seed=3)

    def rest(exponent: float) -> float:
        return 0.0 if math.isinf(images) else (images / 400) ** -exponent

    def misfit(gap_and_exponent: Floats) -> float:
        gap, exponent = gap_and_exponent
        rise = (IMAGES / 400) ** -exponent - rest(exponent)
        return float((((quality - gap * rise - seen) / ERRORS) ** 2).sum())

    starts = [(gap, exponent) for gap in (0.01, 0.05) for exponent in (0.1, 0.5, 1.5)]
    is_bounded = {"type": "ineq", "fun": lambda found: 1 - quality - found[0] * rest(found[1])}
    searches = (
        minimize(misfit, start, bounds=[(0, 5), (0.05, 2)], constraints=is_bounded, method="SLSQP")
        for start in starts
    )
    least = min(search.fun for search in searches if search.success)
    assert Profile(IMAGES, seen, ERRORS**-2.0).misfit(images, quality) == pytest.approx(least, abs=0.01)


def test_law_that_falls_is_fitted_as_flat() -> None:
    profile = Profile(IMAGES, np.array([0.9, 0.85, 0.8, 0.75, 0.7]), np.ones(5))
    assert profile.law.factor == 0 and profile.law.ceiling == pytest.approx(0.8)


def test_ceiling_stays_within_one_where_the_points_point_above() -> None:
    profile = Profile(IMAGES, np.array([0.2, 0.4, 0.6, 0.8, 1.0]), np.ones(5))
    assert profile.law.ceiling == 1
