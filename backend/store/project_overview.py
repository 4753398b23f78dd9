"""Read what is known of all projects at once, in a few queries whatever their number."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, case, func, select

from backend.review.entities import ReviewState
from backend.store.database import Database
from backend.store.ledger_tables import SqlReview
from backend.store.report_tables import SqlStoredReport
from backend.store.tables import SqlProject
from backend.store.training_tables import SqlAlert


@dataclass(frozen=True, slots=True)
class ProjectOverview:
    """One project that has talked to us.

    `version` serves it by its last call. `tasks` counts all tasks, `waiting` those that nobody has reviewed,
    `alerts` the open ones. `title` and `quality` are those of the stored report as JSON has them, which may
    be of another version of this program; None where there is no report.
    """

    id: int
    version: str | None
    tasks: int
    waiting: int
    reviewed_at: datetime | None
    alerts: int
    title: object
    quality: object


def list_overviews(database: Database) -> list[ProjectOverview]:
    """Return all projects that have talked to us, by id."""
    body = SqlStoredReport.body
    projects = select(SqlProject.id, SqlProject.model_version).order_by(SqlProject.id)
    stored = select(SqlStoredReport.project_id, body["title"], body["quality"])
    with database.read() as session:
        versions = {known: version for known, version in session.execute(projects)}
        reviews = {
            project: (tasks, waiting, last)
            for project, tasks, waiting, last in session.execute(_count_reviews())
        }
        alerts = {project: number for project, number in session.execute(_count_alerts())}
        reports = {project: (title, quality) for project, title, quality in session.execute(stored)}
    found = []
    for project, version in versions.items():
        tasks, waiting, reviewed_at = reviews.get(project, (0, 0, None))
        title, quality = reports.get(project, (None, None))
        overview = ProjectOverview(
            id=project,
            version=version,
            tasks=tasks,
            waiting=waiting,
            reviewed_at=reviewed_at,
            alerts=alerts.get(project, 0),
            title=title,
            quality=quality,
        )
        found.append(overview)
    return found


def _count_reviews() -> Select[int, int, int, datetime | None]:
    is_waiting = case((SqlReview.state == ReviewState.NOT_VIEWED, 1), else_=0)
    columns = func.count(), func.sum(is_waiting), func.max(SqlReview.reviewed_at)
    query = select(SqlReview.project_id, *columns).where(SqlReview.deleted_at.is_(None))
    return query.group_by(SqlReview.project_id)


def _count_alerts() -> Select[int | None, int]:
    query = select(SqlAlert.project_id, func.count()).where(SqlAlert.resolved_at.is_(None))
    return query.group_by(SqlAlert.project_id)
