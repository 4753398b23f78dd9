"""Settings that a project has of its own; for all others those of the process hold."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.errors import BadRequest, SettingsError
from backend.report_settings import ProjectSettings
from backend.settings import Settings
from backend.store.base import table_of
from backend.store.database import Database, upsert
from backend.store.training_tables import SqlProjectSetting


def own_settings(database: Database, project_id: int) -> dict[str, Any]:
    """Return the settings that the project has of its own, by lower-case name."""
    with database.read() as session:
        return _own(session, project_id)


def project_settings(database: Database, project_id: int, settings: Settings) -> ProjectSettings:
    """Return the settings that hold for the project.

    Raises:
        SettingsError: one of its own cannot be used any more.
    """
    return settings.of_project(own_settings(database, project_id))


def set_project_settings(
    database: Database, project_id: int, changes: Mapping[str, object], settings: Settings
) -> ProjectSettings:
    """Set some of the project's own settings, and return those that hold then: all changes, or none.

    Args:
        database: Keeps them.
        project_id: Label Studio's.
        changes: By name, in capitals or not. None takes a setting away, so that the one for all holds again.
        settings: For all projects.

    Raises:
        BadRequest: a name or a value cannot be used.
    """
    named = {_checked_name(name): value for name, value in changes.items()}
    given = {name: value for name, value in named.items() if value is not None}
    with database.write() as session:
        kept = {name: value for name, value in _own(session, project_id).items() if name not in named}
        try:
            effective = settings.of_project({**kept, **given})
        except SettingsError as error:
            raise BadRequest(error.message) from None
        taken = SqlProjectSetting.name.in_(named.keys() - given.keys())
        session.execute(delete(SqlProjectSetting).where(SqlProjectSetting.project_id == project_id, taken))
        values = effective.model_dump(mode="json", include=set(given))
        for name, value in sorted(values.items()):
            upsert(
                session, table_of(SqlProjectSetting), {"project_id": project_id, "name": name, "value": value}
            )
    return effective


def projects_with_own(database: Database, name: str) -> dict[int, Any]:
    """Return the projects that have this setting of their own, with its value; `name` is in lower case."""
    with database.read() as session:
        query = select(SqlProjectSetting.project_id, SqlProjectSetting.value)
        return {
            project: value for project, value in session.execute(query.where(SqlProjectSetting.name == name))
        }


def _own(session: Session, project_id: int) -> dict[str, Any]:
    query = select(SqlProjectSetting.name, SqlProjectSetting.value)
    rows = session.execute(query.where(SqlProjectSetting.project_id == project_id))
    # A setting that a later version of this program no longer has must stop nothing.
    return {name: value for name, value in rows if name in ProjectSettings.model_fields}


def _checked_name(name: str) -> str:
    if name.lower() not in ProjectSettings.model_fields:
        known = ", ".join(known.upper() for known in ProjectSettings.model_fields)
        raise BadRequest(
            f"{name[:80]!r} is no setting that a project may have of its own; those are {known}."
        )
    return name.lower()
