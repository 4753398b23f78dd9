"""Tables of the ledger: annotations, what they changed in what was shown, and what that makes of a task.

Everything here is derived from events, from Label Studio itself, and from the prediction log.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.store.base import Json, SqlBase, UtcDateTime
from backend.store.tables import SqlPrediction


class SqlAnnotation(SqlBase):
    """An annotation as Label Studio last had it; the key is Label Studio's id.

    `digest` is of the content, `seen_at` the moment up to which what is stored here is known to be true.
    `shown_id` is the logged prediction that it is compared with, and `shown_by` how that one was found.
    Where only its deletion is known, `task_id` is null and `digest` empty.
    """

    __tablename__ = "annotation"
    __table_args__ = (
        CheckConstraint("found_by IN ('webhook', 'sync')", name="found_by"),
        Index(None, "task_id"),
        Index(None, "project_id", "id"),
        # All that is asked about every annotation of a project, since contents may be large: without it a
        # look whether anything changed reads them all.
        Index(
            "ix_annotation_times",
            "project_id",
            "deleted_at",
            "seen_at",
            "annotator",
            "task_id",
            "created_at",
            "lead_time",
            "is_cancelled",
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(BigInteger)
    task_id: Mapped[int | None] = mapped_column(BigInteger)
    annotator: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lead_time: Mapped[float | None] = mapped_column(Float)
    is_cancelled: Mapped[bool] = mapped_column(Boolean)
    is_ground_truth: Mapped[bool] = mapped_column(Boolean)
    parent_prediction: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(String(64))
    problems: Mapped[list[str]] = mapped_column(Json)
    shown_id: Mapped[int | None] = mapped_column(ForeignKey(SqlPrediction.id))
    shown_by: Mapped[str | None] = mapped_column(String(32))
    found_by: Mapped[str] = mapped_column(String(16))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SqlCorrection(SqlBase):
    """What an annotation did to one region, shown or added; replaced whenever the annotation changes."""

    __tablename__ = "correction"
    __table_args__ = (
        CheckConstraint("kind IN ('kept', 'adjusted', 'relabelled', 'deleted', 'added')", name="kind"),
        Index(None, "project_id", "task_id"),
        # Which label is taken for which other one.
        Index(
            "ix_correction_relabelled",
            "project_id",
            "version",
            "shown_label",
            "annotated_label",
            sqlite_where=text("kind = 'relabelled'"),
            postgresql_where=text("kind = 'relabelled'"),
        ),
    )

    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotation.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    project_id: Mapped[int] = mapped_column(BigInteger)
    task_id: Mapped[int] = mapped_column(BigInteger)
    annotator: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(Text)
    shown_region: Mapped[str | None] = mapped_column(Text)
    shown_label: Mapped[str | None] = mapped_column(Text)
    annotated_region: Mapped[str | None] = mapped_column(Text)
    annotated_label: Mapped[str | None] = mapped_column(Text)
    iou: Mapped[float | None] = mapped_column(Float)
    matched_by: Mapped[str | None] = mapped_column(String(16))
    compared_as: Mapped[str | None] = mapped_column(String(32))


class SqlTally(SqlBase):
    """The corrections of one annotation counted: for each label, and with the label "" for all of them.

    There is a row "" for each annotation that is compared, though nothing was shown and nothing annotated.
    `week` is the Monday of the week (UTC) in which the annotation was created.
    """

    __tablename__ = "tally"
    __table_args__ = (
        # All that the quality of a project asks for, so that the table itself is not read.
        Index(
            "ix_tally_quality",
            "project_id",
            "label",
            "version",
            "is_blind",
            "annotator",
            "week",
            "task_id",
            "is_ground_truth",
            "kept",
            "adjusted",
            "deleted",
            "added",
            "relabelled_from",
            "relabelled_to",
        ),
    )

    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotation.id"), primary_key=True)
    label: Mapped[str] = mapped_column(Text, primary_key=True)
    project_id: Mapped[int] = mapped_column(BigInteger)
    task_id: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[str] = mapped_column(Text)
    is_blind: Mapped[bool] = mapped_column(Boolean)
    is_ground_truth: Mapped[bool] = mapped_column(Boolean)
    annotator: Mapped[int | None] = mapped_column(BigInteger)
    week: Mapped[date] = mapped_column(Date)
    kept: Mapped[int] = mapped_column(Integer)
    adjusted: Mapped[int] = mapped_column(Integer)
    deleted: Mapped[int] = mapped_column(Integer)
    added: Mapped[int] = mapped_column(Integer)
    relabelled_from: Mapped[int] = mapped_column(Integer)
    relabelled_to: Mapped[int] = mapped_column(Integer)


class SqlReview(SqlBase):
    """A task and how far it is. `annotation_id` is the annotation whose labels count for it.

    `taken` names the content of it that a model was trained on. The counts are those of that annotation's
    corrections, null where nothing was shown. `image` is the image's address in the task's data.
    """

    __tablename__ = "review"
    __table_args__ = (
        CheckConstraint("state IN ('not_viewed', 'viewed', 'taken_in_training')", name="state"),
        Index(None, "project_id", "deleted_at", "state", "task_id"),
        Index(None, "project_id", "task_id"),
    )

    task_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(BigInteger)
    image: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(32))
    annotation_id: Mapped[int | None] = mapped_column(BigInteger)
    annotator: Mapped[int | None] = mapped_column(BigInteger)
    annotations: Mapped[int] = mapped_column(Integer)
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[str | None] = mapped_column(Text)
    is_blind: Mapped[bool] = mapped_column(Boolean)
    predicted: Mapped[int | None] = mapped_column(Integer)
    kept: Mapped[int | None] = mapped_column(Integer)
    adjusted: Mapped[int | None] = mapped_column(Integer)
    relabelled: Mapped[int | None] = mapped_column(Integer)
    deleted: Mapped[int | None] = mapped_column(Integer)
    added: Mapped[int | None] = mapped_column(Integer)
    taken: Mapped[str | None] = mapped_column(String(64))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SqlParentPrediction(SqlBase):
    """Which model version a prediction in Label Studio is of, "" where it is gone. The key is its id."""

    __tablename__ = "parent_prediction"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(Text)


class SqlSync(SqlBase):
    """How far the comparison of a project with Label Studio is, and what the last one found.

    `cursor` is the highest task id that the pass has read; `changed_since` is null in a full pass.
    `synced_to` is the moment up to which all changes are known, `full_at` the start of the last full pass,
    `gone_at` when Label Studio was found without the project.
    """

    __tablename__ = "sync"

    project_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    changed_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cursor: Mapped[int] = mapped_column(BigInteger)
    tasks: Mapped[int] = mapped_column(Integer)
    annotations: Mapped[int] = mapped_column(Integer)
    missing: Mapped[int] = mapped_column(Integer)
    changed: Mapped[int] = mapped_column(Integer)
    deleted: Mapped[int] = mapped_column(Integer)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    synced_to: Mapped[datetime | None] = mapped_column(UtcDateTime)
    full_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)


class SqlTrainingRequest(SqlBase):
    """That somebody asked for training: the button, or Label Studio after so many annotations."""

    __tablename__ = "training_request"

    project_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked: Mapped[int] = mapped_column(Integer)
