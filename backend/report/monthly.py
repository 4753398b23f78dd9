"""Have the report of a month sent when it is over, once, through the channel of alerts.

A message is an alert that ends by itself once it was delivered; months are those of UTC.
"""

from datetime import datetime

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from backend.alerts.attachments import MONTHLY_REPORT, month_before, report_file, start_of_month
from backend.dashboard.report_file import write_report
from backend.errors import AppError, DatabaseUnavailable
from backend.report.build import make_report
from backend.report.month import MonthCounts, describe_month
from backend.review.entities import ReviewState
from backend.services import Services
from backend.store.alerts import raise_alert
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.project_settings import project_settings
from backend.store.projects import list_projects
from backend.store.syncs import get_sync
from backend.store.training_tables import SqlAlert, SqlPromotion, SqlTrainingRun

log = structlog.get_logger(__name__)


def raise_monthly_reports(services: Services, *, now: datetime) -> int:
    """Have the reports of the last month sent that are due; return how many.

    A project whose report fails is logged, harms no other, and is tried again.

    Raises:
        DatabaseUnavailable: nothing can be read or stored.
    """
    _end_delivered(services, now=now)
    made = 0
    for project_id, _, _ in list_projects(services.database):
        try:
            if _is_due(services, project_id, now=now):
                made += _raise_report(services, project_id, now=now)
        except DatabaseUnavailable:
            raise
        # Whatever is wrong with one project's page must not keep others' from being sent.
        except Exception as error:
            trace = None if isinstance(error, AppError) else error
            log.warning("monthly_report_not_made", project=project_id, detail=str(error), exc_info=trace)
    return made


def _is_due(services: Services, project_id: int, *, now: datetime) -> bool:
    if not project_settings(services.database, project_id, services.settings).report_monthly:
        return False
    if get_sync(services.database, project_id).gone_at is not None:
        return False
    with services.database.read() as session:
        first = session.scalar(
            select(func.min(SqlAnnotation.created_at)).where(SqlAnnotation.project_id == project_id)
        )
        is_sent = _is_raised(session, project_id, now=now)
    # Nobody had begun by then.
    return first is not None and first < start_of_month(now) and not is_sent


def _is_raised(session: Session, project_id: int, *, now: datetime) -> bool:
    query = select(SqlAlert.id).where(
        SqlAlert.project_id == project_id,
        SqlAlert.kind == MONTHLY_REPORT,
        SqlAlert.raised_at >= start_of_month(now),
    )
    return session.scalar(query.limit(1)) is not None


def _raise_report(services: Services, project_id: int, *, now: datetime) -> bool:
    report = make_report(services, project_id)
    file = report_file(services.settings.data_dir, project_id, now)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_report(services, project_id, file)
    month = month_before(now)
    message = describe_month(
        report,
        _count_month(services.database, project_id, since=month, until=start_of_month(now)),
        month=month,
        address=f"{services.settings.public_url}/dashboard/projects/{project_id}",
    )
    with services.database.write() as session:
        return not _is_raised(session, project_id, now=now) and raise_alert(
            session,
            project_id=project_id,
            kind=MONTHLY_REPORT,
            key=f"{month:%Y-%m}",
            message=message,
            now=now,
        )


def _count_month(database: Database, project_id: int, *, since: datetime, until: datetime) -> MonthCounts:
    reviews = select(func.count()).where(SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None))
    runs = select(func.count()).where(SqlTrainingRun.project_id == project_id)
    promotions = select(func.count()).where(SqlPromotion.project_id == project_id)
    alerts = select(func.count()).where(SqlAlert.project_id == project_id, SqlAlert.kind != MONTHLY_REPORT)
    queries = {
        "reviewed": reviews.where(SqlReview.reviewed_at >= since, SqlReview.reviewed_at < until),
        "waiting": reviews.where(SqlReview.state == ReviewState.NOT_VIEWED),
        "alerts": alerts.where(SqlAlert.raised_at >= since, SqlAlert.raised_at < until),
        "runs": runs.where(SqlTrainingRun.finished_at >= since, SqlTrainingRun.finished_at < until),
        "promoted": promotions.where(SqlPromotion.promoted_at >= since, SqlPromotion.promoted_at < until),
    }
    with database.read() as session:
        return MonthCounts(**{name: session.scalar(query) or 0 for name, query in queries.items()})


def _end_delivered(services: Services, *, now: datetime) -> None:
    """End messages that went out, without another one, and delete their files."""
    is_over = (
        SqlAlert.kind == MONTHLY_REPORT,
        SqlAlert.delivered_at.is_not(None),
        SqlAlert.resolved_at.is_(None),
    )
    with services.database.read() as session:
        over = session.execute(
            select(SqlAlert.id, SqlAlert.project_id, SqlAlert.raised_at).where(*is_over)
        ).all()
    if not over:
        return
    for _, project_id, raised_at in over:
        assert project_id is not None  # as `_raise_report` stores it
        report_file(services.settings.data_dir, project_id, raised_at).unlink(missing_ok=True)
    ended = {"open_key": None, "resolved_at": now, "resolved_message": "", "resolved_delivered_at": now}
    with services.database.write() as session:
        session.execute(
            update(SqlAlert).where(SqlAlert.id.in_([row.id for row in over]), *is_over).values(**ended)
        )
