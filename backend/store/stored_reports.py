"""Reports as they were last worked out, one for each project."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from backend.report.entities import ProjectReport
from backend.store.base import table_of
from backend.store.database import Database, upsert
from backend.store.report_tables import SqlStoredReport

_REPORT = TypeAdapter(ProjectReport)


@dataclass(frozen=True, slots=True)
class StoredBasis:
    """What a stored report was worked out of, when, and how many seconds that took."""

    basis: str
    made_at: datetime
    seconds: float


def store_report(database: Database, report: ProjectReport, *, basis: str, seconds: float) -> None:
    """Store a report in place of the one before, unless that one is newer."""
    row = {
        "project_id": report.project_id,
        "basis": basis,
        "made_at": report.made_at,
        "seconds": seconds,
        "body": _REPORT.dump_python(report, mode="json"),
    }
    with database.write() as session:
        known = session.scalar(
            select(SqlStoredReport.made_at).where(SqlStoredReport.project_id == report.project_id)
        )
        if known is None or known <= report.made_at:
            upsert(session, table_of(SqlStoredReport), row)


def read_report(database: Database, project_id: int) -> ProjectReport | None:
    """Return the project's report; None where there is none, or it is of another version of this program."""
    with database.read() as session:
        body = session.scalar(select(SqlStoredReport.body).where(SqlStoredReport.project_id == project_id))
    if body is None:
        return None
    try:
        return _REPORT.validate_python(body)
    except ValidationError:
        return None


def read_report_title(database: Database, project_id: int) -> str | None:
    """Return what the project is called in its report; None where there is none, or it does not say."""
    query = select(SqlStoredReport.body["title"]).where(SqlStoredReport.project_id == project_id)
    with database.read() as session:
        title = session.scalar(query)
    return title if isinstance(title, str) and title else None


def read_basis(database: Database, project_id: int) -> StoredBasis | None:
    """Return what the project's report was worked out of; None where there is none."""
    query = select(SqlStoredReport.basis, SqlStoredReport.made_at, SqlStoredReport.seconds)
    with database.read() as session:
        row = session.execute(query.where(SqlStoredReport.project_id == project_id)).one_or_none()
    return StoredBasis(*row) if row is not None else None
