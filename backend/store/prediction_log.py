"""Every prediction that was served, so that each correction can be traced to the weights that caused it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from backend.entities import ImageSize, Prediction
from backend.store.database import Database
from backend.store.region_rows import region_from_row, region_to_row
from backend.store.tables import SqlPrediction


def store_predictions(
    database: Database, predictions: Iterable[Prediction], *, project_id: int | None, now: datetime
) -> None:
    """Store the predictions of one request, all or none.

    Raises:
        DatabaseUnavailable: none is stored.
    """
    rows = [prediction_row(prediction, project_id=project_id, now=now) for prediction in predictions]
    with database.write() as session:
        session.add_all(rows)


def prediction_row(prediction: Prediction, *, project_id: int | None, now: datetime) -> SqlPrediction:
    """Return the row of one prediction, not stored yet."""
    size = prediction.size
    return SqlPrediction(
        project_id=project_id,
        task_id=prediction.task_id,
        version=prediction.version,
        width=size.width if size else None,
        height=size.height if size else None,
        regions=[region_to_row(region) for region in prediction.regions],
        score=prediction.score,
        seconds=prediction.seconds,
        failure=prediction.failure,
        filtered=dict(prediction.filtered),
        blind=prediction.blind,
        brightness=prediction.brightness,
        embedding=prediction.embedding,
        served_at=now,
    )


def prediction_from_row(row: SqlPrediction) -> Prediction:
    """Return the prediction that a row holds."""
    return Prediction(
        task_id=row.task_id,
        version=row.version,
        size=ImageSize(row.width, row.height) if row.width and row.height else None,
        regions=tuple(map(region_from_row, row.regions)),
        score=row.score,
        seconds=row.seconds,
        failure=row.failure,
        filtered=row.filtered,
        blind=row.blind,
    )


def projects_served_last(database: Database, *, among: int = 1000) -> list[int]:
    """Return the projects of the newest `among` predictions, each once, the one served last before others."""
    query = select(SqlPrediction.project_id).order_by(SqlPrediction.id.desc()).limit(among)
    with database.read() as session:
        return [project for project in dict.fromkeys(session.scalars(query)) if project is not None]


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
