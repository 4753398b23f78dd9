"""Pre-labelling jobs and their tasks; what hygiene took out of a prediction, and whether it was shown."""

import sqlalchemy as sa
from alembic import op

from backend.store.base import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column(
        "prediction", sa.Column("filtered", sa.JSON(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("prediction", sa.Column("blind", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "job",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("active_project_id", sa.BigInteger()),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("total", sa.Integer()),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("is_scanned", sa.Boolean(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("filtered", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("is_cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("run_started_at", UtcDateTime()),
        sa.Column("run_started_done", sa.Integer(), nullable=False),
        sa.Column("stalls", sa.Integer(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("active_project_id", name="uq_job_active_project_id"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="ck_job_state"
        ),
    )
    op.create_index("ix_job_project_id_created_at", "job", ["project_id", "created_at"])
    op.create_table(
        "job_task",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("task_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("prediction_id", sa.BigInteger().with_variant(sa.Integer, "sqlite")),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("job_id", "task_id", name="pk_job_task"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_task_job_id_job"),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["prediction.id"], name="fk_job_task_prediction_id_prediction"
        ),
        sa.CheckConstraint("state IN ('queued', 'predicted', 'done', 'failed')", name="ck_job_task_state"),
    )
    op.create_index("ix_job_task_job_id_state_task_id", "job_task", ["job_id", "state", "task_id"])


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("job_task")
    op.drop_table("job")
    with op.batch_alter_table("prediction") as table:
        table.drop_column("blind")
        table.drop_column("filtered")
