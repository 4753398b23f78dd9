"""That somebody asked for training, and how often since."""

from datetime import datetime

from sqlalchemy.orm import Session

from backend.store.ledger_tables import SqlTrainingRequest


def note_training_request(session: Session, project_id: int, *, asked_at: datetime) -> None:
    """Note one more request, within the transaction that marks its event as processed."""
    row = session.get(SqlTrainingRequest, project_id)
    if row is None:
        session.add(SqlTrainingRequest(project_id=project_id, asked_at=asked_at, asked=1))
        return
    row.asked += 1
    row.asked_at = max(row.asked_at, asked_at)
