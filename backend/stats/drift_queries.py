"""Read what is compared of a project's images: those held out of training, and those of late."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from backend.entities import ImageSize
from backend.stats.drift import ImageFacts, assess_drift
from backend.stats.drift_report import DriftReport, with_notes
from backend.stats.prediction_bias import ReviewedImage, assess_prediction_bias
from backend.stats.tally_columns import ALL_LABELS
from backend.store.database import Database, chunks
from backend.store.ledger_tables import SqlAnnotation, SqlReview, SqlTally
from backend.store.reviews import check_project
from backend.store.tables import SqlPrediction, SqlProject
from backend.store.training_tables import SqlSnapshot
from backend.store.versions import champion_of, held_out_of

# More say hardly more, and the newest are those that matter.
MOST_IMAGES = 2000
# Masks may take megabytes each, and all regions of a page are in memory at once.
_PAGE = 100


@dataclass(frozen=True, slots=True)
class _Period:
    """Predictions that are compared: of these versions, served from `since` to `until`.

    `snapshot_at` is when the snapshot was taken, and `controls` are the tags that the champion fills; None
    where the weights of the settings serve.
    """

    project_id: int
    versions: tuple[str, ...]
    since: datetime
    until: datetime
    snapshot_at: datetime | None = None
    controls: tuple[str, ...] | None = None


def read_drift(database: Database, project_id: int, *, days: int, now: datetime) -> DriftReport:
    """Return what has changed from the images held out of training to those of the last `days` days.

    Of both sides it is what the version in service finds. Of the period the newest `MOST_IMAGES` count, each
    with its newest prediction; those that were annotated before the snapshot was taken are no news to it.

    Raises:
        NotFound: there is no such project.
        DatabaseUnavailable: nothing can be read.
    """
    check_project(database, project_id)
    champion = champion_of(database, project_id)
    held_out = held_out_of(database, champion.version) if champion else None
    since = now - timedelta(days=days)
    with database.read() as session:
        if champion is not None:
            versions = _served_as(session, project_id, champion.version)
            taken = select(SqlSnapshot.created_at).where(SqlSnapshot.digest == champion.snapshot)
            snapshot_at = session.scalar(taken)
            period = _Period(project_id, versions, since, now, snapshot_at, champion.controls)
        else:
            serving = session.scalar(select(SqlProject.model_version).where(SqlProject.id == project_id))
            period = _Period(project_id, (serving,) if serving else (), since, now)
        images = list(_read_images(session, period)) if champion else []
        reviewed = _read_reviewed(session, period)
    report = DriftReport(
        version=champion.version if champion else None,
        since=since,
        until=now,
        training_images=len(held_out or ()),
        period_images=len(images),
        measures=assess_drift(held_out or (), images),
        bias=assess_prediction_bias(reviewed),
        notes=(),
    )
    return with_notes(report, project_id, is_kept=held_out is not None, most=MOST_IMAGES)


def _served_as(session: Session, project_id: int, champion: str) -> tuple[str, ...]:
    """Return the versions of predictions that the champion has a part in; several are joined by "+"."""
    query = select(SqlPrediction.version).where(SqlPrediction.project_id == project_id).distinct()
    joined = (version for version in session.scalars(query) if champion in version.split("+"))
    return tuple({champion, *joined})


def _read_images(session: Session, period: _Period) -> Iterator[ImageFacts]:
    for some in chunks(_newest(session, period), _PAGE):
        query = select(
            SqlPrediction.regions, SqlPrediction.brightness, SqlPrediction.width, SqlPrediction.height
        )
        query = query.where(SqlPrediction.id.in_(some)).order_by(SqlPrediction.id)
        for regions, brightness, width, height in session.execute(query):
            things = [region for region in regions if _is_thing(region, period.controls)]
            yield ImageFacts(
                labels=dict(Counter(region["label"] for region in things)),
                scores=[region["score"] for region in things],
                brightness=brightness,
                size=ImageSize(width, height) if width and height else None,
            )


def _newest(session: Session, period: _Period) -> list[int]:
    """Return the newest prediction of each task, by id, at most `MOST_IMAGES`, the newest first."""
    query = (
        select(SqlPrediction.id, SqlPrediction.task_id)
        .where(
            SqlPrediction.project_id == period.project_id,
            SqlPrediction.version.in_(period.versions),
            SqlPrediction.served_at >= period.since,
            SqlPrediction.served_at <= period.until,
            SqlPrediction.failure.is_(None),
            SqlPrediction.task_id.is_not(None),
            ~_was_learnt(period),
        )
        .order_by(SqlPrediction.id.desc())
    )
    # Not grouped by the database, which would read 100 000 rows for the newest two thousand.
    newest: dict[int | None, int] = {}
    rows = session.execute(query, execution_options={"yield_per": _PAGE})
    for prediction, task in rows:
        newest.setdefault(task, prediction)
        if len(newest) == MOST_IMAGES:
            break
    rows.close()
    return list(newest.values())


def _was_learnt(period: _Period) -> ColumnElement[bool]:
    """Tell whether the task was annotated when the snapshot was taken, and so may be in it."""
    return exists().where(
        SqlAnnotation.task_id == SqlPrediction.task_id,
        SqlAnnotation.created_at <= period.snapshot_at,
        SqlAnnotation.is_cancelled.is_(False),
    )


def _is_thing(region: Mapping[str, Any], controls: Sequence[str] | None) -> bool:
    """Tell whether a region is the champion's and a thing of its own; a key point is part of one."""
    geometry = region["geometry"]
    is_point = geometry is not None and geometry["kind"] == "point"
    return not is_point and (controls is None or region["control"] in controls)


def _read_reviewed(session: Session, period: _Period) -> list[ReviewedImage]:
    """Return what was predicted of the newest tasks that were reviewed in the period, and what came of it."""
    newest = (
        select(SqlAnnotation.id)
        # By the task as well, which is what the table's key is.
        .join(
            SqlReview,
            (SqlReview.task_id == SqlAnnotation.task_id) & (SqlReview.annotation_id == SqlAnnotation.id),
        )
        .where(
            SqlAnnotation.project_id == period.project_id,
            SqlReview.deleted_at.is_(None),
            SqlReview.version.in_(period.versions),
            SqlAnnotation.created_at >= period.since,
            SqlAnnotation.created_at <= period.until,
        )
        .order_by(SqlAnnotation.id.desc())
        .limit(MOST_IMAGES)
    )
    stayed = SqlTally.kept + SqlTally.adjusted
    query = (
        select(
            SqlTally.annotation_id,
            SqlTally.label,
            stayed + SqlTally.deleted + SqlTally.relabelled_from,
            stayed + SqlTally.added + SqlTally.relabelled_to,
        )
        .where(SqlTally.annotation_id.in_(newest), SqlTally.label != ALL_LABELS)
        # So that the same facts always give the same answer.
        .order_by(SqlTally.annotation_id, SqlTally.label)
    )
    predicted: dict[int, dict[str, int]] = defaultdict(dict)
    corrected: dict[int, dict[str, int]] = defaultdict(dict)
    for annotation, label, before, after in session.execute(query):
        predicted[annotation][label], corrected[annotation][label] = before, after
    return [ReviewedImage(predicted[annotation], corrected[annotation]) for annotation in predicted]
