"""A project's page as one file that stands alone: to be sent, printed and kept."""

from backend.dashboard.assets import Assets
from backend.dashboard.entities import Links
from backend.dashboard.pages import page_links, read_project_page
from backend.dashboard.render import Renderer
from backend.services import Services


def write_report(services: Services, project_id: int) -> str:
    """Return the project's page as HTML that needs no other file; only tasks lead on, to Label Studio.

    Raises:
        NotFound: there is no such project.
        SettingsError: a setting of the project cannot be used.
        DatabaseUnavailable: nothing can be read.
    """
    links = Links(task=page_links(services, project_id).task)
    page = read_project_page(services, project_id, links=links)
    return Renderer(Assets()).page("project.html", {"page": page}, is_file=True)
