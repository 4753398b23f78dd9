"""`annotators`: how long tasks take each of them, and how often they leave what is shown."""

from collections.abc import Mapping, Sequence

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out
from backend.labelstudio.tasks import MAX_ID
from backend.report.build import current_report
from backend.stats.annotator_figures import AnnotatorFigures
from backend.stats.intervals import Estimate


def annotators(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    weeks: bool = typer.Option(False, help="Show each annotator's weeks too."),
) -> None:
    """Show each annotator's time per task, untouched rate, and the model's recall by their labels."""
    with open_services() as services:
        report = current_report(services, project)
    if not report.annotators:
        out.print(
            f"Project {project} has no annotations. They are known as soon as somebody submits a task. Fetch "
            f"what Label Studio could not tell us of: python -m backend sync --project {project}"
        )
        return
    _print_all(report.annotators, report.names)
    for each in report.annotators:
        if each.warning is not None:
            out.print(f"{_name(each, report.names)}: {each.warning}")
    if weeks:
        for each in report.annotators:
            _print_weeks(each, report.names)


def _print_all(found: Sequence[AnnotatorFigures], names: Mapping[int, str]) -> None:
    figures = ("labelled", "skipped", "s a task", "untouched\n%", "recall\n%", "blind\nrecall %")
    table = _table("annotator", *figures)
    for each in found:
        shares = (each.untouched, each.corrected.recall, each.blind.recall)
        counts = (str(each.annotations), str(each.skipped))
        table.add_row(_name(each, names), *counts, _written(each.seconds), *map(_percent, shares))
    out.print(table)


def _print_weeks(figures: AnnotatorFigures, names: Mapping[int, str]) -> None:
    table = _table(f"{_name(figures, names)}, week of", "labelled", "s a task", "untouched %")
    for week in figures.weeks:
        seconds = "-" if week.seconds is None else f"{week.seconds:.0f}"
        untouched = "-" if week.untouched is None else f"{100 * week.untouched:.0f}"
        table.add_row(str(week.week), str(week.annotations), seconds, untouched)
    out.print(table)


def _table(heading: str, *names: str) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    # Or a narrow terminal leaves no room for names.
    table.add_column(heading, overflow="fold", min_width=10)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _name(figures: AnnotatorFigures, names: Mapping[int, str]) -> str:
    if figures.annotator is None:
        return "annotator unknown"
    return names.get(figures.annotator) or f"annotator {figures.annotator}"


def _percent(share: Estimate | None) -> str:
    if share is None:
        return "-"
    return _written(Estimate(100 * share.value, 100 * share.low, 100 * share.high))


def _written(estimate: Estimate | None) -> str:
    """Write a figure with the ends of its interval; a dash where there is none."""
    return "-" if estimate is None else f"{estimate.value:.0f} ({estimate.low:.0f}-{estimate.high:.0f})"
