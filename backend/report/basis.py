"""Tell whether a project's report is still that of what is stored."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, func, select

from backend.report.entities import ProjectReport
from backend.report_settings import ProjectSettings
from backend.store.database import Database
from backend.store.ledger_tables import SqlAnnotation, SqlReview
from backend.store.tables import SqlPrediction, SqlProject
from backend.store.training_tables import SqlPromotion, SqlTrainedVersion

# Raised where the same facts make another report, such as other advice.
_RULES = 1
_SHAPE = str(TypeAdapter(ProjectReport).json_schema())


def basis_of(database: Database, project_id: int, own: ProjectSettings, *, now: datetime) -> str:
    """Return a digest of all that the report depends on, the day included; SHA-256, hexadecimal.

    Args:
        database: Where everything is.
        project_id: Label Studio's.
        own: Settings that hold for the project.
        now: The time.
    """
    with database.read() as session:
        facts = {name: tuple(session.execute(query).one()) for name, query in _queries(project_id).items()}
    words = (f"{_RULES}", _SHAPE, f"{now.date()}", own.model_dump_json(), f"{facts}")
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _queries(project_id: int) -> Mapping[str, Select[*tuple[Any, ...]]]:
    """Return what changes with each change of the project; each query reads an index alone."""
    annotations = select(
        func.count(), func.max(SqlAnnotation.seen_at), func.count(SqlAnnotation.deleted_at)
    ).where(SqlAnnotation.project_id == project_id)
    tasks = select(func.count(), func.count(SqlReview.deleted_at)).where(SqlReview.project_id == project_id)
    return {
        "annotations": annotations,
        "tasks": tasks,
        "predictions": select(func.max(SqlPrediction.id)).where(SqlPrediction.project_id == project_id),
        "versions": select(func.max(SqlTrainedVersion.number)).where(
            SqlTrainedVersion.project_id == project_id
        ),
        "promotions": select(func.max(SqlPromotion.id)).where(SqlPromotion.project_id == project_id),
        "serving": select(func.max(SqlProject.model_version)).where(SqlProject.id == project_id),
    }
