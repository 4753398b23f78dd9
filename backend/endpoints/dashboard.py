"""Pages for people: all projects, and one project with its charts; and the files that they need."""

from datetime import UTC, datetime

from flask import Blueprint, Response, make_response, request

from backend.dashboard.assets import PLOTLY
from backend.dashboard.pages import find_chart, read_project_page
from backend.dashboard.project_list import read_project_list
from backend.endpoints.auth import require_caller
from backend.endpoints.chart_files import answer_csv
from backend.endpoints.context import get_services
from backend.endpoints.dashboard_page import attach_dashboard, get_assets, show
from backend.endpoints.notices import take_notice

blueprint = Blueprint("dashboard", __name__)
blueprint.before_request(require_caller)
blueprint.record_once(attach_dashboard)

_FOR_EVER = "private, max-age=31536000, immutable"


@blueprint.get("/dashboard")
def projects() -> Response:
    """List the projects, each with how it stands."""
    return show("projects.html", projects=read_project_list(get_services().database), now=datetime.now(UTC))


@blueprint.get("/dashboard/projects/<int:project_id>")
def project(project_id: int) -> Response:
    """Show one project: what to do next, alerts, and all charts."""
    return show("project.html", page=read_project_page(get_services(), project_id), message=take_notice())


@blueprint.get("/dashboard/projects/<int:project_id>/charts/<key>.csv")
def chart(project_id: int, key: str) -> Response:
    """Return the table of one of a project's charts."""
    page = read_project_page(get_services(), project_id)
    return answer_csv(find_chart(page.charts, key), f"project-{project_id}")


@blueprint.get("/dashboard/static/<name>")
def static_file(name: str) -> Response:
    """Return a style, script or picture of the pages."""
    return _send(name)


@blueprint.get("/dashboard/plotly.js")
def plotly() -> Response:
    """Return the script that draws charts, as the package plotly brings it."""
    return _send(PLOTLY)


def _send(name: str) -> Response:
    assets = get_assets()
    asset = assets.get(name)
    response = make_response(asset.content)
    if request.accept_encodings["gzip"]:
        response = make_response(assets.compressed(name))
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.mimetype = asset.media_type
    response.set_etag(asset.digest)
    # An address without the digest may have other content tomorrow.
    if request.args.get("v") == asset.digest:
        response.headers["Cache-Control"] = _FOR_EVER
    response.make_conditional(request)
    return response
