"""Words for what has changed, and the judgement of it: one measure, one verdict, one sentence. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.stats.intervals import Estimate, ShareSums, estimate_difference, estimate_share
from backend.stats.psi import Stability

# The limits of credit scoring (Siddiqi 2006, Credit Risk Scorecards): under the first no change that matters,
# from the second on a great one. Here they only say how great a change is; whether there is one, chance does.
MODERATE = 0.1
LARGE = 0.25
# Smaller changes of any sample are not worth a word: a class of 1.5 % that doubles makes 0.01.
NEGLIGIBLE = 0.01
# A class of a tenth that doubles makes 0.08, and people would speak of it. So a change of classes that is
# seen is at least moderate where one is this many times as frequent or as rare, by so much of all objects.
CLASS_FACTOR = 1.5
CLASS_POINTS = 0.05
# Probability that in a period without change any of the measures says that there is one. Each gets its part
# of it (Bonferroni): of 100 unchanged months at most two are expected to give a false alarm. With half of it
# a share that doubles from 10 % of 200 images' objects is missed twice as often.
LEVEL = 0.02
# With fewer images on either side nothing but a landslide could be told from chance.
LEAST_IMAGES = 20


class Measure(StrEnum):
    """What can drift."""

    CLASS_MIX = "class mix"
    OBJECTS = "objects per image"
    SCORES = "scores"
    BRIGHTNESS = "brightness"
    SIZE = "image size"
    PREDICTION_BIAS = "prediction bias"


class Verdict(StrEnum):
    """How sure, and how great, a change is."""

    UNKNOWN = "unknown"
    NONE = "none"
    SMALL = "small"
    MODERATE = "moderate"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Bin:
    """A class or a range with its share on both sides; `difference` is actual minus expected.

    The intervals are those of one bin looked at alone.
    """

    name: str
    expected: Estimate
    actual: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Drift:
    """One measure: its PSI (`value`), which a change exceeds `limit` with, and what that means in words.

    `low` and `high` are the ends of the 95 % interval of the true PSI. The figures are None, and `bins` is
    empty, where too few images are known. `expected_images` and `actual_images` have something to compare.
    """

    measure: Measure
    verdict: Verdict
    sentence: str
    expected_images: int
    actual_images: int
    value: float | None = None
    limit: float | None = None
    p_value: float | None = None
    low: float | None = None
    high: float | None = None
    bins: tuple[Bin, ...] = ()

    @property
    def is_alarm(self) -> bool:
        """Whether there is a change that chance does not explain."""
        return self.verdict not in (Verdict.UNKNOWN, Verdict.NONE)


def judge(stability: Stability) -> Verdict:
    """Return whether there is a change, and how great it is beyond what chance adds on average."""
    if stability.value <= limit_of(stability):
        return Verdict.NONE
    size = stability.value - stability.chance
    return Verdict.LARGE if size >= LARGE else Verdict.MODERATE if size >= MODERATE else Verdict.SMALL


def judge_classes(stability: Stability, bins: Sequence[Bin]) -> Verdict:
    """Return the same of shares of classes: a change is not small where one of them has moved that far."""
    verdict = judge(stability)
    if verdict == Verdict.SMALL and has_moved(bins, factor=CLASS_FACTOR, points=CLASS_POINTS):
        return Verdict.MODERATE
    return verdict


def has_moved(bins: Sequence[Bin], *, factor: float, points: float) -> bool:
    """Return whether a share has become `factor` times as great or as small, and by `points`, in [0, 1]."""
    shares = (sorted((each.expected.value, each.actual.value)) for each in bins)
    # Shares are rounded: 0.15 is half as much again as 0.1, and 0.05 more.
    return any(high >= factor * low - 1e-9 and high - low >= points - 1e-9 for low, high in shares)


def limit_of(stability: Stability) -> float:
    """Return which PSI a change exceeds: what chance reaches, and at least what is worth a word."""
    return max(stability.limit, NEGLIGIBLE)


def each_level() -> float:
    """Return the probability of a false alarm that each measure has."""
    return LEVEL / len(Measure)


def drift_of(
    measure: Measure,
    stability: Stability,
    *,
    verdict: Verdict,
    images: tuple[int, int],
    bins: Sequence[Bin],
    sentence: str,
) -> Drift:
    """Put a comparison into words; `sentence` says what it was about, without its end."""
    limit = limit_of(stability)
    relation = "within" if verdict == Verdict.NONE else "above"
    ending = f"(PSI {stability.value:.2f}, {relation} the {limit:.2f} that chance explains)."
    return Drift(
        measure=measure,
        verdict=verdict,
        sentence=f"{sentence} {ending}",
        expected_images=images[0],
        actual_images=images[1],
        value=stability.value,
        limit=limit,
        p_value=stability.p_value,
        low=stability.low,
        high=stability.high,
        bins=tuple(bins),
    )


def unknown(measure: Measure, expected_images: int, actual_images: int, *, sides: str) -> Drift:
    """Return that there are too few images; `sides` says of what, as in "in training and in this period"."""
    sentence = (
        f"{measure.capitalize()}: too few images to tell. It is known of {expected_images} and "
        f"{actual_images} ({sides}), and each must be at least {LEAST_IMAGES}."
    )
    return Drift(measure, Verdict.UNKNOWN, sentence, expected_images, actual_images)


def share_of(counts: NDArray[np.int64], column: int) -> Estimate:
    """Return the share of one bin, with an interval that knows that items of one image are alike."""
    n = counts.sum(axis=1).astype(float)
    x = counts[:, column].astype(float)
    sums = ShareSums(
        x=float(x.sum()),
        n=float(n.sum()),
        xx=float(x @ x),
        xn=float(x @ n),
        nn=float(n @ n),
        clusters=int(np.count_nonzero(n)),
    )
    estimate = estimate_share(sums)
    assert estimate is not None, "there are at least LEAST_IMAGES images with items"
    return estimate


def bins_of(names: Sequence[str], expected: NDArray[np.int64], actual: NDArray[np.int64]) -> tuple[Bin, ...]:
    """Return the bins that are not empty on both sides."""
    bins = []
    for column, name in enumerate(names):
        if expected[:, column].any() or actual[:, column].any():
            was, now = share_of(expected, column), share_of(actual, column)
            bins.append(Bin(name, was, now, estimate_difference(now, was)))
    return tuple(bins)
