"""Intervals of tasks drawn with replacement: how often they hold the true figure."""

import numpy as np
import pytest

from backend.stats.agreement_figures import ALPHA, share
from backend.stats.bootstrap import Figure, Floats, bootstrap
from backend.stats.kappa_alpha import alpha_of

SHARE = Figure(lambda rows: share(rows[..., 0], rows[..., 1]))


def simulate_share(rng: np.random.Generator, *, tasks: int, mean: float) -> Floats:
    """Return tasks of 6 regions on average, alike within a task (correlation 0.1)."""
    regions = 1 + rng.poisson(5, tasks)
    own = rng.beta(mean * 9, (1 - mean) * 9, tasks)
    return np.stack([rng.binomial(regions, own), regions], axis=1).astype(np.float64)


def simulate_alpha(rng: np.random.Generator, *, tasks: int) -> Floats:
    """Return rows for alpha: two raters, three values, who err in the same tasks."""
    rows = np.zeros((tasks, 4))
    for row in rows:
        things = 1 + rng.poisson(5)
        truth = rng.choice(3, size=things, p=(0.6, 0.3, 0.1))
        error = rng.beta(1, 9)
        said = [np.where(rng.random(things) < error, rng.integers(3, size=things), truth) for _ in range(2)]
        row[0] = 2 * np.count_nonzero(said[0] == said[1])
        row[1:] = np.bincount(np.concatenate(said), minlength=3)
    return rows


@pytest.mark.parametrize(("tasks", "mean"), [(20, 0.8), (50, 0.8), (50, 0.5), (100, 0.9)])
def test_interval_of_a_share_holds_it_19_times_in_20(tasks: int, mean: float) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(1000):
        (found,) = bootstrap(simulate_share(rng, tasks=tasks, mean=mean), SHARE, seed=seed, draws=400)
        assert found is not None
        held += found.low <= mean <= found.high
    assert 930 <= held <= 970


def test_interval_of_alpha_holds_it_19_times_in_20() -> None:
    rng = np.random.default_rng(2)
    true = float(alpha_of(simulate_alpha(rng, tasks=30_000).sum(axis=0)))
    held = 0
    for seed in range(1000):
        (found,) = bootstrap(simulate_alpha(rng, tasks=40), ALPHA, seed=seed, draws=400)
        assert found is not None
        held += found.low <= true <= found.high
    assert 930 <= held <= 970


def test_equal_seeds_give_equal_intervals_and_each_figure_has_the_same_draws() -> None:
    rows = simulate_share(np.random.default_rng(3), tasks=30, mean=0.7)
    once, twice = bootstrap(rows, SHARE, SHARE, seed=5)
    assert once == twice == bootstrap(rows, SHARE, seed=5)[0] != bootstrap(rows, SHARE, seed=6)[0]


def test_tasks_that_all_agree_leave_room_for_the_next_one() -> None:
    (few,) = bootstrap(np.full((5, 2), 3.0), SHARE, seed=1)
    (many,) = bootstrap(np.full((500, 2), 3.0), SHARE, seed=1)
    assert few is not None and many is not None
    # Wilson's interval of 5 in 5, and of 500 in 500.
    assert (few.value, few.high) == (1, 1) and few.low == pytest.approx(0.5655, abs=0.0001)
    assert (many.value, many.high) == (1, 1) and many.low == pytest.approx(0.9924, abs=0.0001)


def test_full_agreement_on_rare_values_says_less() -> None:
    def low(rare: int) -> float:
        rows = np.array([[10, 10 - rare, rare]] * 20, np.float64)
        (found,) = bootstrap(rows, ALPHA, seed=1)
        assert found is not None and found.value == found.high == 1
        return found.low

    assert low(1) < low(5) < 1


def test_one_task_has_a_wide_interval() -> None:
    (found,) = bootstrap(np.array([[3.0, 4.0]]), SHARE, seed=1)
    assert found is not None and found.value == 0.75 and (found.low, found.high) == (0, 1)


def test_tasks_that_add_nothing_do_not_make_the_interval_narrower() -> None:
    rows = simulate_share(np.random.default_rng(4), tasks=10, mean=0.7)
    padded = np.concatenate([rows, np.zeros((200, 2))])
    assert bootstrap(padded, SHARE, seed=1) == bootstrap(rows, SHARE, seed=1)


@pytest.mark.parametrize("rows", [np.zeros((0, 2)), np.zeros((4, 2))])
def test_without_items_there_is_no_figure(rows: Floats) -> None:
    assert bootstrap(rows, SHARE, SHARE, seed=1) == (None, None)


def test_estimate_lies_within_its_interval() -> None:
    rng = np.random.default_rng(6)
    for seed in range(300):
        rows = simulate_share(rng, tasks=int(rng.integers(1, 8)), mean=0.9)
        (found,) = bootstrap(rows, SHARE, seed=seed, draws=50)
        assert found is not None and 0 <= found.low <= found.value <= found.high <= 1
