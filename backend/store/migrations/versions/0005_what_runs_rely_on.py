"""What a run relies on: the digest of the weights it started from, and the champion it was compared with."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("training_run", sa.Column("base_digest", sa.String(64)))
    op.add_column("training_run", sa.Column("compared_with", sa.Text()))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("training_run", "compared_with")
    op.drop_column("training_run", "base_digest")
