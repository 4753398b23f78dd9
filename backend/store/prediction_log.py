"""Every prediction that was served, so that each correction can be traced to the weights that caused it."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from backend.entities import Prediction, Region
from backend.store.database import Database
from backend.store.tables import SqlPrediction


def store_predictions(
    database: Database, predictions: Iterable[Prediction], *, project_id: int | None, now: datetime
) -> None:
    """Store the predictions of one request, all or none.

    Raises:
        DatabaseUnavailable: none is stored.
    """
    rows = [
        SqlPrediction(
            project_id=project_id,
            task_id=prediction.task_id,
            version=prediction.version,
            width=prediction.size.width if prediction.size else None,
            height=prediction.size.height if prediction.size else None,
            regions=[_region_row(region) for region in prediction.regions],
            score=prediction.score,
            seconds=prediction.seconds,
            failure=prediction.failure,
            served_at=now,
        )
        for prediction in predictions
    ]
    with database.write() as session:
        session.add_all(rows)


def count_predictions(database: Database) -> dict[tuple[int | None, str], tuple[int, int]]:
    """Return (served, of these failed) by (project id, version)."""
    with database.read() as session:
        query = select(
            SqlPrediction.project_id,
            SqlPrediction.version,
            func.count(),
            func.count(SqlPrediction.failure),
        ).group_by(SqlPrediction.project_id, SqlPrediction.version)
        return {(project, version): (n, failed) for project, version, n, failed in session.execute(query)}


def _region_row(region: Region) -> dict[str, Any]:
    # The geometry's kind is written with it: more kinds than boxes will stand in this column.
    kind = type(region.geometry).__name__.lower()
    return {**asdict(region), "geometry": {"kind": kind, **asdict(region.geometry)}}
