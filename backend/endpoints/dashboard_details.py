"""Pages for people: one version, one run while it goes on, one annotator, suspected label errors."""

from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, request

from backend.dashboard.details import (
    RunPage,
    read_annotator_page,
    read_run_page,
    read_version_page,
)
from backend.dashboard.entities import Chart
from backend.dashboard.pages import find_chart
from backend.dashboard.render import cell
from backend.dashboard.suspects import read_suspects
from backend.endpoints.auth import require_caller
from backend.endpoints.chart_files import answer_csv
from backend.endpoints.context import get_services
from backend.endpoints.dashboard_page import show
from backend.endpoints.notices import take_notice
from backend.endpoints.query import read_number, refuse_unknown

blueprint = Blueprint("dashboard_details", __name__)
blueprint.before_request(require_caller)


@blueprint.get("/dashboard/projects/<int:project_id>/versions/<version>")
def version(project_id: int, version: str) -> Response:
    """Show one version: how good it is, against which, where it comes from, when it served."""
    page = read_version_page(get_services(), project_id, version)
    return show("version.html", page=page, csv=_csv_folder(), message=take_notice())


@blueprint.get("/dashboard/projects/<int:project_id>/versions/<version>/charts/<key>.csv")
def version_chart(project_id: int, version: str, key: str) -> Response:
    """Return the table of one of a version's charts."""
    page = read_version_page(get_services(), project_id, version)
    return answer_csv(find_chart(page.charts, key), version)


@blueprint.get("/dashboard/projects/<int:project_id>/annotators/<annotator>")
def annotator(project_id: int, annotator: str) -> Response:
    """Show one annotator: figures by week, agreement with others, suspected errors."""
    page = read_annotator_page(get_services(), project_id, annotator)
    return show("annotator.html", page=page, csv=_csv_folder())


@blueprint.get("/dashboard/projects/<int:project_id>/annotators/<annotator>/charts/<key>.csv")
def annotator_chart(project_id: int, annotator: str, key: str) -> Response:
    """Return the table of one of an annotator's charts."""
    page = read_annotator_page(get_services(), project_id, annotator)
    return answer_csv(find_chart(page.charts, key), f"annotator-{annotator}")


@blueprint.get("/dashboard/projects/<int:project_id>/label-errors")
def label_errors(project_id: int) -> Response:
    """Show suspected label errors with pictures: `?kind=wrong class&annotator=ID&page=2`."""
    refuse_unknown(("kind", "annotator", "page"))
    page = read_suspects(
        get_services(),
        project_id,
        kind=request.args.get("kind", ""),
        annotator=read_number("annotator", None),
        number=read_number("page", 1),
    )
    return show("label_errors.html", page=page, message=take_notice())


@blueprint.get("/dashboard/runs/<run_id>")
def run(run_id: str) -> Response:
    """Show one run; the page follows it while it goes on."""
    return show("run.html", page=_run_page(run_id), csv=_csv_folder(), message=take_notice())


@blueprint.get("/dashboard/runs/<run_id>/live")
def live_run(run_id: str) -> Response:
    """Tell the page of a run what has changed: `?epoch=N` leaves out charts that have no more epochs."""
    refuse_unknown(("epoch",))
    page = _run_page(run_id)
    is_news = read_number("epoch", None) != page.run.epoch
    charts = {chart.key: _live_chart(chart) for chart in page.charts if chart.traces} if is_news else {}
    return jsonify(
        {
            "is_over": page.is_over,
            "epoch": page.run.epoch,
            "mark": page.mark,
            "progress": page.progress,
            "facts": page.facts,
            "charts": charts,
        }
    )


@blueprint.get("/dashboard/runs/<run_id>/charts/<key>.csv")
def run_chart(run_id: str, key: str) -> Response:
    """Return the table of one of a run's charts."""
    page = _run_page(run_id)
    return answer_csv(find_chart(page.charts, key), f"run-{page.run.id}")


def _run_page(run_id: str) -> RunPage:
    return read_run_page(get_services(), run_id, now=datetime.now(UTC))


def _live_chart(chart: Chart) -> dict[str, object]:
    """Return a chart as its page holds it: what plotly draws, and its table's rows as they are written."""
    columns = chart.table.columns
    rows = [[cell(*each) for each in zip(row, columns, strict=True)] for row in chart.table.rows]
    return {"data": chart.traces, "layout": chart.layout, "rows": rows}


def _csv_folder() -> str:
    return f"{request.path}/charts"
