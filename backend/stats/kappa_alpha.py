"""How far people agree in what they name things, beyond chance: Krippendorff's alpha and Cohen's kappa. Pure.

Both are worked out from sums over tasks, one row of numbers a task, so that a bootstrap over tasks need only
add rows up. Nominal values; a value is a text, and one that is missing is simply not given.

Sources: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", equation for nominal data by the
coincidence matrix; Cohen 1960, "A coefficient of agreement for nominal scales".
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def krippendorff_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Return alpha, 1 at full agreement and 0 at chance; None where all values are one, or there are none.

    Args:
        units: The values that each thing was given, by any number of people; those with one are left out.
    """
    counted = Counter(tuple(sorted(unit)) for unit in units)
    values = sorted({value for unit in counted for value in unit})
    return _number(alpha_of(alpha_row(counted, values)))


def alpha_row(units: Mapping[tuple[str, ...], int], values: Sequence[str]) -> Floats:
    """Return what `alpha_of` needs: (1 + values,), the coincidence matrix's summed diagonal and its margins.

    Args:
        units: How often things were given these values together.
        values: All that occur.
    """
    places = {value: place for place, value in enumerate(values, start=1)}
    row = np.zeros(1 + len(values))
    for unit, times in units.items():
        if len(unit) < 2:
            continue
        for value, count in Counter(unit).items():
            row[0] += times * count * (count - 1) / (len(unit) - 1)
            row[places[value]] += times * count
    return row


def alpha_of(rows: Floats) -> Floats:
    """Return alpha of each row in (..., 1 + values), which may be a sum of rows; nan where it is none."""
    return 1 - _disagreement(rows) / alpha_differing(rows)


def alpha_differing(rows: Floats) -> Floats:
    """Return how often two of the values differ if they are drawn by chance: nan instead of 0."""
    margins = rows[..., 1:]
    total = margins.sum(axis=-1)
    pairs = total * (total - 1)
    differing = total**2 - (margins**2).sum(axis=-1)
    return _divide(differing, np.where(differing > 0, pairs, 0.0))


def _disagreement(rows: Floats) -> Floats:
    total = rows[..., 1:].sum(axis=-1)
    return _divide(total - rows[..., 0], total)


def cohen_kappa(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Return kappa, 1 at full agreement and 0 at chance; None where both gave one value alone, or nothing.

    Args:
        pairs: What the one and the other said of each thing.
    """
    counted = Counter(pairs)
    values = sorted({value for pair in counted for value in pair})
    return _number(kappa_of(kappa_row(counted, values)))


def kappa_row(pairs: Mapping[tuple[str, str], int], values: Sequence[str]) -> Floats:
    """Return what `kappa_of` needs: (1 + 2 values,), things agreed on, then how often each value by each.

    Args:
        pairs: How often the one and the other said this.
        values: All that occur.
    """
    places = {value: place for place, value in enumerate(values, start=1)}
    row = np.zeros(1 + 2 * len(values))
    for (one, other), times in pairs.items():
        row[0] += times * (one == other)
        row[places[one]] += times
        row[len(values) + places[other]] += times
    return row


def kappa_of(rows: Floats) -> Floats:
    """Return kappa of each row in (..., 1 + 2 values), which may be a sum of rows; nan where it is none."""
    total = rows[..., 1:].sum(axis=-1) / 2
    return 1 - _divide(total - rows[..., 0], total * kappa_differing(rows))


def kappa_differing(rows: Floats) -> Floats:
    """Return how often the two differ by chance, each saying everything as often as it does."""
    ones, others = np.split(rows[..., 1:], 2, axis=-1)
    total = ones.sum(axis=-1)
    return 1 - _divide((ones * others).sum(axis=-1), total**2)


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)


def _number(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)
