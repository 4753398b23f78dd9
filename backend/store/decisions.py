"""What the policy last said of each project: whether a run is due, and why or why not."""

from datetime import datetime

from sqlalchemy.orm import Session

from backend.store.base import table_of
from backend.store.database import upsert
from backend.store.training_tables import SqlTrainingDecision
from backend.training.policy import Decision


def read_decision(session: Session, project_id: int) -> Decision | None:
    """Return the last decision; None for a project that was never considered."""
    row = session.get(SqlTrainingDecision, project_id)
    return None if row is None else Decision(row.is_due, row.reason)


def store_decision(session: Session, project_id: int, decision: Decision, *, now: datetime) -> None:
    """Store the decision, if it differs from the last one."""
    if decision != read_decision(session, project_id):
        table = table_of(SqlTrainingDecision)
        values = {"is_due": decision.is_due, "reason": decision.reason, "decided_at": now}
        upsert(session, table, {"project_id": project_id, **values})
