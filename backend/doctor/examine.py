"""All checks in their order: general ones first, then those of each project."""

from collections.abc import Iterator

from backend.doctor.case import Case
from backend.doctor.check import Check, CheckState, Entry, run_checks
from backend.doctor.images import check_images, image_entries
from backend.doctor.label_studio import LABEL_STUDIO
from backend.doctor.labels import check_labels, check_versions, tag_entries
from backend.doctor.machine import MACHINE
from backend.doctor.project import ProjectCase, check_connection, check_project, check_reach
from backend.doctor.server import SERVER
from backend.doctor.smart_tools import check_smart_tools, smart_entries
from backend.doctor.webhook import check_webhook
from backend.store.projects import list_projects

GENERAL: tuple[Entry[Case], ...] = (*MACHINE, *SERVER, *LABEL_STUDIO)


def project_entries(project: ProjectCase) -> tuple[Entry[ProjectCase], ...]:
    """Return the table of one project's checks."""
    connect = project.connect_command
    labeling = f"Change the labeling config on {project.settings_page}/labeling"
    see = "Give LABEL_STUDIO_API_KEY of a user who sees it, or name another project"
    # Label Studio calls each backend of the project while it lists them, which takes its time.
    slow = 20.0
    return (
        Entry("project", check_project, ("token",), see),
        Entry("connection", check_connection, ("project",), connect, slow),
        Entry("reach", check_reach, ("connection",), connect, slow),
        Entry("webhook", check_webhook, ("project",), connect),
        Entry("labels", check_labels, ("project",), labeling, then=tag_entries),
        Entry("smart tools", check_smart_tools, ("project",), labeling, then=smart_entries),
        Entry("version", check_versions, ("labels", "reach"), connect),
        Entry("images", check_images, ("project",), labeling, then=image_entries),
    )


def examine(case: Case, *, project_id: int | None = None) -> Iterator[Check]:
    """Run all checks; yield each as soon as it is known.

    Where a project cannot be looked at, its first check says why and stands for all of them.

    Args:
        case: What to look at.
        project_id: The only project to look at; None for every one that we know.
    """
    states: dict[str, CheckState] = {}
    yield from run_checks(GENERAL, case, states)
    if project_id is not None:
        ids = [project_id]
    elif states["database"] == CheckState.OK:
        ids = [known for known, _, _ in list_projects(case.services.database)]
    else:
        yield Check("projects", CheckState.UNKNOWN, _WHICH)
        return
    for each in ids:
        project = ProjectCase(case, each, is_asked=project_id is not None)
        first, *rest = project_entries(project)
        own = dict(states)
        (check,) = run_checks([first], project, own, project=each)
        yield check
        if check.state == CheckState.OK:
            yield from run_checks(rest, project, own, project=each)


_WHICH = (
    'not checked, because "database" is not in order, which tells which there are; name one: --project ID'
)
