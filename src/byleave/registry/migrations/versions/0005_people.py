"""People and organisations, proofs, the guard, and what became of claims; evidence belongs to a target from now on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPERATIONS_BEFORE = (
    "'register', 'update', 'withdraw', 'hold', 'release', 'dispute', 'resolve', 'erase', 'reject'"
)
OPERATIONS = "'register', 'update', 'confirm', 'withdraw', 'hold', 'release', 'expire', 'dispute', 'resolve', 'erase', 'reject'"
STATES_BEFORE = "'filed', 'effective', 'held', 'withdrawn', 'erased', 'rejected'"
STATES = "'filed', 'effective', 'held', 'withdrawn', 'erased', 'rejected', 'expired'"
TABLES = (
    "copies_found",
    "applied",
    "fetched",
    "handed_in",
    "negative_pictures",
    "rate_uses",
    "oauth_states",
    "proofs",
    "audit_events",
    "passkey_challenges",
    "passkeys",
    "delegations",
    "invitations",
    "memberships",
)


# Earlier revisions named their checks in full, and the naming convention then put the same words in front once more.
NAME_CHECKS_ONCE = """
DO $$
DECLARE named record;
BEGIN
    FOR named IN SELECT conrelid::regclass AS in_table, conname FROM pg_constraint
        WHERE contype = 'c' AND conname LIKE 'ck\\_' || conrelid::regclass || '\\_ck\\_%'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', named.in_table, named.conname,
            substr(named.conname, length('ck_' || named.in_table || '_') + 1));
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(NAME_CHECKS_ONCE)
    change_accounts()
    change_tokens()
    change_claims()
    make_people()
    make_proofs()
    make_guard()
    make_following()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    change_claims_back()
    change_tokens_back()
    change_accounts_back()


def change_accounts() -> None:
    op.add_column("accounts", sa.Column("kind", sa.Text(), server_default="person", nullable=False))
    op.add_column("accounts", sa.Column("name", sa.Text(), nullable=True))
    op.add_column(
        "accounts", sa.Column("monthly_mail", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.alter_column("accounts", "email", existing_type=sa.Text(), nullable=True)
    op.create_check_constraint(op.f("ck_accounts_kind"), "accounts", "kind IN ('person', 'organisation')")
    op.create_check_constraint(
        op.f("ck_accounts_person"), "accounts", "(kind = 'person') = (email IS NOT NULL)"
    )
    op.add_column("outbox", sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("outbox", sa.Column("fault", sa.Text(), nullable=True))


def change_accounts_back() -> None:
    op.drop_column("outbox", "fault")
    op.drop_column("outbox", "attempts")
    op.execute("DELETE FROM accounts WHERE kind = 'organisation'")
    op.drop_constraint("ck_accounts_person", "accounts")
    op.drop_constraint("ck_accounts_kind", "accounts")
    op.alter_column("accounts", "email", existing_type=sa.Text(), nullable=False)
    for column in ("monthly_mail", "name", "kind"):
        op.drop_column("accounts", column)


def change_tokens() -> None:
    op.drop_table("token_uses")
    op.add_column("tokens", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.drop_constraint("uq_tokens_name", "tokens", type_="unique")
    op.create_unique_constraint(
        "uq_tokens_account_id_name", "tokens", ["account_id", "name"], postgresql_nulls_not_distinct=True
    )
    op.create_foreign_key(
        "fk_tokens_account_id_accounts", "tokens", "accounts", ["account_id"], ["id"], ondelete="CASCADE"
    )
    op.drop_constraint("ck_tokens_scope", "tokens")
    op.create_check_constraint(
        op.f("ck_tokens_scope"), "tokens", "scope IN ('lookup', 'file', 'read', 'report')"
    )


def change_tokens_back() -> None:
    op.execute("DELETE FROM tokens WHERE account_id IS NOT NULL")
    op.drop_constraint("ck_tokens_scope", "tokens")
    op.create_check_constraint(op.f("ck_tokens_scope"), "tokens", "scope IN ('lookup')")
    op.drop_constraint("fk_tokens_account_id_accounts", "tokens", type_="foreignkey")
    op.drop_constraint("uq_tokens_account_id_name", "tokens", type_="unique")
    op.create_unique_constraint("uq_tokens_name", "tokens", ["name"])
    op.drop_column("tokens", "account_id")
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


def change_claims() -> None:
    op.add_column("claims", sa.Column("act", sa.Text(), server_default="reservation", nullable=False))
    for column in ("licence", "about"):
        op.add_column("claims", sa.Column(column, sa.Text(), nullable=True))
    op.add_column("claims", sa.Column("filed_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_claims_filed_by_accounts", "claims", "accounts", ["filed_by"], ["id"], ondelete="SET NULL"
    )
    op.add_column("claims", sa.Column("text_digest", sa.LargeBinary(), nullable=True))
    op.add_column("claims", sa.Column("held_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("claims", sa.Column("answered_event", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE claims SET answered_event = (SELECT min(number) FROM claim_events WHERE claim_id = claims.id)"
    )
    op.alter_column("claims", "answered_event", nullable=False)
    op.create_check_constraint(
        op.f("ck_claims_act"), "claims", "act IN ('reservation', 'licence', 'objection', 'consent')"
    )
    op.create_check_constraint(op.f("ck_claims_text_digest"), "claims", "octet_length(text_digest) = 32")
    op.add_column("targets", sa.Column("evidence", sa.SmallInteger(), server_default="0", nullable=False))
    op.create_check_constraint(op.f("ck_targets_evidence"), "targets", "evidence BETWEEN 0 AND 5")
    op.execute("UPDATE targets SET evidence = claims.evidence FROM claims WHERE claims.id = targets.claim_id")
    op.drop_column("claims", "evidence")
    _words("claims", "state", STATES)
    _words("claim_events", "operation", OPERATIONS)


def change_claims_back() -> None:
    _words("claim_events", "operation", OPERATIONS_BEFORE)
    _words("claims", "state", STATES_BEFORE)
    op.add_column("claims", sa.Column("evidence", sa.SmallInteger(), server_default="0", nullable=False))
    op.execute(
        "UPDATE claims SET evidence = coalesce((SELECT max(evidence) FROM targets WHERE claim_id = claims.id), 0)"
    )
    op.alter_column("claims", "evidence", server_default=None)
    op.create_check_constraint(op.f("ck_claims_evidence"), "claims", "evidence BETWEEN 0 AND 5")
    op.drop_column("targets", "evidence")
    op.drop_constraint("fk_claims_filed_by_accounts", "claims", type_="foreignkey")
    for column in ("answered_event", "held_at", "text_digest", "filed_by", "about", "licence", "act"):
        op.drop_column("claims", column)


def _words(table: str, column: str, words: str) -> None:
    op.drop_constraint(f"ck_{table}_{column}", table)
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN ({words})")


def make_people() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_actor_id", "audit_events", ["actor_id"], unique=False)
    op.create_index("ix_audit_events_subject", "audit_events", ["subject"], unique=False)
    op.create_table(
        "delegations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("artist_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["artist_id"], ["accounts.id"], name="fk_delegations_artist_id_accounts", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["accounts.id"],
            name="fk_delegations_organisation_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delegations"),
    )
    op.create_index("ix_delegations_artist_id", "delegations", ["artist_id"], unique=False)
    op.create_index("ix_delegations_organisation_id", "delegations", ["organisation_id"], unique=False)
    op.create_index(
        "uq_delegations_open",
        "delegations",
        ["artist_id", "organisation_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "invitations",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'filer', 'viewer')", name=op.f("ck_invitations_role")),
        sa.CheckConstraint("octet_length(code_hash) = 32", name=op.f("ck_invitations_code_hash")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["accounts.id"],
            name="fk_invitations_organisation_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("code_hash", name="pk_invitations"),
    )
    op.create_index("ix_invitations_organisation_id", "invitations", ["organisation_id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'filer', 'viewer')", name=op.f("ck_memberships_role")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["accounts.id"],
            name="fk_memberships_organisation_id_accounts",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["accounts.id"], name="fk_memberships_person_id_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "person_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_person_id", "memberships", ["person_id"], unique=False)
    op.create_table(
        "passkey_challenges",
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_passkey_challenges_account_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("challenge", name="pk_passkey_challenges"),
    )
    op.create_index("ix_passkey_challenges_account_id", "passkey_challenges", ["account_id"], unique=False)
    op.create_table(
        "passkeys",
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_passkeys_account_id_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("credential_id", name="pk_passkeys"),
    )
    op.create_index("ix_passkeys_account_id", "passkeys", ["account_id"], unique=False)


def make_proofs() -> None:
    op.create_table(
        "oauth_states",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(state_hash) = 32", name=op.f("ck_oauth_states_state_hash")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_oauth_states_account_id_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("state_hash", name="pk_oauth_states"),
    )
    op.create_index("ix_oauth_states_account_id", "oauth_states", ["account_id"], unique=False)
    op.create_table(
        "proofs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("place_kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.SmallInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("seen", postgresql.JSONB(), nullable=True),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_good_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_good_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_check", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "method IN ('dns', 'file', 'meta', 'header', 'profile', 'rel_me', 'bluesky', 'oauth', 'original', 'c2pa', 'statement', 'vouched')",
            name=op.f("ck_proofs_method"),
        ),
        sa.CheckConstraint(
            "place_kind IN ('url', 'prefix', 'host', 'domain', 'picture', 'digest', 'text', 'sound')",
            name=op.f("ck_proofs_place_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'good', 'failing', 'stale', 'ended')", name=op.f("ck_proofs_state")
        ),
        sa.CheckConstraint("evidence BETWEEN 0 AND 5", name=op.f("ck_proofs_evidence")),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_proofs_digest")),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_proofs_token_hash")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_proofs_account_id_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_proofs"),
    )
    op.create_index("ix_proofs_account_id", "proofs", ["account_id"], unique=False)
    op.create_index("ix_proofs_digest", "proofs", ["digest"], unique=False)
    op.create_index(
        "ix_proofs_next_check",
        "proofs",
        ["next_check"],
        unique=False,
        postgresql_where=sa.text("state IN ('good', 'failing')"),
    )


def make_guard() -> None:
    op.create_table(
        "negative_pictures",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("pdq", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(pdq) = 32", name=op.f("ck_negative_pictures_pdq")),
        sa.PrimaryKeyConstraint("id", name="pk_negative_pictures"),
        sa.UniqueConstraint("pdq", name="uq_negative_pictures_pdq"),
    )
    op.create_table(
        "rate_uses",
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "rate", "began_at", name="pk_rate_uses"),
    )
    op.create_index("ix_rate_uses_began_at", "rate_uses", ["began_at"], unique=False)


def make_following() -> None:
    op.create_table(
        "applied",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["accounts.id"],
            name="fk_applied_organisation_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_applied"),
        sa.UniqueConstraint(
            "organisation_id", "number", "dataset", name="uq_applied_organisation_id_number_dataset"
        ),
    )
    op.create_table(
        "fetched",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["accounts.id"],
            name="fk_fetched_organisation_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organisation_id", "number", name="pk_fetched"),
    )
    op.create_table(
        "handed_in",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("rejects", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("claim_id", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('reading', 'filed', 'failed')", name=op.f("ck_handed_in_state")),
        sa.CheckConstraint("octet_length(claim_id) = 16", name=op.f("ck_handed_in_claim_id")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_handed_in_account_id_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_handed_in"),
        sa.UniqueConstraint("account_id", "key", name="uq_handed_in_account_id_key"),
    )
    op.create_table(
        "copies_found",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.LargeBinary(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("version", sa.LargeBinary(), nullable=False),
        sa.Column("copies", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(claim_id) = 16", name=op.f("ck_copies_found_claim_id")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name="fk_copies_found_claim_id_claims", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_copies_found"),
        sa.UniqueConstraint(
            "claim_id", "dataset", "version", name="uq_copies_found_claim_id_dataset_version"
        ),
    )
