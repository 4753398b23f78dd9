"""The median's interval: its ends, and how often it holds the true median."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from backend.stats.intervals import Estimate
from backend.stats.median import estimate_median

REPEATS = 1000
Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def estimate(values: list[float], most: float = 1000) -> Estimate:
    found = estimate_median(values, least=0, most=most)
    assert found is not None
    return found


def test_no_values_have_no_median() -> None:
    assert estimate_median([], least=0, most=600) is None


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        pytest.param([30.0, 10.0, 20.0], 20, id="odd"),
        pytest.param([40.0, 10.0, 20.0, 30.0], 25, id="even"),
        pytest.param([7.0], 7, id="one"),
    ],
)
def test_median_is_the_middle_one_or_between_the_two(values: list[float], middle: float) -> None:
    assert estimate(values).value == middle


@pytest.mark.parametrize("count", range(1, 6))
def test_fewer_than_six_values_may_have_any_median(count: int) -> None:
    found = estimate([50.0] * count, most=600)
    assert (found.low, found.high) == (0, 600)


def test_ten_values_have_their_interval_between_the_second_and_the_third_from_each_end() -> None:
    # A sign test of ten has 0.9785 between the 2nd and the 9th, 0.8906 between the 3rd and the 8th:
    # I = 0.0285 / 0.0879 = 0.325, and 8 I / (2 + 6 I) = 0.658 of the way from the 2nd to the 3rd.
    found = estimate([float(value) for value in range(1, 11)])
    assert (found.low, found.high) == pytest.approx((2.658, 8.342), abs=0.001)


@pytest.mark.parametrize("count", [6, 7, 25, 100, 999, 100_000])
def test_ends_lie_between_the_two_pairs_next_to_the_confidence(count: int) -> None:
    depth = int(binom.ppf(0.025, count, 0.5))
    found = estimate([float(value) for value in range(1, count + 1)], most=count)
    assert depth <= found.low <= depth + 1
    assert count - depth <= found.high <= count + 1 - depth


def test_equal_values_leave_no_doubt() -> None:
    assert estimate([600.0] * 12) == Estimate(600, 600, 600)


def lognormal(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    return rng.lognormal(math.log(40), 0.8, size)


def capped(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Draw times of which every fifth is a long absence, cut at ten minutes."""
    return np.where(rng.random(size) < 0.2, 600.0, rng.uniform(20, 80, size))


@pytest.mark.parametrize("count", [6, 10, 20, 50, 200])
@pytest.mark.parametrize(
    ("draw", "true"), [pytest.param(lognormal, 40, id="skewed"), pytest.param(capped, 57.5, id="capped")]
)
def test_interval_holds_the_true_median_95_times_in_100(draw: Draw, true: float, count: int) -> None:
    drawn = draw(np.random.default_rng(count), (REPEATS, count)).tolist()
    intervals = [estimate(values, most=10_000) for values in drawn]
    held = sum(each.low <= true <= each.high for each in intervals)
    assert 0.93 <= held / REPEATS <= 0.97
