"""What the stack under test has stored, read from its database."""

from collections.abc import Sequence

from sqlalchemy import select

from backend.entities import Job, Prediction
from backend.store.database import Database
from backend.store.jobs import list_jobs
from backend.store.prediction_log import prediction_from_row
from backend.store.tables import SqlPrediction


def logged_predictions(database: Database, project_id: int) -> Sequence[Prediction]:
    """Return every prediction that was made for the project, failed ones too."""
    with database.read() as session:
        query = select(SqlPrediction).where(SqlPrediction.project_id == project_id).order_by(SqlPrediction.id)
        return [prediction_from_row(row) for row in session.scalars(query)]


def newest_job(database: Database, project_id: int) -> Job:
    """Return the project's newest job, of which there must be one."""
    return list_jobs(database, project_id=project_id, limit=1)[0]
