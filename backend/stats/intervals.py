"""Intervals for shares whose items come in clusters: regions of one image are not independent of each other.

A share is a ratio of sums over clusters, p = sum(x) / sum(n) with 0 <= x <= n. Its variance is linearised
(Cochran 1977, Sampling Techniques, ratio estimator). What that is beyond the variance of independent items
is the design effect, by which Wilson's interval (Wilson 1927) gets fewer items than there are (the effective
sample size of Korn & Graubard 1998). All that it takes are sums, which add up over groups of clusters.
"""

import math
from dataclasses import dataclass

from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class ShareSums:
    """Sums over clusters of x (items that count), n (items), their squares and product.

    `clusters` counts those with n > 0; the others say nothing about the share.
    """

    x: float
    n: float
    xx: float
    xn: float
    nn: float
    clusters: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def estimate_share(sums: ShareSums) -> Estimate | None:
    """Return the share with its interval; None where there is no item."""
    if not sums.n:
        return None
    value = sums.x / sums.n
    low, high = wilson_interval(value, effective_size(sums), quantile=_quantile(sums.clusters))
    return Estimate(value, low, high)


def effective_size(sums: ShareSums) -> float:
    """Return how many independent items would tell as much as these do: from 1 to n.

    Where all items agree, or there is one cluster, the design effect cannot be seen, and each cluster counts
    as one item. With n instead, a share of 0.95 in 20 images, whose regions correlate by 0.5, is within the
    interval 84 times in 100, and so 94 times.
    """
    k, share = sums.clusters, sums.x / sums.n
    if k < 2 or share in (0, 1):
        return k
    squares = sums.xx - 2 * share * sums.xn + share * share * sums.nn
    variance = k / (k - 1) * max(squares, 0.0) / sums.n**2
    design_effect = variance / (share * (1 - share) / sums.n)
    return sums.n / max(design_effect, 1.0)


def wilson_interval(share: float, size: float, *, quantile: float) -> tuple[float, float]:
    """Return the ends of Wilson's interval (1927), within [0, 1].

    Args:
        share: Observed share.
        size: Number of independent items, a whole number or not.
        quantile: Of the distribution of the share's error in units of its deviation: 1.96 of the normal's.
    """
    square = quantile * quantile / size
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    # Rounding must not put the share itself outside.
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def estimate_difference(first: Estimate, second: Estimate) -> Estimate:
    """Return first minus second, of independent samples, by Newcombe's method 10 (1998).

    It squares and adds the distances from each share to the end of its interval.
    """
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, max(-1.0, value - below), min(1.0, value + above))


def _quantile(clusters: int) -> float:
    """Return Student's for few clusters, whose variance is itself uncertain; the normal's for one."""
    upper = (1 + CONFIDENCE) / 2
    return float(stdtrit(clusters - 1, upper) if clusters > 1 else ndtri(upper))
