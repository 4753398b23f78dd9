"""The command line: connect projects, pre-label them, look at the state, find what is broken."""

import sys

import typer
from rich.console import Console

from backend.cli import (
    agreement,
    alerts,
    configure,
    connect,
    doctor,
    embed,
    explain,
    jobs,
    overlap,
    prelabel,
    quality,
    reviews,
    runs,
    status,
    sync,
    train,
    versions,
)
from backend.errors import AppError

app = typer.Typer(
    help="Label Studio backend that serves YOLO predictions and keeps account of corrections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    agreement.agreement,
    alerts.alerts,
    configure.configure,
    connect.connect,
    doctor.doctor,
    explain.explain,
    prelabel.prelabel,
    embed.embed,
    jobs.jobs,
    overlap.overlap,
    quality.quality,
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


def main() -> None:
    """Run the command line; an expected error is one line, not a traceback."""
    try:
        app()
    except AppError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error.message}", markup=False)
        sys.exit(1)
