"""The population stability index (PSI) of two samples of images, and what chance alone makes of it.

PSI = sum over bins of (q - p) ln(q / p), with p and q the shares of a bin in the two samples: Jeffreys's
divergence. Without any change it is about (1/N + 1/M) chi2 with bins - 1 degrees of freedom (Yurdakul 2018,
Statistical Properties of Population Stability Index; Yurdakul & Naranjo 2020), so that limits which fit all
sample sizes, such as the usual 0.1, do not exist. That holds for independent items; regions of one image are
not. Here whole images change sides instead (a permutation test), which needs neither that nor large samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chndtr

from backend.stats.intervals import CONFIDENCE

# Added to each count, so that a bin that one sample lacks has a share: the prior of Jeffreys (1946).
_PRIOR = 0.5
# A p-value of 1 / 3000 is the smallest; the tests here go down to 1 / 300.
DRAWS = 2999
# Of the numbers in one table of draws (images that differ, times draws): 32 MB.
_MOST_CELLS = 4_000_000

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stability:
    """A PSI against what chance alone makes of it.

    Attributes:
        value: PSI of the two samples.
        chance: Its mean if nothing has changed: by so much `value` is too great on average.
        limit: What it exceeds with a probability of at most `level` if nothing has changed.
        p_value: Probability of such a value or a greater one if nothing has changed.
        low: Lower end of the 95 % interval of the PSI of what the samples come from.
        high: Its upper end.
    """

    value: float
    chance: float
    limit: float
    p_value: float
    low: float
    high: float


def psi(expected: NDArray[np.number], actual: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the PSI of two tables of counts, whose last axis are the bins."""
    p, q = (
        (counts + _PRIOR) / np.sum(counts + _PRIOR, axis=-1, keepdims=True) for counts in (expected, actual)
    )
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=-1))


def compare_samples(expected: Counts, actual: Counts, *, level: float, seed: int = 0) -> Stability:
    """Compare two samples of images, each image with counts of its items by bin, of shape (images, bins).

    Images without items are left out. Bins may be empty. Each sample must have an image with items.
    """
    expected, actual = (counts[counts.any(axis=1)] for counts in (expected, actual))
    pooled = np.concatenate([expected, actual])
    filled = pooled.any(axis=0)
    patterns, repeats = np.unique(pooled[:, filled], axis=0, return_counts=True)
    total = repeats @ patterns
    random = np.random.default_rng(seed)
    # Of numpy's two ways, one takes a step for each pattern, one for each image of the smaller side.
    is_by_pattern = 10 * len(patterns) < min(len(expected), len(actual))
    draws = []
    for size in _batches(len(patterns)):
        chosen = random.multivariate_hypergeometric(
            repeats, len(actual), size=size, method="marginals" if is_by_pattern else "count"
        )
        drawn = chosen.astype(float) @ patterns.astype(float)
        draws.append(psi(total - drawn, drawn))
    value = float(psi(expected[:, filled].sum(axis=0), actual[:, filled].sum(axis=0)))
    return _assess(value, np.concatenate(draws), level)


def compare_pairs(expected: Counts, actual: Counts, *, level: float, seed: int = 0) -> Stability:
    """Compare two counts of the same images, both of shape (images, bins), row by row of one image.

    If they do not differ but by chance, either of an image's two rows might be the one or the other.
    """
    filled = expected.any(axis=0) | actual.any(axis=0)
    expected, actual = expected[:, filled], actual[:, filled]
    patterns, repeats = np.unique(actual - expected, axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    one, other = expected.sum(axis=0), actual.sum(axis=0)
    draws = []
    for size in _batches(len(patterns)):
        swapped = random.binomial(repeats, 0.5, size=(size, len(patterns))).astype(float) @ patterns
        draws.append(psi(one + swapped, other - swapped))
    return _assess(float(psi(one, other)), np.concatenate(draws), level)


def _batches(patterns: int) -> Iterator[int]:
    """Yield how many draws to take at a time, `DRAWS` in all."""
    most = max(1, _MOST_CELLS // patterns)
    for start in range(0, DRAWS, most):
        yield min(most, DRAWS - start)


def _assess(value: float, draws: NDArray[np.float64], level: float) -> Stability:
    # Equal sums may differ by rounding; the drawn ones include the observed one (Phipson & Smyth 2010).
    reached = np.count_nonzero(draws >= value - 1e-12)
    p_value = (1 + int(reached)) / (1 + draws.size)
    rank = int(level * (1 + draws.size) + 1e-9)
    # Above the rank-th greatest draw fewer than `rank` reach the value, so that p <= level.
    limit = float(np.partition(draws, -rank)[-rank]) if rank else float("inf")
    low, high = _interval(value, draws)
    return Stability(value, float(draws.mean()), limit, p_value, low, high)


def _interval(value: float, draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the true PSI.

    The value is taken for c chi2 with non-centrality (true PSI) / c, as a quadratic form of shares is. The
    scale c and the degrees of freedom are those with mean and variance of the draws (Satterthwaite 1946, as
    in the second-order correction of Rao & Scott 1981 for clusters).
    """
    mean, variance = float(draws.mean()), float(draws.var())
    if variance < 1e-18:
        # One bin, or images that are all alike: no draw differs from another.
        return value, value
    scale, degrees = variance / (2 * mean), 2 * mean * mean / variance
    return (
        scale * _non_centrality(value / scale, degrees, (1 + CONFIDENCE) / 2),
        scale * _non_centrality(value / scale, degrees, (1 - CONFIDENCE) / 2),
    )


def _non_centrality(square: float, degrees: float, probability: float) -> float:
    """Return with which non-centrality chi2 stays below `square` with this probability; 0 if with none."""

    def excess(non_centrality: float) -> float:
        return float(chndtr(square, degrees, non_centrality)) - probability

    if excess(0.0) <= 0:
        return 0.0
    most = max(square, 1.0)
    while excess(most) > 0:
        most *= 2
    return float(brentq(excess, 0.0, most))
