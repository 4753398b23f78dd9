"""The median of some values with an interval that holds for any distribution. Pure."""

import math
from collections.abc import Sequence
from statistics import median

from scipy.special import bdtr

from backend.stats.intervals import CONFIDENCE, Estimate


def estimate_median(values: Sequence[float], *, least: float, most: float) -> Estimate | None:
    """Return the median with its interval; None where there is no value.

    The interval is that of Hettmansperger and Sheather (1986, Confidence intervals based on interpolated
    order statistics, Statistics & Probability Letters 4): between the two pairs of order statistics whose
    exact confidence, that of a sign test, is next to 95 %. Fewer than six values reach it with no pair; then
    it goes from end to end of what is possible.

    Args:
        values: In any order.
        least: No value can be lower.
        most: No value can be higher.
    """
    if not values:
        return None
    ordered = sorted(values)
    middle = float(median(ordered))
    depth = _depth(len(ordered))
    if not depth:
        return Estimate(middle, least, most)
    low, high = _ends(ordered, depth)
    return Estimate(middle, low, high)


def _confidence(size: int, depth: int) -> float:
    """Return how often the values of this depth, counted from 1 at each end, have the median between them."""
    return 1 - 2 * float(bdtr(depth - 1, size, 0.5))


def _depth(size: int) -> int:
    """Return the greatest depth that still has the confidence; 0 where not even the outermost values do."""
    if _confidence(size, 1) < CONFIDENCE:
        return 0
    # The normal's is close by; counting up from 1 would take ages for many values.
    depth = max(1, int(size / 2 - math.sqrt(size)))
    while _confidence(size, depth) < CONFIDENCE:
        depth -= 1
    while _confidence(size, depth + 1) >= CONFIDENCE:
        depth += 1
    return depth


def _ends(ordered: Sequence[float], depth: int) -> tuple[float, float]:
    size = len(ordered)
    wide, narrow = _confidence(size, depth), _confidence(size, depth + 1)
    part = (wide - CONFIDENCE) / (wide - narrow)
    weight = (size - depth) * part / (depth + (size - 2 * depth) * part)
    low = (1 - weight) * ordered[depth - 1] + weight * ordered[depth]
    high = (1 - weight) * ordered[size - depth] + weight * ordered[size - depth - 1]
    return float(low), float(high)
