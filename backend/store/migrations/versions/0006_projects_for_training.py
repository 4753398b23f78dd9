"""Whether a model is to be trained for a project; unknown for those that have not called since."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("project", sa.Column("is_for_training", sa.Boolean()))


def downgrade() -> None:
    """Take the change back."""
    op.drop_column("project", "is_for_training")
