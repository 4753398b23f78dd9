"""Projects that talk to us, and the model versions that have served."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from backend.inference.checkpoint import Checkpoint
from backend.store.base import table_of
from backend.store.database import Database, insert_ignoring, upsert
from backend.store.tables import SqlModelVersion, SqlProject


def store_project(
    database: Database,
    project_id: int,
    *,
    label_config: str,
    model_version: str | None,
    is_for_training: bool | None = None,
    now: datetime,
) -> None:
    """Remember what is known of the project; no write where it stands already.

    Args:
        database: Keeps it.
        project_id: Label Studio's.
        label_config: As it is now. Characters that no XML and no PostgreSQL text may hold (NUL, half a
            surrogate pair) become "?".
        model_version: What serves the project; None where the config cannot work.
        is_for_training: Whether a model is to be trained for the project; None where nobody knows.
        now: The time.
    """
    values = {
        "label_config": label_config.replace("\x00", "?").encode("utf-8", "replace").decode(),
        "model_version": model_version,
        "is_for_training": is_for_training,
    }
    with database.read() as session:
        known = session.get(SqlProject, project_id)
        if known is not None and all(getattr(known, name) == value for name, value in values.items()):
            return
    with database.write() as session:
        upsert(session, table_of(SqlProject), {"id": project_id, **values, "updated_at": now})


def list_projects(database: Database) -> list[tuple[int, str | None, datetime]]:
    """Return (id, model version, time of the last change) of every project, by id."""
    with database.read() as session:
        query = select(SqlProject.id, SqlProject.model_version, SqlProject.updated_at).order_by(SqlProject.id)
        return [(row.id, row.model_version, row.updated_at) for row in session.execute(query)]


def serving_version(database: Database, project_id: int) -> str | None:
    """Return what serves the project by its last call; None where it never called, or nothing can serve."""
    with database.read() as session:
        return session.scalar(select(SqlProject.model_version).where(SqlProject.id == project_id))


def label_config_of(database: Database, project_id: int) -> str | None:
    """Return the project's labeling config as it was last seen; None for a project that never called."""
    with database.read() as session:
        return session.scalar(select(SqlProject.label_config).where(SqlProject.id == project_id))


def store_model_versions(database: Database, checkpoints: Iterable[Checkpoint], *, now: datetime) -> None:
    """Remember weights that serve; those that are known already stay as they are."""
    rows = [
        {
            "version": checkpoint.version,
            "digest": checkpoint.digest,
            "task": checkpoint.task,
            "class_names": list(checkpoint.class_names),
            "file_name": checkpoint.path.name,
            "first_seen_at": now,
        }
        for checkpoint in checkpoints
    ]
    with database.read() as session:
        known = set(session.scalars(select(SqlModelVersion.version)))
    if missing := [row for row in rows if row["version"] not in known]:
        with database.write() as session:
            insert_ignoring(session, table_of(SqlModelVersion), missing)


def list_model_versions(database: Database) -> list[str]:
    """Return the names of all versions that have served, newest first."""
    with database.read() as session:
        query = select(SqlModelVersion.version).order_by(
            SqlModelVersion.first_seen_at.desc(), SqlModelVersion.version
        )
        return list(session.scalars(query))
