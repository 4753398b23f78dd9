"""How far more images help: the learning curve as people read it, and how often each class occurs. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.stats.curve_fit import CurvePoint, can_fit, share_error
from backend.stats.intervals import Estimate
from backend.stats.learning_curve import BandPoint, Forecast, Outlook, forecast, trace_curve
from backend.training.entities import ClassScore, TrainedVersion
from backend.training.names import MOST_HELD_OUT

MEASURE = "F1"
# From so many times the images on, a test split is another one, and figures on the two differ by that alone.
_GROWN = 1.5


@dataclass(frozen=True, slots=True)
class MoreImages:
    """Reviewed images from here on, with the ends of the 95 % interval; None stands for never."""

    value: int | None
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """One label in the newest snapshot: how many objects on how many images, and their share of all objects.

    `images` is None where the snapshot does not say. `test_objects` and `f1` are of the version in service on
    its test split, None where it has none.
    """

    label: str
    objects: int
    images: int | None
    share: float
    test_objects: int | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class OutlookReport:
    """The answer to "how many more images", as `learning_curve.Forecast`, with the curve to draw.

    `points` and `left_out` are versions by number of training images, `band` is the curve with its interval.
    `val_images` and `test_images` are those held out in the newest snapshot, 0 where there is none.
    """

    outlook: Outlook
    measure: str
    target: float
    now: Estimate | None
    ceiling: Estimate | None
    more: MoreImages | None
    advice: str
    notes: tuple[str, ...]
    points: tuple[CurvePoint, ...]
    left_out: tuple[CurvePoint, ...]
    band: tuple[BandPoint, ...]
    classes: tuple[ClassBalance, ...]
    val_images: int
    test_images: int


@dataclass(frozen=True, slots=True)
class SnapshotCounts:
    """How much a snapshot holds: `images` in all, those on each of the three sides, `objects` by label.

    `images_with` counts by label the images that have such objects, as far as that is known.
    """

    images: int
    train: int
    val: int
    test: int
    objects: Mapping[str, int]
    images_with: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MeasuredVersion:
    """A version and what it was trained on."""

    trained: TrainedVersion
    counts: SnapshotCounts


def assess_outlook(
    versions: Sequence[MeasuredVersion],
    *,
    target: float,
    newest: SnapshotCounts | None,
    scores: Sequence[ClassScore] | None,
) -> OutlookReport:
    """Return how far more images help.

    Args:
        versions: The project's, the newest first.
        target: F1 to reach, in ]0, 1[.
        newest: Of the newest snapshot, None where there is none.
        scores: Of the version in service on its test split, None where the weights of the settings serve.
    """
    measured = [each for each in versions if _is_measured(each)]
    alike = [each for each in measured if each.trained.controls == measured[0].trained.controls]
    spoiled = _find_spoiled(alike)
    points = [_point(each) for each in alike if each not in spoiled]
    found = forecast(points, target, measure=MEASURE, train_share=_share_to_come(newest))
    left_out = [_point(each) for each in spoiled]
    return OutlookReport(
        outlook=found.outlook,
        measure=MEASURE,
        target=target,
        now=found.now,
        ceiling=found.ceiling,
        more=_more(found.more),
        advice=found.advice,
        notes=(*found.notes, *_notes(measured, alike, spoiled)),
        points=found.fit.points if found.fit else _by_images(points),
        left_out=_by_images([*left_out, *(found.fit.left_out if found.fit else ())]),
        band=_band(found),
        classes=balance_classes(newest, scores) if newest is not None else (),
        val_images=newest.val if newest is not None else 0,
        test_images=newest.test if newest is not None else 0,
    )


def balance_classes(counts: SnapshotCounts, scores: Sequence[ClassScore] | None) -> tuple[ClassBalance, ...]:
    """Return the labels of a snapshot, the most frequent first."""
    whole = sum(counts.objects.values())
    score_of = {score.label: score for score in scores or ()}
    classes = []
    for label, objects in counts.objects.items():
        score = score_of.get(label)
        classes.append(
            ClassBalance(
                label=label,
                objects=objects,
                images=counts.images_with.get(label),
                share=objects / whole if whole else 0.0,
                test_objects=score.objects if score else None,
                f1=score.f1 if score else None,
            )
        )
    return tuple(sorted(classes, key=lambda each: (-each.objects, each.label)))


def _share_to_come(newest: SnapshotCounts | None) -> float:
    """Return which share of the images to come is trained on: a side that is full takes no more of them."""
    if newest is None or not newest.train:
        return 1.0
    return 1.0 - sum(held for held in (newest.val, newest.test) if held < MOST_HELD_OUT) / newest.images


def _is_measured(version: MeasuredVersion) -> bool:
    comparison = version.trained.comparison
    return comparison.objects > 0 and version.counts.train > 0


def _point(version: MeasuredVersion) -> CurvePoint:
    comparison = version.trained.comparison
    f1 = comparison.challenger.f1
    return CurvePoint(version.trained.version, version.counts.train, f1, share_error(f1, comparison.objects))


def _by_images(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    return tuple(sorted(points, key=lambda point: (point.images, point.version)))


def _find_spoiled(versions: Sequence[MeasuredVersion]) -> list[MeasuredVersion]:
    """Return versions that are surely worse than an earlier one that was trained on no more images.

    More images do not do that: their labels were spoiled, or something else was changed. Others that were
    rejected stay: they are worse by chance as often as not, and without them the curve would be too good.
    Where no curve is left without them, all stay: then it is the course of things that quality falls.
    """
    trained_on = {each.trained.version: each.counts.train for each in versions}
    spoiled = []
    for each in versions:
        comparison = each.trained.comparison
        before = comparison.champion and trained_on.get(comparison.champion.version)
        is_worse = comparison.difference is not None and comparison.difference.high < 0
        if is_worse and before and each.counts.train >= before:
            spoiled.append(each)
    return spoiled if can_fit([_point(each) for each in versions if each not in spoiled]) else []


def _notes(
    measured: Sequence[MeasuredVersion], alike: Sequence[MeasuredVersion], spoiled: Sequence[MeasuredVersion]
) -> list[str]:
    notes = []
    for each in spoiled:
        champion = each.trained.comparison.champion
        assert champion is not None  # it was compared, or it were not surely worse
        notes.append(
            f"Left out: version {each.trained.version}, which is surely worse than {champion.version} though "
            "it was trained on as many images or more. That is not for want of images."
        )
    if len(alike) < len(measured):
        tags = ", ".join(alike[0].trained.controls)
        notes.append(f"Only versions that fill the control tags of the newest one are compared: {tags}.")
    images = [each.trained.comparison.images for each in alike]
    if images and max(images) >= _GROWN * min(images):
        notes.append(
            f"The test split has grown from {min(images):,} to {max(images):,} images, and in part the "
            "versions differ because of that."
        )
    return notes


def _more(more: Estimate | None) -> MoreImages | None:
    if more is None:
        return None
    value, high = (math.ceil(each) if math.isfinite(each) else None for each in (more.value, more.high))
    return MoreImages(value, math.floor(more.low) if math.isfinite(more.low) else None, high)


def _band(found: Forecast) -> tuple[BandPoint, ...]:
    if found.fit is None:
        return ()
    most = 2 * found.fit.largest
    if found.outlook is Outlook.REACHABLE:
        most = max(most, math.ceil(found.fit.estimate_images(found.target).value))
    return trace_curve(found.fit, most=most)
