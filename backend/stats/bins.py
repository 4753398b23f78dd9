"""Bins for comparing what was with what is: ranges of a number, and classes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The custom for PSI (deciles); more only make chance greater.
MOST_BINS = 10


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges of a number that meet at `edges`, ascending.

    At an edge named twice two breaks lie: one below the number itself, one above it, so that it has a bin of
    its own. At one named once the number belongs to the bin below.
    """

    edges: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What to call each bin, ascending."""
        # Of each break: its number, and whether the number lies below it.
        breaks = [(edge, edge not in self.edges[place + 1 :]) for place, edge in enumerate(self.edges)]
        ends: list[tuple[float, bool] | None] = [None, *breaks, None]
        return tuple(_name(low, high) for low, high in zip(ends[:-1], ends[1:], strict=True))

    def place(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the bin of each value, counted from 0."""
        edges = np.array(self.edges)
        below = np.searchsorted(edges, values, side="left")
        # At an edge named twice, "left" is under both breaks; the number lies between them.
        is_own = np.searchsorted(edges, values, side="right") - below == 2
        return np.asarray(below + is_own, np.int64)


def ranges_of(values: NDArray[np.float64], *, bins: int) -> Ranges:
    """Return ranges that hold about equally many of the values.

    A value that fills a range alone (a count of objects, the one size of all images) gets a bin of its own,
    with bins below and above it, even if they are empty so far.
    """
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf"))
    alone = [edge for edge in edges if np.mean(values == edge) >= 1 / bins]
    return Ranges(tuple(sorted([*edges.tolist(), *map(float, alone)])))


def class_names(images: Sequence[Mapping[str, int]]) -> tuple[str, ...]:
    """Return the labels that occur in either, the most frequent first."""
    totals: dict[str, int] = {}
    for image in images:
        for label, count in image.items():
            totals[label] = totals.get(label, 0) + count
    return tuple(sorted((name for name in totals if totals[name]), key=lambda name: (-totals[name], name)))


def count_classes(images: Sequence[Mapping[str, int]], names: Sequence[str]) -> NDArray[np.int64]:
    """Return how many objects of each class each image has, of shape (images, classes)."""
    counts = [[image.get(name, 0) for name in names] for image in images]
    return np.array(counts, np.int64).reshape(len(images), len(names))


def merge_rare(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add up all columns from the tenth on: many rare classes make chance so great that it hides the rest."""
    if counts.shape[1] <= MOST_BINS:
        return counts
    rest = counts[:, MOST_BINS - 1 :].sum(axis=1, keepdims=True)
    return np.concatenate([counts[:, : MOST_BINS - 1], rest], axis=1)


def count_ranges(images: Sequence[NDArray[np.float64]], ranges: Ranges) -> NDArray[np.int64]:
    """Return how many values of each bin each image has, of shape (images, bins)."""
    bins = len(ranges.edges) + 1
    rows = np.repeat(np.arange(len(images)), [values.size for values in images])
    places = ranges.place(np.concatenate([np.empty(0), *images]))
    return np.bincount(rows * bins + places, minlength=len(images) * bins).reshape(len(images), bins)


def _name(low: tuple[float, bool] | None, high: tuple[float, bool] | None) -> str:
    """Name what lies between two breaks, each a number and whether the number lies below it."""
    if low and high and low[0] == high[0]:
        return f"{low[0]:.4g}"
    ends = []
    if low:
        ends.append(f"{'over' if low[1] else 'from'} {low[0]:.4g}")
    if high:
        ends.append(f"{('to' if low else 'up to') if high[1] else 'below'} {high[0]:.4g}")
    return " ".join(ends) or "all"
