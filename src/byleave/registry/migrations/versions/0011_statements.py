"""What organisations sign: their keys, their statements, what they say of claims, and models documented elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

BEFORE = (
    "'register', 'update', 'confirm', 'withdraw', 'hold', 'release', 'expire', 'dispute', 'resolve', 'erase', "
    "'reject', 'policy'"
)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _operations(f"{BEFORE}, 'attest', 'pledge', 'feedback'")
    op.add_column("applied", sa.Column("event", sa.BigInteger()))
    _keys()
    _statements()
    _feedback()
    _models()


def downgrade() -> None:
    for table in ("models", "feedback", "statements", "statement_keys"):
        op.drop_table(table)
    op.drop_column("applied", "event")
    _operations(BEFORE)


def _keys() -> None:
    op.create_table(
        "statement_keys",
        sa.Column("key", sa.Text(), nullable=False),
        _organisation(),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_statement_keys")),
        _organisation_is_there("statement_keys"),
    )
    op.create_index("ix_statement_keys_organisation_id", "statement_keys", ["organisation_id"])


def _statements() -> None:
    op.create_table(
        "statements",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        _organisation(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("dataset", sa.Text()),
        sa.Column("regime", sa.Text()),
        sa.Column("number", sa.BigInteger()),
        sa.Column("published_at", MOMENT),
        sa.Column("entries", sa.BigInteger()),
        sa.Column("removed", sa.BigInteger()),
        sa.Column("most_lag_days", sa.BigInteger()),
        sa.Column("pledge", sa.LargeBinary()),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_statements_sha256")),
        sa.CheckConstraint("octet_length(pledge) = 32", name=op.f("ck_statements_pledge")),
        sa.CheckConstraint("kind IN ('attest', 'pledge', 'feedback')", name=op.f("ck_statements_kind")),
        sa.CheckConstraint("regime IN ('opt_out', 'opt_in', 'research')", name=op.f("ck_statements_regime")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_statements")),
        sa.UniqueConstraint("event", name=op.f("uq_statements_event")),
        _organisation_is_there("statements"),
    )
    op.create_index("ix_statements_organisation_id", "statements", ["organisation_id"])
    op.create_index("ix_statements_dataset", "statements", ["dataset", "organisation_id", "made_at"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        _organisation(),
        sa.Column("claim_id", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("why", sa.Text()),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('applied', 'not_applicable', 'suspected_false')", name=op.f("ck_feedback_outcome")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "claim_id", name=op.f("pk_feedback")),
        _organisation_is_there("feedback"),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_feedback_claim_id_claims"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["statement"],
            ["statements.sha256"],
            name=op.f("fk_feedback_statement_statements"),
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_feedback_claim_id", "feedback", ["claim_id"])
    op.create_index("ix_feedback_statement", "feedback", ["statement"])
    op.create_index("ix_feedback_outcome", "feedback", ["outcome", "at"])


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("dated", MOMENT, nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint(
            "name", "organisation", "dataset", name=op.f("uq_models_name_organisation_dataset")
        ),
    )


def _organisation() -> sa.Column[object]:
    return sa.Column("organisation_id", sa.Uuid(), nullable=False)


def _organisation_is_there(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id"],
        ["accounts.id"],
        name=op.f(f"fk_{table}_organisation_id_accounts"),
        ondelete="CASCADE",
    )


def _operations(words: str) -> None:
    op.drop_constraint(op.f("ck_claim_events_operation"), "claim_events")
    op.create_check_constraint(op.f("ck_claim_events_operation"), "claim_events", f"operation IN ({words})")
