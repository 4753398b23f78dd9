"""Make one check, as the doctor would make it if all before it were in order."""

import base64
from collections.abc import Callable

from backend.doctor.case import Case
from backend.doctor.check import Check, CheckState, Entry, S, run_checks
from backend.doctor.examine import GENERAL, project_entries
from backend.doctor.project import ProjectCase
from tests.backend.pictures import png

MakeCase = Callable[..., Case]
DATA_URI = "data:image/png;base64," + base64.b64encode(png(8, 8)).decode()


def look(entry: Entry[S], subject: S) -> list[Check]:
    """Make this check, and those that follow from it."""
    return list(run_checks([entry], subject, dict.fromkeys(entry.needs, CheckState.OK)))


def look_general(name: str, case: Case) -> Check:
    """Make one of the general checks by its name."""
    (check,) = look(next(entry for entry in GENERAL if entry.name == name), case)
    return check


def look_project(name: str, project: ProjectCase) -> list[Check]:
    """Make one of the project's checks by its name, and those that follow from it."""
    return look(next(entry for entry in project_entries(project) if entry.name == name), project)
