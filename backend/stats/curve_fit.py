"""The learning curve fitted to the versions of a project, with intervals.

Intervals are profiles of the likelihood (Venzon & Moolgavkar 1988, A Method for Computing
Profile-Likelihood-Based Confidence Intervals): a value is within as long as the best law through it fits
nearly as well as the best of all. They need no start values and no random numbers, and may be open: "at least
900 images, perhaps never".

Of 1000 simulated projects with 3, 4, 6, 8, 10, 20 or 50 versions, the interval of the number of images holds
the true one 939 to 976 times. Where versions scatter three times as much as their errors say, it does so
from about six versions on; with four, where that can hardly be seen, about 84 times in 100.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, stdtrit

from backend.stats.intervals import CONFIDENCE, Estimate
from backend.stats.power_law import Floats, PowerLaw, Profile

LEAST_SIZES = 3
# The largest number of images must be so much above the least.
LEAST_SPAN = 1.5
# Numbers of images that differ by less count as one.
_SAME_SIZE = 1.1

# A version cannot weigh endlessly because its few test images were all right.
_LEAST_ERROR = 0.001
_Z = 1.959964
# Times the largest number of images; more is as good as never.
_FOR_EVER = 1e9

# A version so many times as far from the curve as others are was not made worse by its number of images.
_OUTLIER = 5.0
_LEAST_FOR_OUTLIERS = 6
_MOST_OUTLIERS = 0.2
# Huber 1964: from here on residuals weigh less; 95 % as efficient as least squares where none is wild.
_HUBER = 1.345
_ROUNDS = 15
# Turns the median of absolute normal deviates into their standard deviation.
_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """How good a version is on the test split: quality in [0, 1] with its standard error.

    `images` counts those that it was trained on.
    """

    version: str
    images: int
    quality: float
    standard_error: float

    def __post_init__(self) -> None:
        if self.images < 1 or not 0 <= self.quality <= 1 or not 0 <= self.standard_error < math.inf:
            raise ValueError(
                f"expected at least one image, a quality in [0, 1] and a standard error from 0 on, got {self}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class CurveFit:
    """The law that fits the versions best, and what else is possible.

    `points` are by number of images, without the `left_out`, which are too far from the curve of the
    others. `scatter` is how many times as far from the curve the versions are as their standard errors
    explain, None for three versions, through which a curve goes exactly.
    """

    points: tuple[CurvePoint, ...]
    left_out: tuple[CurvePoint, ...]
    law: PowerLaw
    scatter: float | None
    profile: Profile
    misfit_limit: float

    @property
    def largest(self) -> int:
        """The most images that a version was trained on."""
        return self.points[-1].images

    def estimate_quality(self, images: float) -> Estimate:
        """Return the quality with so many training images; with `math.inf` the ceiling."""
        value = min(1.0, max(0.0, self.law.quality(images)))

        def excess(quality: float) -> float:
            return self.profile.misfit(images, quality) - self.misfit_limit

        return Estimate(value, _end(excess, value, 0.0), _end(excess, value, 1.0))

    def estimate_images(self, quality: float) -> Estimate:
        """Return with how many training images, from 1 on, the quality is reached; infinity is never."""
        most = math.log(self.largest * _FOR_EVER)
        value = min(math.log(max(self.law.images(quality), 1.0)), most)

        def excess(log_images: float) -> float:
            return self.profile.misfit(math.exp(log_images), quality) - self.misfit_limit

        # The best law reaches it with less than one image, or not in ages, and so does every other.
        if excess(value) > 0:
            at_all = math.exp(value) if value < most else math.inf
            return Estimate(at_all, at_all, at_all)
        # Each law rises with the images, so that the numbers within the interval lie side by side.
        ends = (value, _end(excess, value, 0.0), _end(excess, value, most))
        middle, low, high = (math.exp(end) if end < most else math.inf for end in ends)
        return Estimate(middle, low, high)


def share_error(quality: float, objects: int) -> float:
    """Return the standard error of a quality that was measured on so many test objects.

    It is that of a share, with two right and two wrong ones added (Agresti & Coull 1998), or a perfect score
    would be without error. For F1 and mAP it is a rule of thumb: a bootstrap over the test images is better.

    Raises:
        ValueError: there is no object.
    """
    if objects < 1:
        raise ValueError(f"expected at least one test object, got {objects}")
    size = objects + _Z**2
    share = (quality * objects + _Z**2 / 2) / size
    return math.sqrt(share * (1 - share) / size)


def count_sizes(points: Sequence[CurvePoint]) -> int:
    """Return how many different numbers of images there are; those within a tenth count as one."""
    count, last = 0, 0.0
    for images in sorted(point.images for point in points):
        if images > last * _SAME_SIZE:
            count, last = count + 1, images
    return count


def can_fit(points: Sequence[CurvePoint]) -> bool:
    """Say whether there are enough numbers of images, far enough apart, to see a curve at all."""
    if count_sizes(points) < LEAST_SIZES:
        return False
    images = [point.images for point in points]
    return max(images) >= LEAST_SPAN * min(images)


def fit_curve(points: Sequence[CurvePoint]) -> CurveFit:
    """Fit the law to the versions, in any order.

    Raises:
        ValueError: `can_fit` says no.
    """
    if not can_fit(points):
        raise ValueError(
            f"expected at least {LEAST_SIZES} different numbers of images, the largest at least "
            f"{LEAST_SPAN:g} times the least, got {sorted(point.images for point in points)}"
        )
    ordered = sorted(points, key=lambda point: point.images)
    left_out = _find_outliers(ordered)
    kept = [point for point in ordered if point not in left_out]
    if not can_fit(kept):
        kept, left_out = ordered, []
    profile = Profile(*_arrays(kept))
    freedom = len(kept) - 3
    return CurveFit(
        points=tuple(kept),
        left_out=tuple(left_out),
        law=profile.law,
        scatter=math.sqrt(profile.least / freedom) if freedom else None,
        profile=profile,
        misfit_limit=profile.least + _allowance(profile.least, freedom),
    )


def estimate_change(points: Sequence[CurvePoint]) -> Estimate | None:
    """Return by how much the quality changes where the images double; None for fewer than three versions.

    It is the slope of weighted least squares on the logarithm of the images.
    """
    images, quality, weights = _arrays(points)
    logs = np.log2(images) - np.average(np.log2(images), weights=weights)
    spread = float(weights @ logs**2)
    if len(points) < 3 or spread <= 0:
        return None
    slope = float(weights @ (logs * quality)) / spread
    rest = quality - np.average(quality, weights=weights) - slope * logs
    half = math.sqrt(_allowance(float(weights @ rest**2), len(points) - 2) / spread)
    return Estimate(slope, slope - half, slope + half)


def _arrays(points: Sequence[CurvePoint]) -> tuple[Floats, Floats, Floats]:
    """Return (images, quality, weights)."""
    errors = np.array([max(point.standard_error, _LEAST_ERROR) for point in points])
    images = np.array([point.images for point in points], np.float64)
    return images, np.array([point.quality for point in points]), errors**-2


def _allowance(misfit: float, freedom: int) -> float:
    """Return by how much a value within the interval may fit worse than the best.

    The misfit is a sum of squares in units of the standard errors. Where it is larger than they explain in
    95 of 100 cases, versions differ by more than the test split alone lets them; then what they scatter is
    the unit, with Student's quantile.
    """
    if freedom < 1 or misfit <= chdtri(freedom, 1 - CONFIDENCE):
        return float(chdtri(1, 1 - CONFIDENCE))
    return misfit / freedom * float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) ** 2


def _end(excess: Callable[[float], float], inside: float, outer: float) -> float:
    """Return the end of an interval between a value inside and the outermost one that there is."""
    if excess(outer) <= 0 or inside == outer:
        return outer
    return float(brentq(excess, inside, outer, xtol=1e-6)) if excess(inside) < 0 else inside


def _find_outliers(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Return the versions that are far from a curve on which such ones weigh little: a fifth at most."""
    if len(points) < _LEAST_FOR_OUTLIERS:
        return []
    images, quality, weights = _arrays(points)
    robust = np.ones_like(weights)
    for _ in range(_ROUNDS):
        law = Profile(images, quality, weights * robust).law
        rests = np.abs(quality - [law.quality(each) for each in images]) * np.sqrt(weights)
        scale = max(1.0, _MAD * float(np.median(rests)) * math.sqrt(len(points) / (len(points) - 3)))
        before, robust = robust, np.minimum(1.0, _HUBER * scale / np.maximum(rests, 1e-12))
        if np.allclose(before, robust, atol=0.01):
            break
    furthest = np.argsort(-rests)[: int(_MOST_OUTLIERS * len(points))]
    return [points[place] for place in sorted(furthest) if rests[place] > _OUTLIER * scale]
