"""The report: what it is worked out of, what was worked out, and who did what through the page."""

import sqlalchemy as sa
from alembic import op

from backend.store.base import RowId, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("prediction", sa.Column("brightness", sa.Float()))
    op.add_column("prediction", sa.Column("embedding", sa.LargeBinary()))
    op.add_column("trained_version", sa.Column("held_out", sa.JSON()))
    op.add_column("alert", sa.Column("acknowledged_at", UtcDateTime()))
    op.add_column("alert", sa.Column("acknowledged_by", sa.Text()))
    op.create_index(
        "ix_annotation_times",
        "annotation",
        [
            "project_id",
            "deleted_at",
            "seen_at",
            "annotator",
            "task_id",
            "created_at",
            "lead_time",
            "is_cancelled",
        ],
    )
    op.create_table(
        "stored_report",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("basis", sa.String(64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_stored_report")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", RowId, nullable=False),
        sa.Column("project_id", sa.BigInteger()),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_project_id_id"), "audit_entry", ["project_id", "id"])


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("audit_entry")
    op.drop_table("stored_report")
    op.drop_index("ix_annotation_times", "annotation")
    op.drop_column("alert", "acknowledged_by")
    op.drop_column("alert", "acknowledged_at")
    op.drop_column("trained_version", "held_out")
    op.drop_column("prediction", "embedding")
    op.drop_column("prediction", "brightness")
