"""How far more images help: the learning curve as people read it, and how often each class occurs."""

from dataclasses import dataclass

from backend.stats.curve_fit import CurvePoint
from backend.stats.intervals import Estimate
from backend.stats.learning_curve import BandPoint, Outlook


@dataclass(frozen=True, slots=True)
class MoreImages:
    """Reviewed images from here on, with the ends of the 95 % interval; None stands for never."""

    value: int | None
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """One label in the newest snapshot: how many objects on how many images, and their share of all objects.

    `test_objects` and `f1` are of the version in service on its test split, None where it has none.
    """

    label: str
    objects: int
    images: int
    share: float
    test_objects: int | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class OutlookReport:
    """The answer to "how many more images", as `learning_curve.Forecast`, with the curve to draw.

    `points` and `left_out` are versions by number of training images, `band` is the curve with its interval.
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
