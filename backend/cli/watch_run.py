"""A run's progress in the terminal, read from the database: any process may watch."""

import time
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from backend.cli.console import out
from backend.cli.scores import print_scores
from backend.store.database import Database
from backend.store.runs import get_run, list_epochs
from backend.training.entities import EpochMetrics, RunState, TrainingRun, Verdict
from backend.training.progress import duration_words, eta_seconds, run_words, state_words

LOOK_SECONDS = 0.5
_BAR_CHARS = 20  # leaves room for the words in a terminal of 100 columns
_VERDICTS = {
    Verdict.PROMOTE: "passed the gate",
    Verdict.REJECT: "was rejected: the model in service stays",
    Verdict.HOLD: "is held: a person decides",
}


def watch_run(database: Database, run_id: str) -> int:
    """Show the run until it ends; return the command's exit code: 0 where it is done, whatever the verdict.

    Ctrl-C ends the watching, not the run.
    """
    try:
        run = _show_until_end(database, run_id)
    except KeyboardInterrupt:
        out.print(f"The run goes on. Watch it:  python -m backend runs {run_id} --watch")
        out.print(f"              or cancel it: python -m backend runs {run_id} --cancel")
        return 130
    print_run(database, run)
    return 0 if run.state == RunState.DONE else 1


def print_run(database: Database, run: TrainingRun) -> None:
    """Print how the run stands, what it has to say, and what can be done next."""
    out.print(f"Run {run.id} of project {run.project_id}: {state_words(run)}.")
    out.print(f"Why: {run.reason}")
    for warning in run.warnings:
        out.print(f"Warning: {warning}")
    for note in run.notes:
        out.print(f"Note: {note}")
    if run.epoch:
        mean, left = duration_words(run.seconds / run.epoch), eta_seconds(run)
        rest = f"; about {duration_words(left)} left" if left else ""
        out.print(
            f"Trained {run.epoch} of {run.epochs} epochs, {mean} each, on {run.device or 'a device'}{rest}."
        )
    if run.error:
        out.print(f"{'Reason' if run.state == RunState.FAILED else 'Waits'}: {run.error}")
    if run.state == RunState.FAILED:
        out.print(f"Once that is mended: python -m backend train --project {run.project_id}")
    if run.version is not None and run.verdict is not None:
        out.print(f"{run.version} {_VERDICTS[run.verdict]}.")
        for reason in run.verdict_reasons:
            out.print(f"  {reason}")
        print_scores(database, run.version)


@dataclass
class _Shown:
    """What is on the screen already: the last finished epoch, and what was said of each failure."""

    epoch: EpochMetrics | None
    told: set[str]


def _show_until_end(database: Database, run_id: str) -> TrainingRun:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(_BAR_CHARS),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
    )
    shown = _Shown(None, set())
    with Progress(*columns, console=out) as bar:
        line = bar.add_task("queued", total=None, words="")
        while True:
            run = get_run(database, run_id)
            _update(bar, line, database, run, shown)
            if run.finished_at is not None:
                return run
            time.sleep(LOOK_SECONDS)


def _update(bar: Progress, line: TaskID, database: Database, run: TrainingRun, shown: _Shown) -> None:
    if run.epoch and (shown.epoch is None or shown.epoch.epoch != run.epoch):
        shown.epoch = next(iter(list_epochs(database, run.id)[-1:]), None)
    bar.update(
        line,
        description=state_words(run),
        total=run.epochs,
        completed=run.epoch,
        words=run_words(run, shown.epoch),
    )
    if run.error and run.error not in shown.told and run.finished_at is None:
        # Above the bar, once: it is long, and each attempt that fails gives it anew.
        shown.told.add(run.error)
        out.print(f"Waits: {run.error}")
