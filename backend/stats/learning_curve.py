"""How many more reviewed images until the quality is good enough, or why that cannot be told. In words.

Learning curves can be extrapolated some way, not without end, and some get worse with more data (Viering &
Loog 2023, The Shape of Learning Curves: a Review, TPAMI 45(6)); so what is out of reach is said to be so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from backend.stats.curve_fit import (
    LEAST_SIZES,
    LEAST_SPAN,
    CurveFit,
    CurvePoint,
    can_fit,
    count_sizes,
    estimate_change,
    fit_curve,
)
from backend.stats.intervals import Estimate
from backend.stats.power_law import PowerLaw

# How many times the images that there are count as within reason: an order of magnitude.
REACH = 10.0
# A scatter that is worth a word.
_WIDE_SCATTER = 1.5
_CHANGE_WHAT_IS_TRAINED = "a larger architecture, a larger image size, or labels that agree better"


class Outlook(StrEnum):
    """What the versions say of a target."""

    TOO_FEW = "too_few"
    FALLING = "falling"
    REACHED = "reached"
    REACHABLE = "reachable"
    UNCERTAIN = "uncertain"
    OUT_OF_REACH = "out_of_reach"


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The answer. What has a curve for its source is None where there is none.

    `now` is the curve's quality with the most images that a version was trained on, `ceiling` that with
    infinitely many. `more` counts reviewed images from there on, from 0; infinity stands for never.
    `change` is the quality won where the images double, as a mean over all versions. `advice` is a sentence
    or two, `notes` say what was left out or is unsure.
    """

    outlook: Outlook
    measure: str
    target: float
    fit: CurveFit | None
    now: Estimate | None
    ceiling: Estimate | None
    more: Estimate | None
    change: Estimate | None
    advice: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BandPoint:
    """The curve at one number of training images."""

    images: int
    quality: Estimate


def forecast(
    points: Sequence[CurvePoint],
    target: float,
    *,
    measure: str = "F1",
    train_share: float = 1.0,
    reach: float = REACH,
) -> Forecast:
    """Say how many more reviewed images it takes until the quality is that of the target.

    Args:
        points: The versions, in any order, all measured on the same test split. That their errors are then
            alike makes the intervals rather too wide.
        target: Quality in ]0, 1[.
        measure: What the quality is called.
        train_share: Of the images that are reviewed from now on, those that will be trained on; the others
            go to the val and test splits.
        reach: How many times the images of the largest version are within reason.

    Raises:
        ValueError: the target or the share is out of range.
    """
    if not (0 < target < 1 and 0 < train_share <= 1 and reach > 1):
        raise ValueError(
            f"expected a target in ]0, 1[, a share in ]0, 1] and a reach above 1, got {target}, "
            f"{train_share} and {reach}"
        )
    if not can_fit(points):
        advice = _too_few(points, measure, target)
        return Forecast(Outlook.TOO_FEW, measure, target, None, None, None, None, None, advice, ())
    fit = fit_curve(points)
    now = fit.estimate_quality(fit.largest)
    needed = fit.estimate_images(target)
    ceiling = fit.estimate_quality(math.inf)
    change = estimate_change(fit.points)
    far = fit.estimate_quality(reach * fit.largest)
    more = _more(needed, fit.largest, train_share)
    if change is not None and change.high < 0:
        outlook, advice = Outlook.FALLING, _falling(fit, change, measure)
    elif needed.value <= fit.largest:
        outlook, advice = Outlook.REACHED, _reached(fit, now, measure, target)
    elif needed.value <= reach * fit.largest:
        outlook, advice = Outlook.REACHABLE, _reachable(fit, now, more, measure, target)
    elif far.high >= target:
        outlook, advice = Outlook.UNCERTAIN, _uncertain(fit, far, reach, measure, target)
    else:
        outlook = Outlook.OUT_OF_REACH
        advice = _out_of_reach(fit, ceiling, far, reach, measure, target)
    return Forecast(
        outlook=outlook,
        measure=measure,
        target=target,
        fit=fit,
        now=now,
        ceiling=ceiling,
        more=more,
        change=change,
        advice=advice,
        notes=tuple(_notes(fit, measure)),
    )


def trace_curve(fit: CurveFit, *, most: int, steps: int = 40) -> tuple[BandPoint, ...]:
    """Return the curve with its interval, from the least images of a version to `most`, evenly by factors."""
    images = np.unique(np.geomspace(fit.points[0].images, most, steps).round().astype(int)).tolist()
    return tuple(BandPoint(each, fit.estimate_quality(each)) for each in images)


def _more(needed: Estimate, largest: int, train_share: float) -> Estimate:
    return Estimate(
        *(max(0.0, each - largest) / train_share for each in (needed.value, needed.low, needed.high))
    )


def _too_few(points: Sequence[CurvePoint], measure: str, target: float) -> str:
    sizes = sorted(point.images for point in points)
    if not sizes:
        there = "no version has been measured on the test split"
    elif len(sizes) == 1:
        there = f"there is 1 version, with {sizes[0]:,} training images"
    elif len(sizes) < LEAST_SIZES:
        there = f"there are {len(sizes)} versions, with {sizes[0]:,} and {sizes[-1]:,} training images"
    elif sizes[-1] < LEAST_SPAN * sizes[0]:
        there = (
            f"all {len(sizes)} versions have nearly the same number of training images, "
            f"{sizes[0]:,} to {sizes[-1]:,}"
        )
    else:
        there = (
            f"the {len(sizes)} versions have only {count_sizes(points)} different numbers of training "
            f"images, from {sizes[0]:,} to {sizes[-1]:,}"
        )
    return (
        f"How many more images it takes until {measure} {target:g} cannot be told: {there}. A curve needs "
        f"{LEAST_SIZES} versions with different numbers, the largest at least {LEAST_SPAN:g} times the "
        f"least; go on reviewing and training."
    )


def _falling(fit: CurveFit, change: Estimate, measure: str) -> str:
    first, last = fit.points[0], fit.points[-1]
    return (
        f"{measure} falls as training images are added: by {-change.value:.3f} (95 % interval "
        f"{-change.high:.3f} to {-change.low:.3f}) each time that they double, from {first.quality:.3f} with "
        f"{first.images:,} to {last.quality:.3f} with {last.images:,}. Look at the images and labels that "
        f"came last before you add more: other scenes, other rules of labelling, or careless work do this."
    )


def _reached(fit: CurveFit, now: Estimate, measure: str, target: float) -> str:
    words = (
        f"{measure} {target:g} is reached: {_source(fit)} is at {_between(now)} with {fit.largest:,} "
        f"training images."
    )
    if now.low < target:
        words += " It is not sure yet, since the interval goes below; some more images will tell."
    return words


def _reachable(fit: CurveFit, now: Estimate, more: Estimate, measure: str, target: float) -> str:
    if math.isinf(more.high):
        least = f"at least {_count(more.low, up=False)}" if more.low >= 1 else "perhaps none"
        limits = f"{least}, and an upper limit cannot be told yet"
    else:
        limits = f"95 % interval {_count(more.low, up=False)} to {_count(more.high)}"
    return (
        f"{measure} {target:g} takes about {_count(more.value)} more reviewed images ({limits}): "
        f"{measure} is at {_between(now)} with {fit.largest:,} training images, and {_source(fit)} goes "
        f"on as {_formula(fit.law)}."
    )


def _uncertain(fit: CurveFit, far: Estimate, reach: float, measure: str, target: float) -> str:
    return (
        f"Whether more images bring {measure} to {target:g} cannot be told yet: with {reach:g} times as "
        f"many, {_count(reach * fit.largest)}, {_source(fit)} is at {far.value:.3f}, but anything from "
        f"{far.low:.3f} to {far.high:.3f} is possible. A version with about "
        f"{_count(2 * fit.largest)} training images will tell more."
    )


def _out_of_reach(
    fit: CurveFit, ceiling: Estimate, far: Estimate, reach: float, measure: str, target: float
) -> str:
    if ceiling.high < target:
        reason = f"{_source(fit)} levels off at {_between(ceiling)}"
    else:
        images = _count(reach * fit.largest)
        reason = f"with {reach:g} times as many, {images}, {_source(fit)} is at {_between(far)}"
    return (
        f"More images will not bring {measure} to {target:g} within reason: {reason}. Change what is trained "
        f"instead: {_CHANGE_WHAT_IS_TRAINED}."
    )


def _notes(fit: CurveFit, measure: str) -> list[str]:
    notes = [
        f"Left out: version {point.version} with {point.images:,} training images, whose {measure} "
        f"{point.quality:.3f} is too far from the curve of all others "
        f"({fit.law.quality(point.images):.3f} there)."
        for point in fit.left_out
    ]
    if fit.scatter is not None and fit.scatter >= _WIDE_SCATTER:
        notes.append(
            f"The versions are {fit.scatter:.1f} times as far from the curve as the size of the test split "
            f"explains, so that something besides the number of images has changed between them."
        )
    return notes


def _source(fit: CurveFit) -> str:
    return f"the curve of {len(fit.points)} versions"


def _between(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} (95 % interval {estimate.low:.3f} to {estimate.high:.3f})"


def _formula(law: PowerLaw) -> str:
    return f"{law.ceiling:.3f} - {law.factor:.3g} n^-{law.exponent:.2f}"


def _count(images: float, *, up: bool = True) -> str:
    """Write a number with two digits that count, since no more are known; rounded up or down."""
    whole = math.ceil(images - 1e-6) if up else math.floor(images + 1e-6)
    unit = 10 ** max(0, len(str(whole)) - 2)
    return f"{(-(-whole // unit) if up else whole // unit) * unit:,}"
