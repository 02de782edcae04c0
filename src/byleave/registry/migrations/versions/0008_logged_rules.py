"""Entries of the log that name the rules in force."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE = "'register', 'update', 'confirm', 'withdraw', 'hold', 'release', 'expire', 'dispute', 'resolve', 'erase', 'reject'"


def upgrade() -> None:
    _operations(f"{BEFORE}, 'policy'")
    op.create_index(
        "ix_claim_events_policy", "claim_events", ["number"], postgresql_where=sa.text("operation = 'policy'")
    )


def downgrade() -> None:
    op.drop_index("ix_claim_events_policy", "claim_events")
    _operations(BEFORE)


def _operations(words: str) -> None:
    op.drop_constraint(op.f("ck_claim_events_operation"), "claim_events")
    op.create_check_constraint(op.f("ck_claim_events_operation"), "claim_events", f"operation IN ({words})")
