"""Read what is shown of each project where all are listed, in a few queries whatever their number."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import case, func, select

from backend.review.entities import ReviewState
from backend.stats.intervals import Estimate
from backend.stats.quality import QualityReport, VersionQuality
from backend.store.database import Database
from backend.store.ledger_tables import SqlReview
from backend.store.report_tables import SqlStoredReport
from backend.store.tables import SqlProject
from backend.store.training_tables import SqlAlert

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
    is_waiting = case((SqlReview.state == ReviewState.NOT_VIEWED, 1), else_=0)
    reviews = (
        select(SqlReview.project_id, func.count(), func.sum(is_waiting), func.max(SqlReview.reviewed_at))
        .where(SqlReview.deleted_at.is_(None))
        .group_by(SqlReview.project_id)
    )
    alerts = (
        select(SqlAlert.project_id, func.count())
        .where(SqlAlert.resolved_at.is_(None))
        .group_by(SqlAlert.project_id)
    )
    body = SqlStoredReport.body
    stored = select(SqlStoredReport.project_id, body["title"], body["quality"])
    with database.read() as session:
        versions = {
            row.id: row.model_version
            for row in session.execute(select(SqlProject.id, SqlProject.model_version))
        }
        counts = {project: tuple(rest) for project, *rest in session.execute(reviews)}
        is_open = {project: number for project, number in session.execute(alerts)}
        figures = {project: (title, quality) for project, title, quality in session.execute(stored)}
    found = []
    for project_id, version in versions.items():
        tasks, waiting, reviewed_at = counts.get(project_id, (0, 0, None))
        title, quality = figures.get(project_id, ("", None))
        own = version_of(_quality(quality), version) if quality else None
        found.append(
            ListedProject(
                id=project_id,
                title=title_of(project_id, title),
                version=version or UNKNOWN_VERSION,
                f1=own.corrected.f1 if own else None,
                tasks=tasks,
                waiting=waiting,
                alerts=is_open.get(project_id, 0),
                reviewed_at=reviewed_at,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.title.casefold(), each.id)))


def version_of(quality: QualityReport | None, version: str | None) -> VersionQuality | None:
    """Return the figures of a version; None where nobody has reviewed a prediction of it."""
    versions = quality.versions if quality else ()
    return next((each for each in versions if each.version == version), None)


def title_of(project_id: int, title: object) -> str:
    """Return what a project is called, by its number where Label Studio could not be asked."""
    return str(title or f"Project {project_id}")


def _quality(body: object) -> QualityReport | None:
    try:
        return _QUALITY.validate_python(body)
    except ValidationError:  # of another version of this program
        return None
