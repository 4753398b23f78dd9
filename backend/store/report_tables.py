"""Tables of the report: what was worked out of a project, and what people did through the page."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.store.base import Json, RowId, SqlBase, UtcDateTime


class SqlStoredReport(SqlBase):
    """A project's report as last worked out. `basis` names what it was worked out of."""

    __tablename__ = "stored_report"

    project_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    basis: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float] = mapped_column(Float)
    body: Mapped[dict[str, Any]] = mapped_column(Json)


class SqlAuditEntry(SqlBase):
    """That somebody did something to a project, or tried to; null as `project_id` stands for all projects.

    `who` is the name that the caller proved, or where none is asked for "this machine".
    """

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "project_id", "id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    project_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(Text)
    is_done: Mapped[bool] = mapped_column(Boolean)
