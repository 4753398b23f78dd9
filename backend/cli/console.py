"""What commands have in common: the parts of one process, where they print, and how tables look."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from backend.logs import configure_logs
from backend.services import Services
from backend.settings import read_settings
from backend.stats.intervals import Estimate

out = Console(highlight=False, soft_wrap=True, markup=False)
# Narrower, a table would lose its names or its figures; a narrow terminal breaks the lines instead.
_LEAST_WIDTH = 110


@contextmanager
def open_services() -> Iterator[Services]:
    """Build the parts from the settings, and close them in the end.

    Raises:
        SettingsError, DatabaseUnavailable: they cannot be built.
    """
    settings = read_settings()
    configure_logs("warning", process="cli")
    services = Services.build(settings)
    try:
        yield services
    finally:
        services.close()


def print_table(table: Table) -> None:
    """Print a table of figures with all of its columns, however narrow the terminal."""
    Console(highlight=False, markup=False, width=max(out.width, _LEAST_WIDTH)).print(table)


def figure_table(heading: str, *names: str) -> Table:
    """Return a table without rows: a column of names under the heading, then one of figures for each name."""
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    # Or a narrow terminal leaves no room for names.
    table.add_column(heading, overflow="fold", min_width=10)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def write_figure(estimate: Estimate | None, *, digits: int = 0, sign: str = "") -> str:
    """Write a figure with the ends of its interval, as in "42 (36 to 45)"; a dash where there is none.

    Args:
        estimate: The figure.
        digits: How many after the point.
        sign: With "+" what is above 0 has its sign too.
    """
    if estimate is None:
        return "-"
    value, low, high = (f"{each:{sign}.{digits}f}" for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def write_percent(share: Estimate | None, *, digits: int = 0, sign: str = "") -> str:
    """Write a share, or a difference of two in points, in percent; as `write_figure`."""
    if share is None:
        return "-"
    percent = Estimate(100 * share.value, 100 * share.low, 100 * share.high)
    return write_figure(percent, digits=digits, sign=sign)
