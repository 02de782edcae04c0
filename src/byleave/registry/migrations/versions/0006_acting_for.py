"""Whom a browser's person acts for just now, and who was named to review."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("reviews", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("sessions", sa.Column("acting_for", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_sessions_acting_for_accounts",
        "sessions",
        "accounts",
        ["acting_for"],
        ["id"],
        ondelete="SET NULL",
    )


def downgrade() -> None:
    op.drop_column("sessions", "acting_for")
    op.drop_column("accounts", "reviews")
