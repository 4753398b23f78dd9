"""What was shown: logged predictions of tasks, and the versions of Label Studio's own predictions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import select

from backend.entities import Region
from backend.review.entities import LoggedPrediction
from backend.store.base import table_of
from backend.store.database import Database, chunks, insert_ignoring
from backend.store.ledger_tables import SqlParentPrediction
from backend.store.region_rows import region_from_row
from backend.store.tables import SqlPrediction


def logged_predictions(
    database: Database, project_id: int, task_ids: Collection[int]
) -> dict[int, list[LoggedPrediction]]:
    """Return each task's logged predictions that did not fail, oldest first; tasks without are missing."""
    found: dict[int, list[LoggedPrediction]] = defaultdict(list)
    with database.read() as session:
        for some in chunks(sorted(task_ids)):
            query = (
                select(SqlPrediction)
                .where(SqlPrediction.project_id == project_id, SqlPrediction.task_id.in_(some))
                .where(SqlPrediction.failure.is_(None))
                .order_by(SqlPrediction.id)
            )
            for row in session.scalars(query):
                assert row.task_id is not None  # the query names tasks
                found[row.task_id].append(
                    LoggedPrediction(
                        id=row.id,
                        task_id=row.task_id,
                        version=row.version,
                        is_blind=row.blind,
                        served_at=row.served_at,
                        region_ids=frozenset(region["id"] for region in row.regions),
                    )
                )
    return dict(found)


def regions_of(database: Database, prediction_id: int) -> tuple[Region, ...]:
    """Return the regions of a logged prediction, by the log's id; of one alone, since masks are large."""
    with database.read() as session:
        query = select(SqlPrediction.regions).where(SqlPrediction.id == prediction_id)
        return tuple(map(region_from_row, session.scalar(query) or ()))


def parent_versions(database: Database, parent_ids: Iterable[int]) -> dict[int, str]:
    """Return the versions of those of Label Studio's predictions that are known; "" for one that is gone."""
    found: dict[int, str] = {}
    with database.read() as session:
        for some in chunks(sorted(set(parent_ids))):
            query = select(SqlParentPrediction.id, SqlParentPrediction.version)
            rows = session.execute(query.where(SqlParentPrediction.id.in_(some)))
            found |= {row.id: row.version for row in rows}
    return found


def store_parent_versions(database: Database, versions: Mapping[int, str]) -> None:
    """Remember the versions of Label Studio's predictions, which never change."""
    if not versions:
        return
    table = table_of(SqlParentPrediction)
    with database.write() as session:
        for some in chunks(sorted(versions.items())):
            insert_ignoring(session, table, [{"id": key, "version": version} for key, version in some])
