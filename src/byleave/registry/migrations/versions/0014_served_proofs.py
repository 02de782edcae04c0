"""A signed statement that a list was applied may come with the address at which its proofs are served."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("statements", sa.Column("proofs", sa.Text()))


def downgrade() -> None:
    op.drop_column("statements", "proofs")
