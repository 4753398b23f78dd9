"""How each project's champion changed, and the pre-labelling that follows. Appended, never rewritten."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.registry.entities import Promotion
from backend.store.database import Database
from backend.store.training_tables import SqlPromotion

_WANTED, _STARTED, _NONE = "wanted", "started", "none"


def add_promotion(
    session: Session,
    project_id: int,
    *,
    version: str | None,
    previous: str | None,
    reason: str,
    run_id: str | None,
    prelabel: bool,
    now: datetime,
) -> None:
    """Note a change within the transaction that makes it; what an earlier one still wanted is void."""
    earlier = SqlPromotion.project_id == project_id, SqlPromotion.prelabel == _WANTED
    session.execute(update(SqlPromotion).where(*earlier).values(prelabel=_NONE))
    session.add(
        SqlPromotion(
            project_id=project_id,
            version=version,
            previous=previous,
            run_id=run_id,
            reason=reason,
            prelabel=_WANTED if prelabel else _NONE,
            promoted_at=now,
        )
    )
    session.flush()


def list_promotions(session: Session, project_id: int) -> list[Promotion]:
    """Return all changes of a project's champion, the oldest first."""
    query = select(SqlPromotion).where(SqlPromotion.project_id == project_id).order_by(SqlPromotion.id)
    return [_to_entity(row) for row in session.scalars(query)]


def wanted_prelabels(database: Database) -> list[Promotion]:
    """Return the changes whose pre-labelling has not begun: one a project at most, the oldest first."""
    query = select(SqlPromotion).where(SqlPromotion.prelabel == _WANTED).order_by(SqlPromotion.id)
    with database.read() as session:
        return [_to_entity(row) for row in session.scalars(query)]


def mark_prelabel_started(database: Database, promotion_id: int) -> None:
    """Note that the pre-labelling has begun, unless another change came meanwhile and wants its own."""
    wanted = SqlPromotion.id == promotion_id, SqlPromotion.prelabel == _WANTED
    with database.write() as session:
        session.execute(update(SqlPromotion).where(*wanted).values(prelabel=_STARTED))


def _to_entity(row: SqlPromotion) -> Promotion:
    return Promotion(
        id=row.id,
        project_id=row.project_id,
        version=row.version,
        previous=row.previous,
        run_id=row.run_id,
        reason=row.reason,
        promoted_at=row.promoted_at,
    )
