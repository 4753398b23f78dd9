"""The ledger: annotations, corrections and their counts, reviews, syncs, requests for training."""

import sqlalchemy as sa
from alembic import op

from backend.store.base import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    _make_parent_prediction()
    _make_review()
    _make_sync()
    _make_training_request()
    _make_annotation()
    _make_correction()
    _make_tally()
    op.add_column("event", sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("event", "attempts")
    op.drop_table("tally")
    op.drop_table("correction")
    op.drop_table("annotation")
    op.drop_table("training_request")
    op.drop_table("sync")
    op.drop_table("review")
    op.drop_table("parent_prediction")


def _make_parent_prediction() -> None:
    op.create_table(
        "parent_prediction",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parent_prediction"),
    )


def _make_review() -> None:
    op.create_table(
        "review",
        sa.Column("task_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("image", sa.Text()),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("annotation_id", sa.BigInteger()),
        sa.Column("annotator", sa.BigInteger()),
        sa.Column("annotations", sa.Integer(), nullable=False),
        sa.Column("reviewed_at", UtcDateTime()),
        sa.Column("version", sa.Text()),
        sa.Column("is_blind", sa.Boolean(), nullable=False),
        sa.Column("predicted", sa.Integer()),
        sa.Column("kept", sa.Integer()),
        sa.Column("adjusted", sa.Integer()),
        sa.Column("relabelled", sa.Integer()),
        sa.Column("deleted", sa.Integer()),
        sa.Column("added", sa.Integer()),
        sa.Column("taken", sa.String(64)),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime()),
        sa.CheckConstraint("state IN ('not_viewed', 'viewed', 'taken_in_training')", name="ck_review_state"),
        sa.PrimaryKeyConstraint("task_id", name="pk_review"),
    )
    op.create_index(
        "ix_review_project_id_deleted_at_state_task_id",
        "review",
        ["project_id", "deleted_at", "state", "task_id"],
    )
    op.create_index("ix_review_project_id_task_id", "review", ["project_id", "task_id"])


def _make_sync() -> None:
    op.create_table(
        "sync",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", UtcDateTime()),
        sa.Column("changed_since", UtcDateTime()),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("annotations", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.Column("synced_to", UtcDateTime()),
        sa.Column("full_at", UtcDateTime()),
        sa.Column("gone_at", UtcDateTime()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("project_id", name="pk_sync"),
    )


def _make_training_request() -> None:
    op.create_table(
        "training_request",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_training_request"),
    )


def _make_annotation() -> None:
    op.create_table(
        "annotation",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger()),
        sa.Column("annotator", sa.BigInteger()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("lead_time", sa.Float()),
        sa.Column("is_cancelled", sa.Boolean(), nullable=False),
        sa.Column("is_ground_truth", sa.Boolean(), nullable=False),
        sa.Column("parent_prediction", sa.BigInteger()),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("shown_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.Column("shown_by", sa.String(32)),
        sa.Column("found_by", sa.String(16), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime()),
        sa.CheckConstraint("found_by IN ('webhook', 'sync')", name="ck_annotation_found_by"),
        sa.ForeignKeyConstraint(["shown_id"], ["prediction.id"], name="fk_annotation_shown_id_prediction"),
        sa.PrimaryKeyConstraint("id", name="pk_annotation"),
    )
    op.create_index("ix_annotation_project_id_id", "annotation", ["project_id", "id"])
    op.create_index("ix_annotation_task_id", "annotation", ["task_id"])


def _make_correction() -> None:
    op.create_table(
        "correction",
        sa.Column("annotation_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("annotator", sa.BigInteger()),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("shown_region", sa.Text()),
        sa.Column("shown_label", sa.Text()),
        sa.Column("annotated_region", sa.Text()),
        sa.Column("annotated_label", sa.Text()),
        sa.Column("iou", sa.Float()),
        sa.Column("matched_by", sa.String(16)),
        sa.Column("compared_as", sa.String(32)),
        sa.CheckConstraint(
            "kind IN ('kept', 'adjusted', 'relabelled', 'deleted', 'added')", name="ck_correction_kind"
        ),
        sa.ForeignKeyConstraint(
            ["annotation_id"], ["annotation.id"], name="fk_correction_annotation_id_annotation"
        ),
        sa.PrimaryKeyConstraint("annotation_id", "number", name="pk_correction"),
    )
    op.create_index("ix_correction_project_id_task_id", "correction", ["project_id", "task_id"])
    op.create_index(
        "ix_correction_relabelled",
        "correction",
        ["project_id", "version", "shown_label", "annotated_label"],
        sqlite_where=sa.text("kind = 'relabelled'"),
        postgresql_where=sa.text("kind = 'relabelled'"),
    )


def _make_tally() -> None:
    op.create_table(
        "tally",
        sa.Column("annotation_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("is_blind", sa.Boolean(), nullable=False),
        sa.Column("is_ground_truth", sa.Boolean(), nullable=False),
        sa.Column("annotator", sa.BigInteger()),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("adjusted", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("relabelled_from", sa.Integer(), nullable=False),
        sa.Column("relabelled_to", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotation_id"], ["annotation.id"], name="fk_tally_annotation_id_annotation"
        ),
        sa.PrimaryKeyConstraint("annotation_id", "label", name="pk_tally"),
    )
    op.create_index(
        "ix_tally_quality",
        "tally",
        [
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
        ],
    )
