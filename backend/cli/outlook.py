"""`outlook`: how many more images it takes, and which labels are rare."""

from collections.abc import Sequence

import typer

from backend.cli.console import figure_table, open_services, out, print_table
from backend.labelstudio.tasks import MAX_ID
from backend.report.build import current_report
from backend.stats.curve_fit import CurvePoint
from backend.stats.outlook import ClassBalance, OutlookReport
from backend.stats.outlook_queries import read_outlook


def outlook(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    target: float | None = typer.Option(
        None, min=0.01, max=0.99, help="Ask for this F1, rather than for TARGET_F1."
    ),
) -> None:
    """Show how many more reviewed images it takes until the model is good enough."""
    with open_services() as services:
        if target is None:
            report = current_report(services, project).outlook
        else:
            report = read_outlook(services.database, project, target=target)
    out.print(report.advice)
    for note in report.notes:
        out.print(f"Note: {note}")
    _print_versions(report)
    _print_classes(report.classes)


def _print_versions(report: OutlookReport) -> None:
    if not (report.points or report.left_out):
        return
    table = figure_table(
        "version", "training images", f"{report.measure} on the test split", "standard error"
    )
    for point in report.points:
        table.add_row(*_cells(point, point.version))
    for point in report.left_out:
        table.add_row(*_cells(point, f"{point.version} (left out)"))
    print_table(table)


def _cells(point: CurvePoint, name: str) -> tuple[str, str, str, str]:
    return name, f"{point.images:,}", f"{point.quality:.3f}", f"{point.standard_error:.3f}"


def _print_classes(classes: Sequence[ClassBalance]) -> None:
    if not classes:
        return
    table = figure_table("label", "objects", "% of all", "images", "test objects", "F1")
    for each in classes:
        counts = (_count(each.images), _count(each.test_objects))
        f1 = "-" if each.f1 is None else f"{each.f1:.2f}"
        table.add_row(each.label, f"{each.objects:,}", f"{100 * each.share:.1f}", *counts, f1)
    print_table(table)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
