"""`errors`: labels that are probably wrong, as a table, a file, or a tab in Label Studio."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer
from pydantic import TypeAdapter
from rich.box import SIMPLE
from rich.progress import Progress
from rich.table import Table

from backend.cli.console import open_services, out
from backend.dashboard.csv import to_csv
from backend.dashboard.entities import Cell, Column
from backend.dashboard.entities import Table as Columns
from backend.entities import Box
from backend.errors import BadRequest
from backend.labelstudio.task_lists import ERRORS_TITLE, errors_title, keep_list_tab
from backend.labelstudio.tasks import MAX_ID
from backend.report.predict_again import predict_again
from backend.review.table import BYTE_ORDER_MARK
from backend.services import Services
from backend.stats.label_error_queries import MOST_ERRORS, read_judgeable, report_errors
from backend.stats.label_errors import ErrorKind, Found, LabelError, LabelErrorReport
from backend.store.reviews import check_project

# Ordering a tab writes each of its tasks.
_MOST_TAB_TASKS = 200
_SUFFIXES = (".csv", ".json")
_ERRORS = TypeAdapter(list[LabelError])
_CORNERS = ("x1", "y1", "x2", "y2")
_COLUMNS = (
    *("task", "annotation", "annotator", "what", "score"),
    *("label", *_CORNERS),
    *("model_label", "model_score", *(f"model_{corner}" for corner in _CORNERS)),
    *("version", "image", "why"),
)


def errors(
    project: int = typer.Option(..., min=1, max=MAX_ID, help="Id of the Label Studio project."),
    most: int = typer.Option(20, min=1, help="How many to show."),
    kind: list[ErrorKind] = typer.Option([], help="Only this kind; may be given several times."),
    target: Path | None = typer.Option(None, "--out", help="Write all to this .csv or .json file, too."),
    tab: bool = typer.Option(
        False, "--tab", help=f'List their tasks in the tab "{ERRORS_TITLE}" in Label Studio.'
    ),
    predict: bool = typer.Option(
        False, "--predict", help="Let the model look again at reviewed tasks that it has not learnt from."
    ),
) -> None:
    """Show labels that are probably wrong, the most suspect first."""
    if target is not None and target.suffix not in _SUFFIXES:
        raise BadRequest(f"--out is {target}; expected a file that ends in {' or '.join(_SUFFIXES)}.")
    with open_services() as services:
        report = _read(services, project, is_predicted=predict)
        found = [error for error in report.errors if not kind or error.kind in kind]
        _print_report(report, found, project=project, most=most)
        if target is not None:
            _write(found, target)
        if tab:
            tasks = list(dict.fromkeys(error.task_id for error in found))[:_MOST_TAB_TASKS]
            title = errors_title(kind[0] if len(kind) == 1 else "")
            keep_list_tab(services.label_studio, project, title, tasks)
            out.print(f'Tasks listed in Label Studio in the tab "{title}": {len(tasks)}.')


def _read(services: Services, project: int, *, is_predicted: bool) -> LabelErrorReport:
    check_project(services.database, project)
    again = _look_again(services, project) if is_predicted else {}
    judgeable = read_judgeable(services.database, services.artifacts, project, again=again)
    report = report_errors(judgeable, now=datetime.now(UTC), most=MOST_ERRORS)
    # All of them, since a kind is chosen and a file is written afterwards.
    total = sum(report.counts.values())
    return report if total <= MOST_ERRORS else report_errors(judgeable, now=report.looked_at, most=total)


def _look_again(services: Services, project: int) -> dict[int, Found]:
    with Progress(console=out, transient=True) as progress:
        bar = progress.add_task("predicting", total=None)
        return predict_again(
            services, project, tell=lambda done, total: progress.update(bar, completed=done, total=total)
        )


def _print_report(report: LabelErrorReport, found: Sequence[LabelError], *, project: int, most: int) -> None:
    if found:
        out.print(_table(found[:most]))
    if len(found) > most:
        out.print(f"These are the first {most} of {len(found)}; --most shows more.")
    counts = ", ".join(f"{kind}: {report.counts[kind]}" for kind in ErrorKind if report.counts.get(kind))
    out.print(f"Looked at {report.objects} labels in {report.tasks} tasks. Suspected: {counts or 'none'}.")
    if report.unseen:
        out.print(
            "Reviewed tasks without a prediction by a model that had not learnt their labels: "
            f"{report.unseen}. Let the model look at those that it can judge: "
            f"python -m backend errors --project {project} --predict"
        )


def _table(found: Sequence[LabelError]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("task", "what", "label", "model", "score"):
        table.add_column(name, justify="right" if name in ("task", "score") else "left")
    table.add_column("why", overflow="fold")
    for error in found:
        said = (error.label or "-", error.predicted_label or "-")
        table.add_row(str(error.task_id), str(error.kind), *said, f"{error.score:.2f}", error.reason)
    return table


def _write(found: Sequence[LabelError], target: Path) -> None:
    text = _json(found) if target.suffix == ".json" else BYTE_ORDER_MARK + to_csv(_as_table(found))
    try:
        target.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise BadRequest(
            f"--out is {target}, which cannot be written: {error.strerror}. Name a file in a folder that is "
            "there."
        ) from None
    out.print(f"Suspected errors written to {target.resolve()}: {len(found)}.")


def _json(found: Sequence[LabelError]) -> str:
    return _ERRORS.dump_json(list(found), indent=2).decode()


def _as_table(found: Sequence[LabelError]) -> Columns:
    """Return one row for each error; boxes are pixels of the upright image."""
    rows = [
        (
            *(error.task_id, error.annotation_id, error.annotator, str(error.kind), error.score),
            *(error.label, *_corners(error.box)),
            *(error.predicted_label, error.predicted_score, *_corners(error.predicted_box)),
            *(error.version, error.image, error.reason),
        )
        for error in found
    ]
    return Columns(tuple(map(Column, _COLUMNS)), tuple(rows))


def _corners(box: Box | None) -> tuple[Cell, ...]:
    return (box.x1, box.y1, box.x2, box.y2) if box is not None else (None,) * 4
