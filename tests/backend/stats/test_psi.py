"""The stability index: its value, what chance makes of it, and how often its interval holds the true one."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, entropy

from backend.stats.psi import DRAWS, Stability, compare_pairs, compare_samples, psi

MIX = np.array([0.1, 0.2, 0.3, 0.25, 0.15])


def draw(mix: NDArray[np.float64], images: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw images of 4 objects on average, whose classes correlate by 0.2 within one image."""
    shares = random.dirichlet(mix * (1 / 0.2 - 1), images)
    return random.multinomial(1 + random.poisson(3, images), shares)


def one_each(places: NDArray[np.int64], bins: int) -> NDArray[np.int64]:
    return np.eye(bins, dtype=np.int64)[places]


def test_value_is_the_divergence_of_both_ways_together() -> None:
    expected, actual = np.array([400_000, 350_000, 250_000]), np.array([300_000, 300_000, 400_000])
    both = entropy(expected, actual) + entropy(actual, expected)
    assert float(psi(expected, actual)) == pytest.approx(both, rel=1e-4)


def test_value_of_four_equal_ranges_worked_by_hand() -> None:
    # (0.10 - 0.25) ln 0.4 + (0.20 - 0.25) ln 0.8 + (0.30 - 0.25) ln 1.2 + (0.40 - 0.25) ln 1.6
    by_hand = 0.15 * 0.916291 + 0.05 * 0.223144 + 0.05 * 0.182322 + 0.15 * 0.470004
    got = psi(np.array([250_000] * 4), np.array([100_000, 200_000, 300_000, 400_000]))
    assert float(got) == pytest.approx(by_hand, rel=1e-4)


def test_value_is_finite_where_a_bin_is_empty_on_one_side() -> None:
    assert 0 < float(psi(np.array([100, 0]), np.array([90, 10]))) < 2


@pytest.mark.parametrize(("n", "m", "bins"), [(200, 200, 10), (1000, 200, 5), (500, 2000, 10)])
def test_limit_of_independent_items_is_that_of_yurdakul(n: int, m: int, bins: int) -> None:
    random = np.random.default_rng(1)
    sides = [one_each(random.integers(0, bins, size), bins) for size in (n, m)]
    got = compare_samples(*sides, level=0.05)
    assert got.limit == pytest.approx((1 / n + 1 / m) * chi2.ppf(0.95, bins - 1), rel=0.08)
    assert got.chance == pytest.approx((1 / n + 1 / m) * (bins - 1), rel=0.05)


def test_limit_grows_where_objects_of_an_image_are_alike() -> None:
    random = np.random.default_rng(2)
    apart = one_each(random.choice(5, 1600, p=MIX), 5)
    # The same number of objects, four equal ones to an image.
    together = 4 * one_each(random.choice(5, 400, p=MIX), 5)
    ratio = (
        compare_samples(together, together, level=0.05).chance
        / compare_samples(apart, apart, level=0.05).chance
    )
    assert ratio == pytest.approx(4, rel=0.1)


def test_a_value_above_the_limit_has_a_p_value_of_at_most_the_level() -> None:
    random = np.random.default_rng(3)
    for share in np.linspace(0.5, 0.75, 30):
        sides = [one_each((random.random(100) < p).astype(np.int64), 2) for p in (0.5, share)]
        got = compare_samples(*sides, level=0.01)
        assert (got.value > got.limit + 1e-9) == (got.p_value <= 0.01)


def test_false_alarms_are_as_rare_as_the_level_says() -> None:
    random = np.random.default_rng(4)
    p_values = [
        compare_samples(draw(MIX, 60, random), draw(MIX, 40, random), level=0.05).p_value for _ in range(300)
    ]
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.085


@pytest.mark.parametrize(
    "mix",
    [
        pytest.param([0.2, 0.178, 0.267, 0.222, 0.133], id="a share doubles"),
        pytest.param([0.6, 0.05, 0.05, 0.25, 0.05], id="much is other"),
    ],
)
def test_interval_holds_the_true_value(mix: list[float]) -> None:
    now = np.array(mix)
    true = float(np.sum((now - MIX) * np.log(now / MIX)))
    random = np.random.default_rng(5)
    held = 0
    for _ in range(150):
        got = compare_samples(draw(MIX, 200, random), draw(now, 100, random), level=0.05)
        held += got.low <= true <= got.high
    assert 0.90 <= held / 150 <= 0.99


def test_interval_starts_at_0_without_a_change() -> None:
    random = np.random.default_rng(6)
    got = compare_samples(draw(MIX, 300, random), draw(MIX, 100, random), level=0.05)
    assert got.low == 0
    assert got.value < got.high < 0.15


def test_same_samples_give_the_same_answer() -> None:
    random = np.random.default_rng(7)
    sides = draw(MIX, 80, random), draw(MIX, 50, random)
    assert compare_samples(*sides, level=0.01) == compare_samples(*sides, level=0.01)


def test_images_without_items_and_empty_bins_change_nothing() -> None:
    random = np.random.default_rng(8)
    sides = draw(MIX, 80, random), draw(MIX, 50, random)
    wider = [np.pad(side, ((0, 7), (0, 2))) for side in sides]
    assert compare_samples(wider[0], wider[1], level=0.01) == compare_samples(*sides, level=0.01)


def test_one_bin_cannot_change() -> None:
    got = compare_samples(np.full((30, 1), 2), np.full((25, 1), 3), level=0.01)
    assert got == Stability(value=0, chance=0, limit=0, p_value=1, low=0, high=0)


def test_two_images_cannot_show_a_change() -> None:
    got = compare_samples(np.array([[1, 0]]), np.array([[0, 1]]), level=0.01)
    assert got.p_value == 1


def test_a_level_below_what_the_draws_resolve_has_no_limit() -> None:
    got = compare_samples(np.array([[1, 0]]), np.array([[0, 1]]), level=0.1 / DRAWS)
    assert math.isinf(got.limit)


def test_pairs_that_differ_both_ways_alike_have_no_change() -> None:
    random = np.random.default_rng(9)
    one, other = draw(MIX, 200, random), draw(MIX, 200, random)
    assert compare_pairs(one, other, level=0.01).p_value > 0.05


def test_pairs_show_a_smaller_change_than_two_samples_do() -> None:
    random = np.random.default_rng(10)
    one = draw(MIX, 150, random)
    other = one.copy()
    # In one image of six, one object of the second class is taken for one of the first.
    wrong = np.flatnonzero(one[:, 1] > 0)[::4]
    other[wrong, 0] += 1
    other[wrong, 1] -= 1
    assert compare_pairs(one, other, level=0.01).p_value < 0.01
    assert compare_samples(one, other, level=0.01).p_value > 0.2


def test_pairs_that_are_equal_have_no_change() -> None:
    counts = draw(MIX, 40, np.random.default_rng(11))
    got = compare_pairs(counts, counts, level=0.01)
    assert (got.value, got.p_value, got.low, got.high) == (0, 1, 0, 0)
