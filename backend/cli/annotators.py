"""`annotators`: how long tasks take each of them, and how often they leave what is shown."""

import typer

from backend.cli.console import figure_table, open_services, out, print_table, write_figure, write_percent
from backend.labelstudio.tasks import MAX_ID
from backend.report.advice_words import name_of
from backend.report.build import current_report
from backend.report.entities import ProjectReport
from backend.stats.annotator_figures import AnnotatorFigures


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
    _print_all(report)
    for each in report.annotators:
        if each.warning is not None:
            out.print(f"{name_of(report, each.annotator)}: {each.warning}")
    if weeks:
        for each in report.annotators:
            _print_weeks(each, name_of(report, each.annotator))


def _print_all(report: ProjectReport) -> None:
    figures = ("labelled", "skipped", "s a task", "untouched\n%", "recall\n%", "blind\nrecall %")
    table = figure_table("annotator", *figures)
    for each in report.annotators:
        shares = (each.untouched, each.corrected.recall, each.blind.recall)
        counts = (str(each.annotations), str(each.skipped))
        name = name_of(report, each.annotator)
        table.add_row(name, *counts, write_figure(each.seconds), *map(write_percent, shares))
    print_table(table)


def _print_weeks(figures: AnnotatorFigures, name: str) -> None:
    table = figure_table(f"{name}, week of", "labelled", "s a task", "untouched %")
    for week in figures.weeks:
        seconds = "-" if week.seconds is None else f"{week.seconds:.0f}"
        untouched = "-" if week.untouched is None else f"{100 * week.untouched:.0f}"
        table.add_row(str(week.week), str(week.annotations), seconds, untouched)
    print_table(table)
