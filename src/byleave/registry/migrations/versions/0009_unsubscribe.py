"""Mails that can be ended carry the address where one press does it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("unsubscribe", sa.Text()))


def downgrade() -> None:
    op.drop_column("outbox", "unsubscribe")
