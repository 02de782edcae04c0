"""People and organisations, proofs, the guard, and what became of claims; evidence belongs to a target from now on."""

import sqlalchemy as sa
from alembic import op

from byleave.registry.migrations.tables_of_0005 import NEW_TABLES

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
    for make in NEW_TABLES.values():
        make()


def downgrade() -> None:
    for table in NEW_TABLES:
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
