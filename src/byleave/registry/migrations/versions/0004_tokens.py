"""Keys for programs, what they asked for lately, and the index that says on which hosts paths are claimed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(key_hash) = 32", name="ck_tokens_key_hash"),
        sa.CheckConstraint("scope IN ('lookup')", name="ck_tokens_scope"),
        sa.PrimaryKeyConstraint("key_hash", name="pk_tokens"),
        sa.UniqueConstraint("name", name="uq_tokens_name"),
    )
    op.create_table(
        "token_uses",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_hash"], ["tokens.key_hash"], name="fk_token_uses_key_hash_tokens", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key_hash", "minute", name="pk_token_uses"),
    )
    op.create_index(
        "ix_targets_scope_host_digest",
        "targets",
        ["scope_host_digest"],
        postgresql_where=sa.text("kind = 'prefix'"),
    )


def downgrade() -> None:
    op.drop_index("ix_targets_scope_host_digest", "targets")
    op.drop_table("token_uses")
    op.drop_table("tokens")
