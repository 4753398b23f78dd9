"""Tables. They are not entities: functions of this package turn one into the other.

A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.store.base import Json, Leased, RowId, SqlBase, UtcDateTime


class SqlProject(SqlBase):
    """A Label Studio project that talks to us; the key is Label Studio's id.

    `is_for_training` is null where no plan could be made of the labeling config, or none was since the column
    came.
    """

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    label_config: Mapped[str] = mapped_column(Text)
    model_version: Mapped[str | None] = mapped_column(Text)
    is_for_training: Mapped[bool | None] = mapped_column(Boolean)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlPrediction(SqlBase):
    """One served prediction of one task by one model version."""

    __tablename__ = "prediction"
    __table_args__ = (Index(None, "project_id", "task_id"), Index(None, "project_id", "version"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    project_id: Mapped[int | None] = mapped_column(BigInteger)
    task_id: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[str] = mapped_column(Text)
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    regions: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    score: Mapped[float] = mapped_column(Float)
    seconds: Mapped[float] = mapped_column(Float)
    failure: Mapped[str | None] = mapped_column(Text)
    filtered: Mapped[dict[str, int]] = mapped_column(Json, server_default=text("'{}'"))
    blind: Mapped[bool] = mapped_column(Boolean, server_default=false())
    brightness: Mapped[float | None] = mapped_column(Float)
    # Read only where it is asked for: half a kilobyte a row.
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    served_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlEvent(SqlBase):
    """One webhook event, stored before it is answered. `key` is equal for two deliveries of one fact."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "project_id", "processed_at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    action: Mapped[str] = mapped_column(String(64))
    project_id: Mapped[int | None] = mapped_column(BigInteger)
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    processed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)


class SqlModelVersion(SqlBase):
    """One set of weights that has served; the key is the string in every prediction."""

    __tablename__ = "model_version"

    version: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    task: Mapped[str] = mapped_column(String(16))
    class_names: Mapped[list[str]] = mapped_column(Json)
    file_name: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlJob(Leased, SqlBase):
    """One pre-labelling job."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        Index(None, "project_id", "created_at"),
    )

    options: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[str | None] = mapped_column(Text)
    total: Mapped[int | None] = mapped_column(Integer)
    cursor: Mapped[int] = mapped_column(BigInteger)
    is_scanned: Mapped[bool] = mapped_column(Boolean)
    skipped: Mapped[int] = mapped_column(Integer)
    filtered: Mapped[dict[str, int]] = mapped_column(Json)
    error: Mapped[str | None] = mapped_column(Text)
    notes: Mapped[list[str]] = mapped_column(Json)
    is_cancel_asked: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    run_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    run_started_done: Mapped[int] = mapped_column(Integer)
    stalls: Mapped[int] = mapped_column(Integer)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SqlJobTask(SqlBase):
    """One task of a job. `prediction_id` is what was predicted for it, until Label Studio has it too."""

    __tablename__ = "job_task"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'predicted', 'done', 'failed')", name="state"),
        Index(None, "job_id", "state", "task_id"),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    task_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(16))
    prediction_id: Mapped[int | None] = mapped_column(ForeignKey("prediction.id"))
    reason: Mapped[str | None] = mapped_column(Text)
