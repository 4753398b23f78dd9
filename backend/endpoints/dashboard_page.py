"""Pages of the dashboard as answers: rendered, and with headers that keep foreign content out."""

from typing import Any

from flask import Flask, Response, current_app, request
from flask.sansio.blueprints import BlueprintSetupState

from backend.dashboard.assets import Assets
from backend.dashboard.render import Renderer

PREFIX = "/dashboard"
_ASSETS, _RENDERER = "dashboard-assets", "dashboard-renderer"
# What plotly writes inline, by its digest: the style of maps as it loads, and empty style attributes.
_MAP_STYLE = "'sha256-V2sIX92Uh6ZaGSFTKMHghsB85b9toJtmazgG09AI2uk='"
_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
_HEADERS = {
    # Nothing from other hosts, and nothing inline that runs or paints.
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'self'; style-src 'self' {_MAP_STYLE}; "
        f"style-src-attr 'unsafe-hashes' {_EMPTY}; "
        # A heat map is a picture in a data address.
        "img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Own pages see where a request came from: a form without it has no Origin to be checked.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def attach_dashboard(state: BlueprintSetupState) -> None:
    """Give the application what its pages are made with."""
    app = state.app
    assert isinstance(app, Flask)
    assets = Assets()
    app.extensions[_ASSETS] = assets
    app.extensions[_RENDERER] = Renderer(assets)
    app.after_request(_protect)


def get_assets() -> Assets:
    """Return the files that the current application's pages need."""
    assets = current_app.extensions[_ASSETS]
    assert isinstance(assets, Assets)
    return assets


def show(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page; `values` are what its template names."""
    renderer = current_app.extensions[_RENDERER]
    assert isinstance(renderer, Renderer)
    return Response(renderer.page(template, values), status, mimetype="text/html")


def show_error(message: str) -> Response:
    """Return the page that says what went wrong; its status is the caller's to set."""
    project = (request.view_args or {}).get("project_id")
    return show("error.html", heading="This did not work", detail=message, project_id=project)


def is_page(path: str) -> bool:
    """Return whether people look at what is at a path."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _protect(response: Response) -> Response:
    if is_page(request.path):
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
