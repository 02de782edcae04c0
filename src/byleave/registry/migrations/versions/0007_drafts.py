"""Drafts: what somebody is about to say, kept for a day for one browser, so that it survives signing in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("answer", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("sources", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
    )
    op.create_index("ix_drafts_expires_at", "drafts", ["expires_at"], unique=False)
    op.create_table(
        "draft_targets",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scope_host_digest", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("dataset", sa.Text(), nullable=True),
        sa.Column("sample_key", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('url', 'prefix', 'host', 'domain', 'picture', 'digest', 'text', 'sound')",
            name=op.f("ck_draft_targets_kind"),
        ),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_draft_targets_digest")),
        sa.CheckConstraint(
            "octet_length(scope_host_digest) = 32", name=op.f("ck_draft_targets_scope_host_digest")
        ),
        sa.CheckConstraint("octet_length(sample_key) = 16", name=op.f("ck_draft_targets_sample_key")),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["drafts.id"], name="fk_draft_targets_draft_id_drafts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_draft_targets"),
        sa.UniqueConstraint("draft_id", "kind", "digest", name="uq_draft_targets_draft_id_kind_digest"),
    )


def downgrade() -> None:
    op.drop_table("draft_targets")
    op.drop_table("drafts")
