"""Read what is known of a project that an alert may be about."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.alerts.rules import LEAST_REGIONS, RECENT_WEEKS, ProjectFacts, RecentF1, VersionF1
from backend.review.entities import ReviewState
from backend.stats.quality import Figures, QualityReport, VersionQuality
from backend.stats.queries import read_quality
from backend.store.database import Database
from backend.store.ledger_tables import SqlReview, SqlSync
from backend.store.runs import list_runs
from backend.store.stored_reports import read_report
from backend.store.tables import SqlPrediction, SqlProject
from backend.store.training_tables import SqlTrainedVersion


def read_facts(database: Database, project_id: int, *, is_level_watched: bool = True) -> ProjectFacts:
    """Return what is known of the project; of drift what the report last worked out.

    Args:
        database: Holds the ledger.
        project_id: Label Studio's.
        is_level_watched: Whether `recent` is needed, which is as dear as all the rest.

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
        recent=_read_recent(database, quality, serving) if is_level_watched else None,
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
    return tuple(
        VersionF1(each.version, number(each.version) > 0, _regions(each.corrected), each.corrected.f1)
        for each in ordered
    )


def _read_recent(database: Database, quality: QualityReport, serving: str | None) -> RecentF1 | None:
    """Return the F1 of the version in service in its last weeks; None where nobody has corrected it."""
    found = next((each for each in quality.versions if each.version == serving), None)
    since = None if found is None else _recent_from(found)
    if found is None or since is None:
        return None
    if since > found.first_week:
        (found,) = read_quality(database, quality.project_id, version=serving, since=since).versions
    return RecentF1(found.version, since, _regions(found.corrected), found.corrected.f1)


def _recent_from(quality: VersionQuality) -> date | None:
    """Return the week from which on a version is judged; None where it has not been corrected.

    There are enough regions from then on if there are enough at all, so that a quiet month ends no alert.
    """
    weeks = sorted((part for part in quality.weeks if part.corrected.annotations), key=lambda part: part.key)
    if not weeks:
        return None
    earliest, regions = weeks[-1].key - timedelta(weeks=RECENT_WEEKS - 1), 0
    for part in reversed(weeks):
        if part.key < earliest and regions >= LEAST_REGIONS:
            break
        regions += _regions(part.corrected)
        since = part.key
    return since


def _regions(figures: Figures) -> int:
    # A model that finds nothing shows nothing: what it missed counts as well.
    return figures.tally.tp + figures.tally.fp + figures.tally.fn


def _read_numbers(session: Session, project_id: int) -> dict[str, int]:
    query = select(SqlTrainedVersion.version, SqlTrainedVersion.number)
    rows = session.execute(query.where(SqlTrainedVersion.project_id == project_id))
    return {version: number for version, number in rows}
