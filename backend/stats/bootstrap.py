"""Intervals for figures that are worked out from sums over tasks, by drawing tasks with replacement. Pure.

Bias-corrected and accelerated (Efron 1987, "Better bootstrap confidence intervals"), the acceleration by
leaving out one task at a time. With few tasks the bootstrap's variance is too small by (n - 1) / n and the
normal's quantile too; so Student's quantile times sqrt(n / (n - 1)) stands in for it (Hesterberg 2015, "What
teachers should know about the bootstrap", expanded percentile interval).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from backend.stats.intervals import CONFIDENCE, Estimate, wilson_interval

Floats = NDArray[np.float64]

DRAWS = 1000
# Numbers of drawn counts that are held at once: bounds the memory.
_AT_ONCE = 2_000_000
_NO_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of rows that were added up: (..., k) to (...), nan where it is none; within [least, most].

    `scale` says by how much the figure changes if all tasks change, of the added row.
    """

    of: Callable[[Floats], Floats]
    least: float = 0.0
    most: float = 1.0
    scale: Callable[[Floats], Floats] | None = None


def bootstrap(rows: Floats, *figures: Figure, seed: int, draws: int = DRAWS) -> tuple[Estimate | None, ...]:
    """Return each figure with its 95 % interval; None for one that is none.

    Where every draw gives the same (all tasks agree, or there is one), the bootstrap sees no spread, though
    the next task may differ: the interval is then as wide as Wilson's for that many tasks that all agree.

    Args:
        rows: (n, k), what each task adds.
        figures: What to work out; all of the same draws.
        seed: Equal seeds give equal intervals.
        draws: How many resamples.
    """
    # A task that adds nothing says nothing, and is not one of n.
    rows = rows[rows.any(axis=1)]
    tasks = len(rows)
    total = rows.sum(axis=0)
    values = [float(figure.of(total)) for figure in figures]
    if not tasks or all(map(math.isnan, values)):
        return (None,) * len(figures)
    drawn = _draw(rows, np.random.default_rng(seed), draws)
    without = total - rows
    return tuple(
        None if math.isnan(value) else _estimate(figure, value, total, drawn, without)
        for figure, value in zip(figures, values, strict=True)
    )


def _draw(rows: Floats, rng: np.random.Generator, draws: int) -> Floats:
    """Return the sums of rows in each draw, (draws, k)."""
    tasks = len(rows)
    step = max(1, _AT_ONCE // tasks)
    found = []
    for start in range(0, draws, step):
        size = min(step, draws - start)
        taken = rng.integers(tasks, size=(size, tasks)) + tasks * np.arange(size)[:, None]
        counts = np.bincount(taken.ravel(), minlength=size * tasks).reshape(size, tasks)
        found.append(counts.astype(np.float64) @ rows)
    return np.concatenate(found)


def _estimate(figure: Figure, value: float, total: Floats, drawn: Floats, without: Floats) -> Estimate:
    found = figure.of(drawn)
    found = found[~np.isnan(found)]
    tasks = len(without)
    if tasks < 2 or not found.size or np.ptp(found) < _NO_SPREAD:
        low, _ = wilson_interval(1.0, tasks, quantile=float(ndtri((1 + CONFIDENCE) / 2)))
        half = (1 - low) * (1.0 if figure.scale is None else float(figure.scale(total)))
        return Estimate(value, max(figure.least, value - half), min(figure.most, value + half))
    ends = _levels(value, found, figure.of(without))
    low, high = np.quantile(found, ends).tolist()
    return Estimate(value, min(low, value), max(high, value))


def _levels(value: float, found: Floats, without: Floats) -> tuple[float, float]:
    """Return between which shares of the draws the interval is."""
    tasks = len(without)
    # Ties count half, lest a figure that many draws share count as biased.
    below = (np.count_nonzero(found < value) + np.count_nonzero(found == value) / 2) / found.size
    bias = float(ndtri(np.clip(below, 1 / (found.size + 1), found.size / (found.size + 1))))
    known = without[~np.isnan(without)]
    distances = known.mean() - known if known.size else known
    squares = float((distances**2).sum())
    acceleration = float((distances**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    quantile = float(stdtrit(tasks - 1, (1 + CONFIDENCE) / 2)) * math.sqrt(tasks / (tasks - 1))
    low, high = (_level(bias, acceleration, end) for end in (-quantile, quantile))
    return low, high


def _level(bias: float, acceleration: float, quantile: float) -> float:
    moved = bias + quantile
    shrunk = 1 - acceleration * moved
    # Beyond the pole there is no level: the whole tail on that side.
    return float(ndtr(bias + moved / shrunk)) if shrunk > 0 else float(quantile > 0)
