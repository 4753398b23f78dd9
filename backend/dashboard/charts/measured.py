"""Figures of versions on their test images, with intervals. Pure."""

from backend.stats.curve_fit import share_error
from backend.stats.intervals import Estimate
from backend.training.entities import TrainedVersion

# Of the normal distribution: 95 % lie within so many standard errors.
_QUANTILE = 1.96


def interval_around(value: float, standard_error: float) -> Estimate:
    """Return a figure in [0, 1] with the ends of its 95 % interval by the normal distribution."""
    half = _QUANTILE * standard_error
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def f1_on_test(trained: TrainedVersion) -> Estimate | None:
    """Return a version's F1 on its test images; None where nothing was to be found in them."""
    compared = trained.comparison
    if not compared.objects:
        return None
    f1 = compared.challenger.f1
    return interval_around(f1, share_error(f1, compared.objects))
