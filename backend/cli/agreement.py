"""`agreement`: how far annotators agree with each other, with ground truth and with the model."""

from collections.abc import Sequence

import typer

from backend.cli.console import figure_table, open_services, out, print_table, write_percent
from backend.labelstudio.tasks import MAX_ID
from backend.report_settings import ModelRole
from backend.review.matching import SAME_IOU
from backend.stats.agreement import AgreementReport, RaterAgreement
from backend.stats.agreement_figures import Agreement
from backend.stats.agreement_queries import MOST_TASKS, read_agreement
from backend.stats.task_agreement import Rater, RaterKind


def agreement(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    iou: float = typer.Option(SAME_IOU, min=0.05, max=1.0, help="IoU from which on regions are one thing."),
    model: ModelRole = typer.Option(
        ModelRole.COMPARED, help="Leave the model out, compare with it, or count it as one of the annotators."
    ),
    tasks: int = typer.Option(10, min=0, help="How many tasks with the least agreement to show."),
    most: int = typer.Option(MOST_TASKS, min=1, help="Look at so many tasks at most, those annotated last."),
) -> None:
    """Show how far annotators agree, by label, pair and task."""
    with open_services() as services:
        report = read_agreement(services.database, project, iou=iou, model=model, most=most)
    if not report.tasks:
        out.print(
            f"No task of project {project} was labelled by several people, so their agreement is not known. "
            "Let a share of its tasks go to two: "
            f"python -m backend overlap --project {project} --share 0.1 --annotators 2"
        )
    _print_regions(report)
    _print_choices(report)
    _print_raters(report.raters)
    _print_tasks(report, tasks)


def _print_regions(report: AgreementReport) -> None:
    if report.overall.tasks:
        rows = [("all", report.overall), *((each.label, each.agreement) for each in report.labels)]
        _print_table("label", rows)
    rows = [(_pair(each.one, each.other), each.agreement) for each in report.pairs]
    if rows:
        _print_table("annotators", rows)
    out.print(f"Regions are one thing from an IoU of {report.iou:g} on.")


def _print_table(heading: str, rows: Sequence[tuple[str, Agreement]]) -> None:
    table = figure_table(heading, "tasks", "regions", "F1 %", "IoU %", "alpha %", "matched only")
    for name, each in rows:
        figures = (each.f1, each.iou, each.alpha, each.alpha_matched)
        table.add_row(name, str(each.tasks), str(each.regions), *map(write_percent, figures))
    print_table(table)


def _print_choices(report: AgreementReport) -> None:
    if not report.choices:
        return
    table = figure_table("choices", "tasks", "the same", "kappa %", "alpha %")
    for each in report.choices:
        table.add_row(f"{each.control}, all", str(each.tasks), "", "", write_percent(each.alpha))
        for pair in each.pairs:
            name = f"{each.control}: {_pair(pair.one, pair.other)}"
            table.add_row(name, str(pair.tasks), str(pair.equal), write_percent(pair.kappa), "")
    print_table(table)


def _print_raters(raters: Sequence[RaterAgreement]) -> None:
    known = [each for each in raters if each.difference is not None]
    if not known:
        return
    table = figure_table("against the others", "tasks", "F1 % with them", "theirs", "difference")
    for each in known:
        figures = (each.f1, each.f1_of_others, each.difference)
        name = f"{each.rater} (unlike)" if each.is_unlike else str(each.rater)
        table.add_row(name, str(each.tasks), *map(write_percent, figures))
    print_table(table)
    for each in known:
        if each.is_unlike:
            name = str(each.rater).capitalize()
            out.print(f"{name} labels unlike the others: look at some of these tasks together.")


def _print_tasks(report: AgreementReport, most: int) -> None:
    shown = [each for each in report.tasks if each.agreement < 1][:most]
    if not shown:
        return
    table = figure_table("least agreement", "agreement %", "things", "disputed", "between")
    for each in shown:
        between = ", ".join(map(str, each.raters))
        counts = (f"{100 * each.agreement:.0f}", str(each.things), str(each.disputed))
        table.add_row(f"task {each.task_id}", *counts, between)
    print_table(table)


def _pair(one: Rater, other: Rater) -> str:
    """Name two raters as shortly as their column needs it."""
    return " and ".join(str(each).removeprefix(f"{RaterKind.ANNOTATOR} ") for each in (one, other))
