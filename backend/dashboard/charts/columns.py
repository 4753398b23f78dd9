"""Columns and cells that several tables share: figures with their intervals, and links of rows."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from backend.dashboard.entities import Cell, Column
from backend.stats.intervals import Estimate
from backend.training.entities import Difference

Key = TypeVar("Key")


def with_interval(name: str, *, unit: str = "", digits: int = 2) -> tuple[Column, Column, Column]:
    """Return the columns of a figure and of the ends of its 95 % interval."""
    return tuple(Column(each, unit, digits) for each in interval_names(name))  # type: ignore[return-value]


def interval_names(name: str) -> tuple[str, str, str]:
    """Return what a figure's three columns are called."""
    return name, f"{name} from", f"{name} to"


def cells_of(estimate: Estimate | None, *, times: float = 1.0) -> tuple[float | None, ...]:
    """Return the three cells of a figure; 100 times as much makes a share percent."""
    if estimate is None:
        return None, None, None
    return estimate.value * times, estimate.low * times, estimate.high * times


def difference_cells(difference: Difference | None) -> tuple[float | None, ...]:
    """Return the three cells of a difference between two models."""
    if difference is None:
        return None, None, None
    return difference.value, difference.low, difference.high


def per_100(count: int, of: int) -> float | None:
    """Return how many there are of each hundred; None of nothing."""
    return 100 * count / of if of else None


def links_by_row(keys: Sequence[Key | None], address: Callable[[Key], str] | None) -> dict[int, str] | None:
    """Return the addresses of rows, by their places; None where there are none to give."""
    if address is None:
        return None
    return {place: address(key) for place, key in enumerate(keys) if key is not None}


def words_of(estimate: Estimate | None, *, digits: int = 2) -> str:
    """Write a figure with its interval, as a sentence has it."""
    if estimate is None:
        return "not known"
    value, low, high = (f"{end:.{digits}f}" for end in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def yes(is_so: bool) -> Cell:
    """Return what a table says of something that holds or does not."""
    return "yes" if is_so else "no"
