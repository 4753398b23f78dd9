"""Tables of retraining: runs, snapshots, splits, versions, aliases, alerts, settings of projects."""

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
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.store.base import Json, Leased, RowId, SqlBase, UtcDateTime


class SqlTrainingRun(Leased, SqlBase):
    """One run, from snapshot to verdict."""

    __tablename__ = "training_run"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        CheckConstraint("phase IN ('snapshot', 'train', 'evaluate', 'promote')", name="phase"),
        CheckConstraint("verdict IN ('promote', 'reject', 'hold')", name="verdict"),
        Index(None, "project_id", "created_at"),
    )

    state: Mapped[str] = mapped_column(String(16))
    phase: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    base: Mapped[str | None] = mapped_column(Text)
    base_weights: Mapped[str | None] = mapped_column(Text)
    base_digest: Mapped[str | None] = mapped_column(String(64))
    snapshot: Mapped[str | None] = mapped_column(String(64))
    epoch: Mapped[int] = mapped_column(Integer)
    epochs: Mapped[int] = mapped_column(Integer)
    batch: Mapped[int] = mapped_column(Integer)
    seconds: Mapped[float] = mapped_column(Float)
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(Json)
    attempts: Mapped[int] = mapped_column(Integer)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[list[str]] = mapped_column(Json)
    notes: Mapped[list[str]] = mapped_column(Json)
    version: Mapped[str | None] = mapped_column(Text)
    compared_with: Mapped[str | None] = mapped_column(Text)
    verdict: Mapped[str | None] = mapped_column(String(16))
    verdict_reasons: Mapped[list[str]] = mapped_column(Json)
    device: Mapped[str | None] = mapped_column(Text)
    is_cancel_asked: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SqlTrainingEpoch(SqlBase):
    """One finished epoch of a run, counted from 1; the last writer of an epoch that ran twice stands."""

    __tablename__ = "training_epoch"

    run_id: Mapped[str] = mapped_column(ForeignKey(SqlTrainingRun.id), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True)
    seconds: Mapped[float] = mapped_column(Float)
    metrics: Mapped[dict[str, Any]] = mapped_column(Json)
    finished_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlTrainingDecision(SqlBase):
    """What the policy last said of a project: whether a run is due, and why or why not."""

    __tablename__ = "training_decision"

    project_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    is_due: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlSnapshot(SqlBase):
    """An immutable data set; the key is the SHA-256 of its manifest, an artifact of that name."""

    __tablename__ = "snapshot"
    __table_args__ = (Index(None, "project_id", "created_at"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    project_id: Mapped[int] = mapped_column(BigInteger)
    task: Mapped[str] = mapped_column(String(16))
    labels: Mapped[list[str]] = mapped_column(Json)
    counts: Mapped[dict[str, Any]] = mapped_column(Json)
    warnings: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlSplit(SqlBase):
    """On which side an image is, for good. `key` is the SHA-256 of its file, or of its group's name."""

    __tablename__ = "split"
    __table_args__ = (CheckConstraint("side IN ('train', 'val', 'test')", name="side"),)

    project_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    side: Mapped[str] = mapped_column(String(16))


class SqlTrainedVersion(SqlBase):
    """A version that a run made; the key is the string in every prediction."""

    __tablename__ = "trained_version"
    __table_args__ = (
        CheckConstraint("state IN ('candidate', 'champion', 'archived', 'rejected')", name="state"),
        UniqueConstraint("project_id", "number"),
    )

    version: Mapped[str] = mapped_column(Text, primary_key=True)
    project_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(Integer)
    parent: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[str] = mapped_column(ForeignKey(SqlTrainingRun.id), unique=True)
    snapshot: Mapped[str] = mapped_column(ForeignKey(SqlSnapshot.digest))
    controls: Mapped[list[str]] = mapped_column(Json)
    artifact: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    comparison: Mapped[dict[str, Any]] = mapped_column(Json)
    # What the version finds in the snapshot's val and test images, for drift; null for old versions.
    held_out: Mapped[list[dict[str, Any]] | None] = mapped_column(Json, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlAlias(SqlBase):
    """A name that a project's version bears. Without a version the weights of the settings serve.

    `moves` counts how often it was moved, so that a reader sees that it was moved there and back.
    """

    __tablename__ = "alias"

    project_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[str | None] = mapped_column(ForeignKey(SqlTrainedVersion.version))
    moves: Mapped[int] = mapped_column(Integer)


class SqlPromotion(SqlBase):
    """That the champion changed, when and why; null stands for the weights of the settings.

    `prelabel` is what became of the pre-labelling that follows it: wanted, started, or none.
    """

    __tablename__ = "promotion"
    __table_args__ = (
        CheckConstraint("prelabel IN ('wanted', 'started', 'none')", name="prelabel"),
        Index(None, "project_id", "id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    project_id: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[str | None] = mapped_column(Text)
    previous: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text)
    prelabel: Mapped[str] = mapped_column(String(16))
    promoted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SqlAlert(SqlBase):
    """Something that people are told of. `open_key` is set until it is resolved: one of a kind at a time.

    `delivered_at` is when the word of it went out, `resolved_delivered_at` when that of its end did;
    `reached` names the addresses that took the message in hand, where others did not.
    """

    __tablename__ = "alert"
    __table_args__ = (Index(None, "project_id", "raised_at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    project_id: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(32))
    open_key: Mapped[str | None] = mapped_column(String(128), unique=True)
    message: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(Text)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_message: Mapped[str | None] = mapped_column(Text)
    resolved_delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    reached: Mapped[list[str]] = mapped_column(Json)


class SqlProjectSetting(SqlBase):
    """A setting of one project, which wins over that of all."""

    __tablename__ = "project_setting"

    project_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
