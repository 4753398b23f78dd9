"""A project's page as one file that stands alone: to be sent, printed and kept."""

import secrets
from pathlib import Path

from backend.dashboard.assets import Assets
from backend.dashboard.entities import Links
from backend.dashboard.pages import page_links, read_project_page
from backend.dashboard.render import Renderer
from backend.services import Services


def write_report(services: Services, project_id: int, target: Path) -> None:
    """Write the project's page as HTML that needs no other file; only tasks lead on, to Label Studio.

    Nobody reads half a file, and one that was there stays where this one cannot be written.

    Raises:
        NotFound: there is no such project.
        SettingsError: a setting of the project cannot be used.
        DatabaseUnavailable: nothing can be read.
        OSError: the file cannot be written.
    """
    links = Links(task=page_links(services, project_id).task)
    page = read_project_page(services, project_id, links=links)
    text = Renderer(Assets()).page("project.html", {"page": page}, is_file=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
