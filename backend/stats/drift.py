"""Whether the images of a period are like those of the training snapshot still. Facts in, words out.

What is compared must be of one kind on both sides: predictions of one version, or annotations.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.entities import ImageSize
from backend.stats.bins import (
    MOST_BINS,
    class_names,
    count_classes,
    count_ranges,
    merge_rare,
    ranges_of,
)
from backend.stats.change import (
    LEAST_IMAGES,
    Drift,
    Measure,
    Verdict,
    bins_of,
    drift_of,
    each_level,
    judge,
    judge_classes,
    unknown,
)
from backend.stats.intervals import Estimate
from backend.stats.psi import compare_samples

# Expected in each bin, so that rare bins do not rule the sum (Cochran 1954).
_LEAST_IN_BIN = 5


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is compared of one image.

    Attributes:
        labels: How many objects of each label.
        scores: Of its predicted objects, in [0, 1]; empty where there are no predictions.
        brightness: Mean luma of its pixels, in [0, 1]; None where it is not known.
        size: In pixels, upright; None where it is not known.
    """

    labels: Mapping[str, int]
    scores: Sequence[float] = ()
    brightness: float | None = None
    size: ImageSize | None = None


def assess_drift(
    training: Sequence[ImageFacts], period: Sequence[ImageFacts], *, seed: int = 0
) -> tuple[Drift, ...]:
    """Return what has changed from training to this period, one `Drift` for each measure of images.

    The same facts give the same answer; `seed` draws the chance that they are compared with.
    """
    numbers: dict[Measure, Callable[[ImageFacts], Sequence[float]]] = {
        Measure.OBJECTS: lambda image: [sum(image.labels.values())],
        Measure.SCORES: lambda image: image.scores,
        Measure.BRIGHTNESS: lambda image: [] if image.brightness is None else [image.brightness],
        Measure.SIZE: lambda image: [] if image.size is None else [_megapixels(image.size)],
    }
    mix = _class_mix([image.labels for image in training], [image.labels for image in period], seed)
    rest = (
        _number_drift(measure, _values(training, read), _values(period, read), seed)
        for measure, read in numbers.items()
    )
    return (mix, *rest)


def _class_mix(training: list[Mapping[str, int]], period: list[Mapping[str, int]], seed: int) -> Drift:
    names = class_names([*training, *period])
    expected, actual = (_with_items(count_classes(side, names)) for side in (training, period))
    images = len(expected), len(actual)
    if min(images) < LEAST_IMAGES:
        return unknown(Measure.CLASS_MIX, *images, sides=_SIDES)
    stability = compare_samples(merge_rare(expected), merge_rare(actual), level=each_level(), seed=seed)
    bins = bins_of(names, expected, actual)
    verdict = judge_classes(stability, bins)
    if verdict == Verdict.NONE:
        said = "No change of the class mix can be seen"
    else:
        moved = max(bins, key=lambda each: abs(each.difference.value))
        said = (
            f"The class mix has changed {_HOW[verdict]}, most of all {moved.name}: "
            f"{_percent(moved.expected)} of objects in training, now {_percent(moved.actual)}"
        )
    new = [name for column, name in enumerate(names) if not expected[:, column].any()]
    said += f"; new since training: {', '.join(new)}" if new else ""
    return drift_of(Measure.CLASS_MIX, stability, verdict=verdict, images=images, bins=bins, sentence=said)


def _number_drift(
    measure: Measure, training: list[NDArray[np.float64]], period: list[NDArray[np.float64]], seed: int
) -> Drift:
    images = len(training), len(period)
    if min(images) < LEAST_IMAGES:
        return unknown(measure, *images, sides=_SIDES)
    was, now = np.concatenate(training), np.concatenate(period)
    ranges = ranges_of(was, bins=min(MOST_BINS, min(images) // _LEAST_IN_BIN))
    expected, actual = (count_ranges(side, ranges) for side in (training, period))
    stability = compare_samples(expected, actual, level=each_level(), seed=seed)
    verdict, name = judge(stability), _NAMES[measure]
    if verdict == Verdict.NONE:
        said = f"No change of {name} can be seen"
    else:
        unit = _UNITS.get(measure, "")
        said = (
            f"{name.capitalize()} have changed {_HOW[verdict]}: "
            f"the median was {np.median(was):.3g}{unit} in training and is now {np.median(now):.3g}{unit}"
        )
    bins = bins_of(ranges.names, expected, actual)
    return drift_of(measure, stability, verdict=verdict, images=images, bins=bins, sentence=said)


_SIDES = "in training and in this period"
_HOW = {Verdict.SMALL: "a little", Verdict.MODERATE: "clearly", Verdict.LARGE: "much"}
_NAMES = {
    Measure.OBJECTS: "the numbers of objects per image",
    Measure.SCORES: "the scores of predictions",
    Measure.BRIGHTNESS: "the brightnesses of images",
    Measure.SIZE: "the sizes of images",
}
_UNITS = {Measure.SIZE: " megapixels"}


def _values(
    images: Sequence[ImageFacts], read: Callable[[ImageFacts], Sequence[float]]
) -> list[NDArray[np.float64]]:
    values = (np.array(read(image), np.float64) for image in images)
    return [each for each in values if each.size]


def _with_items(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return counts[counts.any(axis=1)]


def _megapixels(size: ImageSize) -> float:
    return float(size.width * size.height / 1e6)


def _percent(share: Estimate) -> str:
    return f"{100 * share.value:.1f} %"
