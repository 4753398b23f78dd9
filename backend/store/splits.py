"""Which side an image or a group is on: written once, and never changed."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.store.base import table_of
from backend.store.database import Database, chunks, insert_ignoring
from backend.store.training_tables import SqlSplit
from backend.training.entities import Side


def settle_sides(
    database: Database,
    project_id: int,
    keys: Collection[str],
    *,
    choose: Callable[[Mapping[str, Side]], Mapping[str, Side]],
) -> dict[str, Side]:
    """Return the sides of the project's keys: known ones as they are, the others as they are chosen now.

    Args:
        database: Keeps them.
        project_id: The project.
        keys: SHA-256 of images and of groups, hexadecimal.
        choose: Gets the known sides, and returns those of all keys. Another process may choose otherwise at
            the same moment: what is stored first stands, for both.
    """
    with database.write() as session:
        known = _read(session, project_id, keys)
        chosen = choose(known)
        new = [(key, side) for key, side in sorted(chosen.items()) if key not in known]
        table = table_of(SqlSplit)
        for some in chunks(new):
            rows = [{"project_id": project_id, "key": key, "side": side} for key, side in some]
            insert_ignoring(session, table, rows)
        return _read(session, project_id, keys)


def _read(session: Session, project_id: int, keys: Collection[str]) -> dict[str, Side]:
    found: dict[str, Side] = {}
    query = select(SqlSplit.key, SqlSplit.side).where(SqlSplit.project_id == project_id)
    for some in chunks(sorted(keys)):
        found |= {key: Side(side) for key, side in session.execute(query.where(SqlSplit.key.in_(some)))}
    return found
