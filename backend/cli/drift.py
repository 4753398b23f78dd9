"""`drift`: what has changed from the images that the model was trained on to those of late."""

from collections.abc import Sequence
from datetime import UTC, datetime

import typer

from backend.cli.console import figure_table, open_services, out, print_table, write_percent
from backend.labelstudio.tasks import MAX_ID
from backend.report.build import current_report
from backend.stats.change import Bin, Drift
from backend.stats.drift_queries import read_drift
from backend.stats.drift_report import DriftReport

_BINS_SHOWN = 5


def drift(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    days: int | None = typer.Option(
        None, min=1, max=36500, help="Compare the images of so many days, rather than of DRIFT_DAYS."
    ),
) -> None:
    """Show whether images, classes and scores have changed since the model was trained."""
    with open_services() as services:
        if days is None:
            report = current_report(services, project).drift
        else:
            report = read_drift(services.database, project, days=days, now=datetime.now(UTC))
    out.print(f"Model: {report.version or 'the weights of the settings'}")
    out.print(f"Period: from {_time(report.since)} to {_time(report.until)}")
    if report.version is not None:
        images = f"{report.training_images} held out of its training, {report.period_images} of the period"
        out.print(f"Images: {images}")
    _print_measures(report)
    for note in report.notes:
        out.print(f"Note: {note}")


def _print_measures(report: DriftReport) -> None:
    known = [each for each in (*report.measures, report.bias) if each.value is not None]
    if known:
        table = figure_table("measure", "images", "PSI", "limit", "change")
        for each in known:
            images = f"{each.expected_images}, {each.actual_images}"
            table.add_row(each.measure, images, _psi(each), f"{each.limit:.3f}", each.verdict)
        print_table(table)
    for each in known:
        out.print(each.sentence)
    for each in report.measures:
        if each.is_alarm:
            _print_bins(each, "training %", "now %", "difference")
    if report.bias.bins:
        _print_bins(report.bias, "corrected %", "predicted %", "difference")


def _print_bins(drift: Drift, *names: str) -> None:
    """Print the bins that have changed most."""
    table = figure_table(drift.measure, *names)
    changed = sorted(drift.bins, key=lambda each: -abs(each.difference.value))[:_BINS_SHOWN]
    for each in changed:
        table.add_row(each.name, *_shares(each))
    print_table(table)


def _shares(each: Bin) -> Sequence[str]:
    expected, actual = (write_percent(share, digits=1) for share in (each.expected, each.actual))
    return expected, actual, write_percent(each.difference, digits=1, sign="+")


def _psi(drift: Drift) -> str:
    return f"{drift.value:.3f} ({drift.low:.3f} to {drift.high:.3f})"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
