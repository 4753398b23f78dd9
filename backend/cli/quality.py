"""`quality`: how good each model version is, by what annotators corrected."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out, print_table
from backend.labelstudio.tasks import MAX_ID
from backend.stats.intervals import Estimate
from backend.stats.quality import Figures, Part, VersionQuality
from backend.stats.queries import read_quality

_CONFUSIONS_SHOWN = 5


def quality(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    version: str = typer.Option("", help="Only this model version."),
    since: datetime | None = typer.Option(
        None, formats=["%Y-%m-%d"], help="Only annotations from this day's week on."
    ),
    annotators: bool = typer.Option(False, help="Show each annotator too."),
    weeks: bool = typer.Option(False, help="Show each week too."),
) -> None:
    """Show precision, recall and F1 of each model version, and of its labels."""
    day = since.date() if since else None
    with open_services() as services:
        report = read_quality(services.database, project, version=version or None, since=day)
    if not report.versions:
        what = f" of version {version}" if version else ""
        when = f" since {day}" if day else ""
        out.print(
            f"Project {project} has no corrections{what}{when}. They are counted when somebody submits a "
            "task that has a prediction. Fetch what Label Studio could not tell us of: "
            f"python -m backend sync --project {project}"
        )
    for each in report.versions:
        _print_version(each)
        _print_parts("label", each.labels)
        if annotators:
            _print_parts("annotator", each.annotators)
        if weeks:
            _print_parts("week", each.weeks)


def _print_version(quality: VersionQuality) -> None:
    out.print(f"{quality.version}: weeks from {quality.first_week} to {quality.last_week}")
    _print_table("tasks", [("corrected", quality.corrected), ("blind", quality.blind)])
    if quality.anchoring is not None:
        effect = quality.anchoring
        out.print(
            "Corrected minus blind, in points: "
            f"precision {_difference(effect.precision)}, recall {_difference(effect.recall)}, "
            f"F1 {_difference(effect.f1)}"
        )
    pairs = [
        f"{pair.shown} to {pair.annotated} ({pair.count})" for pair in quality.relabelled[:_CONFUSIONS_SHOWN]
    ]
    if pairs:
        out.print(f"Most relabelled: {', '.join(pairs)}")


def _print_parts(heading: str, parts: Sequence[Part[Any]]) -> None:
    rows = []
    for part in parts:
        name = _name(heading, part.key)
        rows += [(name, part.corrected)] if part.corrected.annotations else []
        rows += [(f"{name}, blind", part.blind)] if part.blind.annotations else []
    if rows:
        _print_table(heading, rows)


def _name(heading: str, key: str | int | date | None) -> str:
    if heading != "annotator":
        return str(key)
    return "annotator unknown" if key is None else f"annotator {key}"


def _print_table(heading: str, rows: Sequence[tuple[str, Figures]]) -> None:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(heading, overflow="fold")
    for name in ("annotations", "TP", "FP", "FN", "precision %", "recall %", "F1 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, figures in rows:
        tally = figures.tally
        counts = (figures.annotations, tally.tp, tally.fp, tally.fn)
        shares = (figures.precision, figures.recall, figures.f1)
        table.add_row(name, *map(str, counts), *map(_share, shares))
    print_table(table)


def _share(estimate: Estimate | None) -> str:
    """Write a share with the ends of its interval in percent; a dash where there is none."""
    if estimate is None:
        return "-"
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"


def _difference(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{100 * estimate.value:+.1f} ({100 * estimate.low:+.1f} to {100 * estimate.high:+.1f})"
