"""The bar that shows a job of many tasks until it ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn

from backend.cli.console import out
from backend.entities import JobState
from backend.training.progress import duration_words

_LOOK_SECONDS = 0.5
# Longer than another worker needs to take over from a killed one and to load the model.
_QUIET_SECONDS = 90.0
_BAR_CHARS = 20  # leaves room for the words in a terminal of 100 columns


@dataclass(frozen=True, slots=True)
class JobView:
    """How a job stands. `total` is None until it is known; `counts` are words such as "2 failed" or ""."""

    state: JobState
    is_cancel_asked: bool
    total: int | None
    done: int
    counts: tuple[str, ...]
    error: str | None


def show_until_end(look: Callable[[], JobView]) -> None:
    """Show the job until it has ended; errors that it waits for are printed above the bar.

    Args:
        look: Returns how the job stands now; what it raises ends the showing.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(_BAR_CHARS),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
    )
    told: set[str] = set()
    seen, seen_at = -1, 0.0
    with Progress(*columns, console=out) as bar:
        line = bar.add_task("queued", total=None, words="")
        while True:
            view = look()
            if view.done != seen:
                seen, seen_at = view.done, time.monotonic()
            bar.update(line, description=_state(view), total=view.total, completed=view.done)
            bar.update(line, words=_words(view, bar.tasks[line], quiet=time.monotonic() - seen_at))
            if view.state.is_end:
                return
            if view.error and view.error not in told:
                # Above the bar, once: it is long, and each try that fails gives it anew.
                told.add(view.error)
                out.print(f"Waits: {view.error}")
            time.sleep(_LOOK_SECONDS)


def _state(view: JobView) -> str:
    return "cancelling" if view.is_cancel_asked and not view.state.is_end else view.state


def _words(view: JobView, line: Task, *, quiet: float) -> str:
    """Return what stands beside the bar; `quiet` are the seconds since the last task."""
    parts = list(view.counts)
    if view.state == JobState.QUEUED:
        parts.append("is tried again" if view.error else "waits for a worker")
    elif view.state == JobState.RUNNING and quiet > _QUIET_SECONDS:
        parts.append(f"nothing new for {duration_words(quiet)}: is a worker running?")
    elif view.state == JobState.RUNNING:
        # Of the last half minute, as rich measures it: loading the model does not count.
        parts.append(f"{line.speed:.1f} images/s" if line.speed else "starting")
        parts.append(f"about {duration_words(line.time_remaining)} left" if line.time_remaining else "")
    return ", ".join(filter(None, parts))
