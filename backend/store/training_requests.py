"""That somebody asked for training. However often it was asked, one run answers it."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.store.database import Database
from backend.store.leases import count_rows
from backend.store.ledger_tables import SqlTrainingRequest


def note_training_request(session: Session, project_id: int, *, asked_at: datetime) -> None:
    """Note one more request, within a transaction that holds the project."""
    row = session.get(SqlTrainingRequest, project_id)
    if row is None:
        session.add(SqlTrainingRequest(project_id=project_id, asked_at=asked_at, asked=1))
        return
    row.asked += 1
    row.asked_at = max(row.asked_at, asked_at)


def is_training_asked(session: Session, project_id: int) -> bool:
    """Tell whether somebody asked for training and has no answer yet."""
    asked = select(SqlTrainingRequest.asked).where(SqlTrainingRequest.project_id == project_id)
    return bool(session.scalar(asked))


def take_request(session: Session, project_id: int) -> bool:
    """Note that the request is answered, within the transaction that does so; False where there is none."""
    waiting = (SqlTrainingRequest.project_id == project_id, SqlTrainingRequest.asked > 0)
    return bool(count_rows(session.execute(update(SqlTrainingRequest).where(*waiting).values(asked=0))))


def projects_with_request(database: Database) -> list[int]:
    """Return the projects for which somebody waits for a run, who asked first before the others."""
    query = select(SqlTrainingRequest.project_id).where(SqlTrainingRequest.asked > 0)
    with database.read() as session:
        return list(session.scalars(query.order_by(SqlTrainingRequest.asked_at)))
