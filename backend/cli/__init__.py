"""The command line: connect projects, pre-label them, look at the state, find what is broken."""

import sys

import typer
from rich.console import Console

from backend.cli import (
    advice,
    agreement,
    alerts,
    annotators,
    configure,
    connect,
    doctor,
    drift,
    embed,
    errors,
    explain,
    jobs,
    outlook,
    overlap,
    prelabel,
    quality,
    report,
    reviews,
    runs,
    status,
    sync,
    train,
    versions,
)
from backend.cli import next as next_tasks
from backend.errors import AppError

app = typer.Typer(
    help="Label Studio backend that serves YOLO predictions and keeps account of corrections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    advice.advice,
    agreement.agreement,
    alerts.alerts,
    annotators.annotators,
    configure.configure,
    connect.connect,
    doctor.doctor,
    drift.drift,
    errors.errors,
    explain.explain,
    prelabel.prelabel,
    embed.embed,
    jobs.jobs,
    outlook.outlook,
    overlap.overlap,
    quality.quality,
    report.report,
    reviews.reviews,
    runs.runs,
    status.status,
    sync.sync,
    train.train,
    versions.versions,
    versions.promote,
    versions.rollback,
):
    app.command()(command)
app.command("next")(next_tasks.next_tasks)


def main() -> None:
    """Run the command line; an expected error is one line, not a traceback."""
    try:
        app()
    except AppError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error.message}", markup=False)
        sys.exit(1)
