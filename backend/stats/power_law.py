"""The power law of learning curves, q(n) = a - b n^-c, and how well it can go through a point.

Error falls with the number of training images n as a power law towards a floor that more data cannot lower
(Hestness et al. 2017, Deep Learning Scaling is Predictable, Empirically; Viering & Loog 2023, The Shape of
Learning Curves: a Review, TPAMI 45(6)). In terms of quality, a is the ceiling and b n^-c what is missing
to it.

For a given c the law is linear in a and b, so that weighted least squares within 0 <= b and a <= 1 has a
closed form; c is looked for on a grid, so that no start value can lead astray.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Hestness et al. measured 0.07 to 0.35, and theory has 0.5 to 1; curves with a ceiling may be steeper.
_EXPONENTS = (0.05, 2.0)
_GRID = 200
_NEAR = 101
# exp(700) is about the largest float.
_MOST_LOG = 700.0


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """q(n) = ceiling - factor n^-exponent."""

    ceiling: float
    factor: float
    exponent: float

    def quality(self, images: float) -> float:
        """Return the quality with so many training images; the ceiling with infinitely many."""
        return float(self.ceiling - self.factor * images**-self.exponent)

    def images(self, quality: float) -> float:
        """Return with how many training images the quality is reached; infinity where it never is.

        A law without rise has it with any number, or never.
        """
        if self.ceiling <= quality:
            return math.inf
        if self.factor <= 0:
            return 0.0
        # As logarithms: close to the ceiling the number passes what a float holds.
        log = (math.log(self.factor) - math.log(self.ceiling - quality)) / self.exponent
        return math.exp(log) if log < _MOST_LOG else math.inf


class Profile:
    """The laws that fit best, of all and of those through a given (images, quality).

    `law` is the best of all; `least` is its misfit, the sum of the weighted squares. Images are in units of
    their geometric mean, x = (n / unit)^-c, and arrays are over exponents.
    """

    def __init__(self, images: Floats, quality: Floats, weights: Floats) -> None:
        """Take versions of any order: how many images each has, its quality, and the weight of its square."""
        self._unit = float(np.exp(np.log(images).mean()))
        self._logs = np.log(images / self._unit)
        self._quality = quality
        self._weights = weights
        self._weight = float(weights.sum())
        self._mean = float(np.average(quality, weights=weights))
        self._yy = float(weights @ (quality - self._mean) ** 2)
        grid: Floats = np.geomspace(*_EXPONENTS, _GRID).astype(np.float64)
        self._take(grid)
        best = int(np.argmin(self._best()[1]))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _GRID - 1)])
        # Precise versions tell exponents apart that are closer than the grid's.
        self._take(np.union1d(grid, np.linspace(low, high, _NEAR)))
        factors, misfits = self._best()
        best = int(np.argmin(misfits))
        self.least = float(misfits[best])
        exponent, factor = float(self._exponents[best]), float(factors[best])
        ceiling = min(1.0, self._mean + factor * float(self._means[best]))
        self.law = PowerLaw(ceiling, factor * self._unit**exponent, exponent)

    def misfit(self, images: float, quality: float) -> float:
        """Return the misfit of the best law that has the quality with so many images, `math.inf` for all."""
        if math.isinf(images):
            x = np.zeros_like(self._exponents)
        else:
            x = np.exp(-self._exponents * math.log(images / self._unit))
        return float(self._through(x, quality)[1].min())

    def _take(self, exponents: Floats) -> None:
        """Sum up over the versions for these exponents, from the means, which keeps the digits."""
        self._exponents = exponents
        x = np.exp(-exponents[:, None] * self._logs)
        self._means = np.average(x, axis=1, weights=self._weights)
        from_mean = x - self._means[:, None]
        self._xx = from_mean**2 @ self._weights
        self._xy = from_mean @ (self._weights * (self._quality - self._mean))

    def _best(self) -> tuple[Floats, Floats]:
        """Return (factors, misfits) of the best law of each exponent."""
        factors = np.maximum(-self._xy / self._xx, 0.0)
        misfits = self._yy + 2 * factors * self._xy + factors**2 * self._xx
        # Where its ceiling would be above 1, the best within the bounds has it at 1.
        at_one, misfits_at_one = self._through(np.zeros_like(factors), 1.0)
        is_above = self._mean + factors * self._means > 1
        return np.where(is_above, at_one, factors), np.where(is_above, misfits_at_one, misfits)

    def _through(self, x: Floats, quality: float) -> tuple[Floats, Floats]:
        """Return (factors, misfits) of the best law of each exponent that has the quality at x."""
        above, right = self._mean - quality, x - self._means
        cross = self._weight * above * right - self._xy
        square = self._weight * right**2 + self._xx
        # The ceiling is quality + factor x.
        most = np.divide(1 - quality, x, out=np.full_like(x, np.inf), where=x > 0)
        factors = np.clip(cross / square, 0.0, most)
        return factors, self._yy + self._weight * above**2 - 2 * factors * cross + factors**2 * square
