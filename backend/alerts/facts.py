"""Read what is known of a project that an alert may be about."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.alerts.rules import RECENT_WEEKS, ProjectFacts, VersionF1
from backend.review.entities import ReviewState
from backend.stats.quality import QualityReport, VersionQuality
from backend.stats.queries import read_quality
from backend.store.database import Database
from backend.store.ledger_tables import SqlReview, SqlSync
from backend.store.runs import list_runs
from backend.store.stored_reports import read_report
from backend.store.tables import SqlPrediction, SqlProject
from backend.store.training_tables import SqlTrainedVersion


def read_facts(database: Database, project_id: int) -> ProjectFacts:
    """Return what is known of the project; of drift what the report last worked out.

    Raises:
        NotFound: there is no such project.
    """
    quality = read_quality(database, project_id)
    report = read_report(database, project_id)
    runs = list_runs(database, project_id=project_id)
    with database.read() as session:
        there = (SqlReview.project_id == project_id, SqlReview.deleted_at.is_(None))
        is_waiting = SqlReview.state == ReviewState.NOT_VIEWED
        reviewed_at = session.scalar(select(func.max(SqlReview.reviewed_at)).where(*there))
        waiting = session.scalar(select(func.count()).select_from(SqlReview).where(*there, is_waiting))
        first = session.scalar(
            select(func.min(SqlPrediction.id))
            .join(SqlReview, SqlReview.task_id == SqlPrediction.task_id)
            .where(*there, is_waiting, SqlPrediction.project_id == project_id)
        )
        since = session.scalar(select(SqlPrediction.served_at).where(SqlPrediction.id == first))
        gone = session.scalar(select(SqlSync.gone_at).where(SqlSync.project_id == project_id))
        serving = session.scalar(select(SqlProject.model_version).where(SqlProject.id == project_id))
        numbers = _read_numbers(session, project_id)
    return ProjectFacts(
        project_id=project_id,
        is_gone=gone is not None,
        waiting=waiting or 0,
        waiting_since=since,
        reviewed_at=reviewed_at,
        in_service=serving,
        recent=_read_recent(database, quality, serving),
        versions=order_versions(quality.versions, numbers),
        runs=tuple(runs),
        drift=report.drift if report else None,
    )


def order_versions(
    newest_first: Sequence[VersionQuality], numbers: Mapping[str, int]
) -> tuple[VersionF1, ...]:
    """Return the versions' F1, the oldest first: those that no run made as they came, then by number.

    Args:
        newest_first: All versions that have been corrected.
        numbers: Of the versions that runs made. A prediction of several models names them with "+" between.
    """

    def number(version: str) -> int:
        return max(numbers.get(part, 0) for part in version.split("+"))

    ordered = sorted(reversed(newest_first), key=lambda each: number(each.version))
    return tuple(_f1_of(each, is_trained=number(each.version) > 0) for each in ordered)


def _read_recent(database: Database, quality: QualityReport, serving: str | None) -> VersionF1 | None:
    """Return the F1 of the version in service in its last weeks; None where nobody has corrected it."""
    found = next((each for each in quality.versions if each.version == serving), None)
    if found is None:
        return None
    since = found.last_week - timedelta(weeks=RECENT_WEEKS - 1)
    newest = read_quality(database, quality.project_id, version=serving, since=since).versions
    return _f1_of(newest[0], is_trained=True) if newest else None


def _f1_of(quality: VersionQuality, *, is_trained: bool) -> VersionF1:
    tally = quality.corrected.tally
    # A model that finds nothing shows nothing: what it missed counts as well.
    return VersionF1(quality.version, is_trained, tally.tp + tally.fp + tally.fn, quality.corrected.f1)


def _read_numbers(session: Session, project_id: int) -> dict[str, int]:
    query = select(SqlTrainedVersion.version, SqlTrainedVersion.number)
    rows = session.execute(query.where(SqlTrainedVersion.project_id == project_id))
    return {version: number for version, number in rows}
