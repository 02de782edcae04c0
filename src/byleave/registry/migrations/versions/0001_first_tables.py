"""The first tables: accounts, claims, their events and releases."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Erasure takes the salt and the record; the commitment, which then says nothing, stays in the log.
APPEND_ONLY = """
CREATE FUNCTION claim_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.salt IS NULL AND NEW.record IS NULL
            AND (NEW.number, NEW.claim_id, NEW.operation, NEW.actor, NEW.commitment, NEW.recorded_at)
                = (OLD.number, OLD.claim_id, OLD.operation, OLD.actor, OLD.commitment, OLD.recorded_at)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'claim events are only ever appended' USING ERRCODE = 'restrict_violation';
END;
$$;
CREATE TRIGGER claim_events_append_only BEFORE UPDATE OR DELETE ON claim_events
    FOR EACH ROW EXECUTE FUNCTION claim_events_append_only();
CREATE TRIGGER claim_events_keep_all BEFORE TRUNCATE ON claim_events
    FOR EACH STATEMENT EXECUTE FUNCTION claim_events_append_only();
"""


def upgrade() -> None:
    make_accounts()
    make_claim_events()
    make_event_counter()
    make_outbox()
    make_releases()
    make_sign_in_links()
    make_claims()
    make_sessions()
    make_targets()
    op.execute(APPEND_ONLY)
    op.execute("INSERT INTO event_counter (singleton, last) VALUES (true, 0)")


def downgrade() -> None:
    op.drop_index("ix_targets_kind_digest", table_name="targets")
    op.drop_index("ix_targets_claim_id", table_name="targets")
    op.drop_table("targets")
    op.drop_index("ix_sessions_account_id", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index("ix_claims_state", table_name="claims")
    op.drop_index("ix_claims_account_id", table_name="claims")
    op.drop_table("claims")
    op.drop_table("sign_in_links")
    op.drop_table("releases")
    op.drop_table("outbox")
    op.drop_table("event_counter")
    op.drop_index("ix_claim_events_claim_id", table_name="claim_events")
    op.drop_table("claim_events")
    op.drop_table("accounts")
    op.execute("DROP FUNCTION claim_events_append_only()")


def make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name="ck_accounts_email"),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("email", name="uq_accounts_email"),
    )


def make_claim_events() -> None:
    op.create_table(
        "claim_events",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("claim_id", sa.LargeBinary(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("record", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "operation IN ('register', 'update', 'withdraw', 'hold', 'release', 'dispute', 'resolve', 'erase', 'reject')",
            name="ck_claim_events_operation",
        ),
        sa.CheckConstraint("number > 0", name="ck_claim_events_number"),
        sa.CheckConstraint("octet_length(claim_id) = 16", name="ck_claim_events_claim_id"),
        sa.CheckConstraint("octet_length(commitment) = 32", name="ck_claim_events_commitment"),
        sa.CheckConstraint("octet_length(salt) = 32", name="ck_claim_events_salt"),
        sa.PrimaryKeyConstraint("number", name="pk_claim_events"),
    )
    op.create_index("ix_claim_events_claim_id", "claim_events", ["claim_id"], unique=False)


def make_event_counter() -> None:
    op.create_table(
        "event_counter",
        sa.Column("singleton", sa.Boolean(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("singleton", name="ck_event_counter_singleton"),
        sa.PrimaryKeyConstraint("singleton", name="pk_event_counter"),
    )


def make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )


def make_releases() -> None:
    op.create_table(
        "releases",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("manifest_digest", sa.LargeBinary(), nullable=False),
        sa.Column("claims", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.CheckConstraint("octet_length(manifest_digest) = 32", name="ck_releases_manifest_digest"),
        sa.PrimaryKeyConstraint("number", name="pk_releases"),
    )


def make_sign_in_links() -> None:
    op.create_table(
        "sign_in_links",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_path", sa.Text(), nullable=True),
        sa.CheckConstraint("octet_length(code_hash) = 32", name="ck_sign_in_links_code_hash"),
        sa.PrimaryKeyConstraint("code_hash", name="pk_sign_in_links"),
    )


def make_claims() -> None:
    op.create_table(
        "claims",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.SmallInteger(), nullable=False),
        sa.Column("train_gen", sa.SmallInteger(), nullable=False),
        sa.Column("train_other", sa.SmallInteger(), nullable=False),
        sa.Column("tdm", sa.SmallInteger(), nullable=False),
        sa.Column("ai_input", sa.SmallInteger(), nullable=False),
        sa.Column("ai_index", sa.SmallInteger(), nullable=False),
        sa.Column("search", sa.SmallInteger(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("publish_values", sa.Boolean(), nullable=False),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_event", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("actor IN ('operator', 'claimant')", name="ck_claims_actor"),
        sa.CheckConstraint(
            "state IN ('filed', 'effective', 'withdrawn', 'erased', 'rejected', 'held')",
            name="ck_claims_state",
        ),
        sa.CheckConstraint("ai_index BETWEEN 0 AND 3", name="ck_claims_ai_index"),
        sa.CheckConstraint("ai_input BETWEEN 0 AND 3", name="ck_claims_ai_input"),
        sa.CheckConstraint("evidence BETWEEN 0 AND 5", name="ck_claims_evidence"),
        sa.CheckConstraint("octet_length(id) = 16", name="ck_claims_id"),
        sa.CheckConstraint("search BETWEEN 0 AND 3", name="ck_claims_search"),
        sa.CheckConstraint("tdm BETWEEN 0 AND 3", name="ck_claims_tdm"),
        sa.CheckConstraint("train_gen BETWEEN 0 AND 3", name="ck_claims_train_gen"),
        sa.CheckConstraint("train_other BETWEEN 0 AND 3", name="ck_claims_train_other"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_claims_account_id_accounts", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_claims"),
    )
    op.create_index("ix_claims_account_id", "claims", ["account_id"], unique=False)
    op.create_index("ix_claims_state", "claims", ["state"], unique=False)


def make_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("form_token", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(token_hash) = 32", name="ck_sessions_token_hash"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_sessions_account_id_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"], unique=False)


def make_targets() -> None:
    op.create_table(
        "targets",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scope_host_digest", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("dataset", sa.Text(), nullable=True),
        sa.Column("sample_key", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('url', 'prefix', 'host', 'domain', 'picture', 'digest', 'text', 'sound')",
            name="ck_targets_kind",
        ),
        sa.CheckConstraint("octet_length(digest) = 32", name="ck_targets_digest"),
        sa.CheckConstraint("octet_length(scope_host_digest) = 32", name="ck_targets_scope_host_digest"),
        sa.CheckConstraint("octet_length(sample_key) = 16", name="ck_targets_sample_key"),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name="fk_targets_claim_id_claims", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_targets"),
    )
    op.create_index("ix_targets_claim_id", "targets", ["claim_id"], unique=False)
    op.create_index("ix_targets_kind_digest", "targets", ["kind", "digest"], unique=False)
