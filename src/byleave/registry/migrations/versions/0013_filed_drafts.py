"""A draft that was filed is remembered until it runs out, so that sending it twice is told from never having begun it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("drafts", sa.Column("filed_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("drafts", "filed_at")
