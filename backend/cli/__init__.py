"""The command line: connect projects, pre-label them, look at the state, find what is broken."""

import sys

import typer
from rich.console import Console

from backend.cli import connect, doctor, explain, jobs, prelabel, quality, reviews, status, sync
from backend.errors import AppError

app = typer.Typer(
    help="Label Studio backend that serves YOLO predictions and keeps account of corrections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    connect.connect,
    doctor.doctor,
    explain.explain,
    prelabel.prelabel,
    jobs.jobs,
    quality.quality,
    reviews.reviews,
    status.status,
    sync.sync,
):
    app.command()(command)


def main() -> None:
    """Run the command line; an expected error is one line, not a traceback."""
    try:
        app()
    except AppError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error.message}", markup=False)
        sys.exit(1)
