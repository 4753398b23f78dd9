"""What is shown of each project where all are listed."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from backend.stats.intervals import Estimate
from backend.stats.quality import QualityReport, VersionQuality
from backend.store.database import Database
from backend.store.project_overview import ProjectOverview, list_overviews

UNKNOWN_VERSION = "none"
_QUALITY = TypeAdapter(QualityReport)


@dataclass(frozen=True, slots=True)
class ListedProject:
    """One project. `f1` is the one by corrections of the version in service; None without a review of it.

    `tasks` counts all tasks, `waiting` those that nobody has reviewed, `alerts` the open ones.
    """

    id: int
    title: str
    version: str
    f1: Estimate | None
    tasks: int
    waiting: int
    alerts: int
    reviewed_at: datetime | None


def read_project_list(database: Database) -> tuple[ListedProject, ...]:
    """Return all projects that have talked to us, by title; figures are those last worked out."""
    found = map(_listed, list_overviews(database))
    return tuple(sorted(found, key=lambda each: (each.title.casefold(), each.id)))


def version_of(quality: QualityReport | None, version: str | None) -> VersionQuality | None:
    """Return the figures of a version; None where nobody has reviewed a prediction of it."""
    versions = quality.versions if quality else ()
    return next((each for each in versions if each.version == version), None)


def title_of(project_id: int, title: object) -> str:
    """Return what a project is called, by its number where Label Studio could not be asked."""
    return str(title or f"Project {project_id}")


def _listed(project: ProjectOverview) -> ListedProject:
    own = version_of(_quality(project.quality), project.version)
    return ListedProject(
        id=project.id,
        title=title_of(project.id, project.title),
        version=project.version or UNKNOWN_VERSION,
        f1=own.corrected.f1 if own else None,
        tasks=project.tasks,
        waiting=project.waiting,
        alerts=project.alerts,
        reviewed_at=project.reviewed_at,
    )


def _quality(body: object) -> QualityReport | None:
    try:
        return _QUALITY.validate_python(body) if body else None
    except ValidationError:  # of another version of this program
        return None
