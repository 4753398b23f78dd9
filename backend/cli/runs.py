"""`runs`: list, watch and cancel training runs."""

from collections.abc import Sequence
from datetime import UTC, datetime

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out, print_table
from backend.cli.watch_run import print_run, watch_run
from backend.labelstudio.tasks import MAX_ID
from backend.store.database import Database
from backend.store.decisions import read_decision
from backend.store.runs import ask_to_cancel_run, get_run, list_epochs, list_runs
from backend.training.entities import EpochMetrics, TrainingRun
from backend.training.progress import duration_words, split_metrics, state_words

_MOST_COLUMNS = 6


def runs(
    run: str = typer.Argument("", help="Id of a run; without one the newest runs are listed."),
    project: int | None = typer.Option(None, min=1, max=MAX_ID, help="Only runs of this project."),
    watch: bool = typer.Option(False, help="Show the run's progress until it ends."),
    cancel: bool = typer.Option(False, help="Cancel the run; the model in service stays."),
) -> None:
    """List training runs, or show, watch or cancel one."""
    with open_services() as services:
        database = services.database
        if not run:
            _print_runs(list_runs(database, project_id=project))
            if project is not None:
                _print_decision(database, project)
            return
        found = get_run(database, run)
        if cancel:
            ask_to_cancel_run(database, found.id, now=datetime.now(UTC))
        if watch:
            raise typer.Exit(watch_run(database, found.id))
        if epochs := list_epochs(database, found.id):
            _print_epochs(epochs)
        print_run(database, get_run(database, found.id))


def _print_runs(found: Sequence[TrainingRun]) -> None:
    if not found:
        out.print("There has been no run. Ask for one: python -m backend train --project ID")
        return
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("run", "project", "state", "began"):
        table.add_column(heading, no_wrap=True, min_width=12 if heading == "run" else None)
    for heading in ("epochs", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("verdict", "version"):
        table.add_column(heading, overflow="fold")
    for run in found:
        table.add_row(
            run.id,
            str(run.project_id),
            state_words(run),
            f"{run.created_at.astimezone():%m-%d %H:%M}",
            f"{run.epoch}/{run.epochs}",
            duration_words(run.seconds) if run.epoch else "",
            run.verdict or "",
            run.version or "",
        )
    print_table(table)


def _print_decision(database: Database, project_id: int) -> None:
    with database.read() as session:
        decision = read_decision(session, project_id)
    if decision is not None:
        out.print(f"{'Due' if decision.is_due else 'None due'}: {decision.reason}")


def _print_epochs(epochs: Sequence[EpochMetrics]) -> None:
    rows = [(epoch, {**losses, **quality}) for epoch in epochs for losses, quality in [split_metrics(epoch)]]
    # Of what there is, losses of both splits first; all of it is in GET /runs/ID.
    names = list(dict.fromkeys(name for _, values in rows for name in values))
    quality = [name for name in names if "/" not in name]
    losses = [name for name in names if name.startswith("train/")]
    shown = [*losses[: _MOST_COLUMNS - 2], *quality[-2:]]
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("epoch", "time", *shown):
        table.add_column(heading, justify="right")
    for epoch, values in rows:
        figures = (values.get(name) for name in shown)
        table.add_row(
            str(epoch.epoch),
            duration_words(epoch.seconds),
            *("" if figure is None else f"{figure:.3f}" for figure in figures),
        )
    print_table(table)
