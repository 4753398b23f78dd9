"""`next`: which tasks are worth labelling next, as a table, a file, or tabs in Label Studio."""

import csv
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import typer
from rich.box import SIMPLE
from rich.table import Table

from backend.cli.console import open_services, out
from backend.errors import BadRequest
from backend.labelstudio.task_lists import keep_next_tabs
from backend.labelstudio.tasks import MAX_ID
from backend.stats.next_task_queries import read_next_tasks
from backend.stats.next_tasks import NextTask, NextTasksReport
from backend.store.project_settings import project_settings
from backend.store.reviews import check_project

_MOST = 200


def next_tasks(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    count: int | None = typer.Option(
        None, min=1, max=_MOST, help="How many tasks; else the project's setting next_tasks."
    ),
    tabs: bool = typer.Option(
        False, "--tabs", help="Make them a tab in Label Studio, and one for each of several annotators."
    ),
    target: Path | None = typer.Option(None, "--out", help="Write them to this CSV file, too."),
) -> None:
    """Show which tasks are worth labelling next, and why."""
    with open_services() as services:
        check_project(services.database, project)
        own = project_settings(services.database, project, services.settings)
        report = read_next_tasks(services.database, project, count=count or own.next_tasks)
        _print_report(report)
        if target is not None:
            _write(report.tasks, target)
        if tabs and report.tasks:
            titles = keep_next_tabs(services.label_studio, project, [each.task_id for each in report.tasks])
            out.print(f"Label Studio lists them in: {', '.join(titles)}.")
            out.print('Open the tab there, and choose "Label Tasks As Displayed".')


def _print_report(report: NextTasksReport) -> None:
    if report.tasks:
        out.print(_table(report))
    for note in report.notes:
        out.print(note)


def _table(report: NextTasksReport) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("task", "value", "unsure", "disagree", "rare", "unlike"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(f"why (of {report.candidates} tasks)", overflow="fold")
    for each in report.tasks:
        figures = (each.value, each.uncertainty, each.disagreement, each.rarity, each.novelty)
        shown = ("-" if figure is None else f"{figure:.2f}" for figure in figures)
        table.add_row(str(each.task_id), *shown, each.reason)
    return table


def _write(tasks: Sequence[NextTask], target: Path) -> None:
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([field.name for field in fields(NextTask)])
            writer.writerows(map(astuple, tasks))
    except OSError as error:
        raise BadRequest(
            f"--out is {target}, which cannot be written: {error.strerror}. Name a file in a folder that is "
            "there."
        ) from error
    out.print(f"{len(tasks)} tasks were written to {target.resolve()}.")
