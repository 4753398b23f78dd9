"""Retraining: runs, snapshots, splits, versions, the alias of the one in service, alerts, own settings."""

import sqlalchemy as sa
from alembic import op

from backend.store.base import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    _make_training_run()
    _make_training_epoch()
    _make_training_decision()
    _make_snapshot()
    _make_split()
    _make_trained_version()
    _make_alias()
    _make_promotion()
    _make_alert()
    _make_project_setting()


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("project_setting")
    op.drop_table("alert")
    op.drop_table("promotion")
    op.drop_table("alias")
    op.drop_table("trained_version")
    op.drop_table("split")
    op.drop_table("snapshot")
    op.drop_table("training_decision")
    op.drop_table("training_epoch")
    op.drop_table("training_run")


def _make_training_run() -> None:
    op.create_table(
        "training_run",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("active_project_id", sa.BigInteger()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("base", sa.Text()),
        sa.Column("base_weights", sa.Text()),
        sa.Column("snapshot", sa.String(64)),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("checkpoint", sa.JSON()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", UtcDateTime()),
        sa.Column("error", sa.Text()),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("verdict", sa.String(16)),
        sa.Column("verdict_reasons", sa.JSON(), nullable=False),
        sa.Column("device", sa.Text()),
        sa.Column("is_cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime()),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_training_run"),
        sa.CheckConstraint(
            "phase IN ('snapshot', 'train', 'evaluate', 'promote')", name="ck_training_run_phase"
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="ck_training_run_state"
        ),
        sa.CheckConstraint("verdict IN ('promote', 'reject', 'hold')", name="ck_training_run_verdict"),
        sa.UniqueConstraint("active_project_id", name="uq_training_run_active_project_id"),
    )
    op.create_index("ix_training_run_project_id_created_at", "training_run", ["project_id", "created_at"])


def _make_training_epoch() -> None:
    op.create_table(
        "training_epoch",
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "epoch", name="pk_training_epoch"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["training_run.id"], name="fk_training_epoch_run_id_training_run"
        ),
    )


def _make_training_decision() -> None:
    op.create_table(
        "training_decision",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_due", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_training_decision"),
    )


def _make_snapshot() -> None:
    op.create_table(
        "snapshot",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_snapshot"),
    )
    op.create_index("ix_snapshot_project_id_created_at", "snapshot", ["project_id", "created_at"])


def _make_split() -> None:
    op.create_table(
        "split",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("side", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "key", name="pk_split"),
        sa.CheckConstraint("side IN ('train', 'val', 'test')", name="ck_split_side"),
    )


def _make_trained_version() -> None:
    op.create_table(
        "trained_version",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Text()),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("snapshot", sa.String(64), nullable=False),
        sa.Column("controls", sa.JSON(), nullable=False),
        sa.Column("artifact", sa.Text()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("comparison", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_trained_version"),
        sa.CheckConstraint(
            "state IN ('candidate', 'champion', 'archived', 'rejected')", name="ck_trained_version_state"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["training_run.id"], name="fk_trained_version_run_id_training_run"
        ),
        sa.ForeignKeyConstraint(
            ["snapshot"], ["snapshot.digest"], name="fk_trained_version_snapshot_snapshot"
        ),
        sa.UniqueConstraint("project_id", "number", name="uq_trained_version_project_id_number"),
        sa.UniqueConstraint("run_id", name="uq_trained_version_run_id"),
    )


def _make_alias() -> None:
    op.create_table(
        "alias",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", name="pk_alias"),
        sa.ForeignKeyConstraint(
            ["version"], ["trained_version.version"], name="fk_alias_version_trained_version"
        ),
    )


def _make_promotion() -> None:
    op.create_table(
        "promotion",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("previous", sa.Text()),
        sa.Column("run_id", sa.String(32)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("prelabel", sa.String(16), nullable=False),
        sa.Column("promoted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_promotion"),
        sa.CheckConstraint("prelabel IN ('wanted', 'started', 'none')", name="ck_promotion_prelabel"),
    )
    op.create_index("ix_promotion_project_id_id", "promotion", ["project_id", "id"])


def _make_alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", sa.BigInteger()),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("open_key", sa.String(128)),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime()),
        sa.Column("resolved_at", UtcDateTime()),
        sa.Column("resolved_message", sa.Text()),
        sa.Column("resolved_delivered_at", UtcDateTime()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", UtcDateTime()),
        sa.Column("error", sa.Text()),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.UniqueConstraint("open_key", name="uq_alert_open_key"),
    )
    op.create_index("ix_alert_project_id_raised_at", "alert", ["project_id", "raised_at"])


def _make_project_setting() -> None:
    op.create_table(
        "project_setting",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", name="pk_project_setting"),
    )
