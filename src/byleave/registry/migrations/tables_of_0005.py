"""The tables that revision 0005 makes: people and organisations, proofs, the guard, and what became of claims."""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


def needed(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def goes_with_account(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ["accounts.id"], name=f"fk_{table}_{column}_accounts", ondelete="CASCADE"
    )


def index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column], unique=False)


def make_audit_events() -> None:
    op.create_table(
        "audit_events",
        needed("id", sa.BigInteger()),
        needed("kind", sa.Text()),
        needed("role", sa.Text()),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        needed("subject", sa.Text()),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        moment("at"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    index("audit_events", "actor_id")
    index("audit_events", "subject")


def make_delegations() -> None:
    op.create_table(
        "delegations",
        needed("id", sa.Uuid()),
        needed("artist_id", sa.Uuid()),
        needed("organisation_id", sa.Uuid()),
        moment("granted_at"),
        moment("ended_at", nullable=True),
        goes_with_account("delegations", "artist_id"),
        goes_with_account("delegations", "organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delegations"),
    )
    index("delegations", "artist_id")
    index("delegations", "organisation_id")
    op.create_index(
        "uq_delegations_open",
        "delegations",
        ["artist_id", "organisation_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def make_invitations() -> None:
    op.create_table(
        "invitations",
        needed("code_hash", sa.LargeBinary()),
        needed("organisation_id", sa.Uuid()),
        needed("email", sa.Text()),
        needed("role", sa.Text()),
        moment("created_at"),
        moment("expires_at"),
        moment("used_at", nullable=True),
        check("invitations", "role", "role IN ('admin', 'filer', 'viewer')"),
        check("invitations", "code_hash", "octet_length(code_hash) = 32"),
        goes_with_account("invitations", "organisation_id"),
        sa.PrimaryKeyConstraint("code_hash", name="pk_invitations"),
    )
    index("invitations", "organisation_id")


def make_memberships() -> None:
    op.create_table(
        "memberships",
        needed("organisation_id", sa.Uuid()),
        needed("person_id", sa.Uuid()),
        needed("role", sa.Text()),
        moment("added_at"),
        check("memberships", "role", "role IN ('admin', 'filer', 'viewer')"),
        goes_with_account("memberships", "organisation_id"),
        goes_with_account("memberships", "person_id"),
        sa.PrimaryKeyConstraint("organisation_id", "person_id", name="pk_memberships"),
    )
    index("memberships", "person_id")


def make_passkey_challenges() -> None:
    op.create_table(
        "passkey_challenges",
        needed("challenge", sa.LargeBinary()),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        moment("expires_at"),
        goes_with_account("passkey_challenges", "account_id"),
        sa.PrimaryKeyConstraint("challenge", name="pk_passkey_challenges"),
    )
    index("passkey_challenges", "account_id")


def make_passkeys() -> None:
    op.create_table(
        "passkeys",
        needed("credential_id", sa.LargeBinary()),
        needed("account_id", sa.Uuid()),
        needed("public_key", sa.LargeBinary()),
        needed("sign_count", sa.BigInteger()),
        needed("name", sa.Text()),
        moment("created_at"),
        moment("last_used_at", nullable=True),
        goes_with_account("passkeys", "account_id"),
        sa.PrimaryKeyConstraint("credential_id", name="pk_passkeys"),
    )
    index("passkeys", "account_id")


def make_oauth_states() -> None:
    op.create_table(
        "oauth_states",
        needed("state_hash", sa.LargeBinary()),
        needed("account_id", sa.Uuid()),
        needed("platform", sa.Text()),
        needed("verifier", sa.Text()),
        moment("expires_at"),
        check("oauth_states", "state_hash", "octet_length(state_hash) = 32"),
        goes_with_account("oauth_states", "account_id"),
        sa.PrimaryKeyConstraint("state_hash", name="pk_oauth_states"),
    )
    index("oauth_states", "account_id")


def make_proofs() -> None:
    op.create_table(
        "proofs",
        needed("id", sa.Uuid()),
        needed("account_id", sa.Uuid()),
        needed("method", sa.Text()),
        needed("state", sa.Text()),
        needed("place_kind", sa.Text()),
        needed("place", sa.Text()),
        needed("digest", sa.LargeBinary()),
        needed("evidence", sa.SmallInteger()),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("seen", postgresql.JSONB(), nullable=True),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        moment("created_at"),
        moment("expires_at", nullable=True),
        moment("first_good_at", nullable=True),
        moment("last_good_at", nullable=True),
        moment("checked_at", nullable=True),
        moment("next_check", nullable=True),
        check(
            "proofs",
            "method",
            "method IN ('dns', 'file', 'meta', 'header', 'profile', 'rel_me', 'bluesky', 'oauth', 'original', 'c2pa', 'statement', 'vouched')",
        ),
        check(
            "proofs",
            "place_kind",
            "place_kind IN ('url', 'prefix', 'host', 'domain', 'picture', 'digest', 'text', 'sound')",
        ),
        check("proofs", "state", "state IN ('waiting', 'good', 'failing', 'stale', 'ended')"),
        check("proofs", "evidence", "evidence BETWEEN 0 AND 5"),
        check("proofs", "digest", "octet_length(digest) = 32"),
        check("proofs", "token_hash", "octet_length(token_hash) = 32"),
        goes_with_account("proofs", "account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_proofs"),
    )
    index("proofs", "account_id")
    index("proofs", "digest")
    op.create_index(
        "ix_proofs_next_check",
        "proofs",
        ["next_check"],
        unique=False,
        postgresql_where=sa.text("state IN ('good', 'failing')"),
    )


def make_negative_pictures() -> None:
    op.create_table(
        "negative_pictures",
        needed("id", sa.BigInteger()),
        needed("pdq", sa.LargeBinary()),
        needed("name", sa.Text()),
        moment("added_at"),
        check("negative_pictures", "pdq", "octet_length(pdq) = 32"),
        sa.PrimaryKeyConstraint("id", name="pk_negative_pictures"),
        sa.UniqueConstraint("pdq", name="uq_negative_pictures_pdq"),
    )


def make_rate_uses() -> None:
    op.create_table(
        "rate_uses",
        needed("subject", sa.LargeBinary()),
        needed("rate", sa.Text()),
        moment("began_at"),
        needed("spent", sa.BigInteger()),
        sa.PrimaryKeyConstraint("subject", "rate", "began_at", name="pk_rate_uses"),
    )
    index("rate_uses", "began_at")


def make_applied() -> None:
    op.create_table(
        "applied",
        needed("id", sa.BigInteger()),
        needed("organisation_id", sa.Uuid()),
        needed("number", sa.BigInteger()),
        needed("dataset", sa.Text()),
        needed("entries", sa.BigInteger()),
        needed("removed", sa.BigInteger()),
        moment("at"),
        goes_with_account("applied", "organisation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_applied"),
        sa.UniqueConstraint(
            "organisation_id", "number", "dataset", name="uq_applied_organisation_id_number_dataset"
        ),
    )


def make_fetched() -> None:
    op.create_table(
        "fetched",
        needed("organisation_id", sa.Uuid()),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        moment("at"),
        goes_with_account("fetched", "organisation_id"),
        sa.PrimaryKeyConstraint("organisation_id", "number", name="pk_fetched"),
    )


def make_handed_in() -> None:
    op.create_table(
        "handed_in",
        needed("id", sa.Uuid()),
        needed("account_id", sa.Uuid()),
        needed("key", sa.LargeBinary()),
        needed("kind", sa.Text()),
        needed("name", sa.Text()),
        needed("state", sa.Text()),
        needed("done", sa.BigInteger()),
        needed("total", sa.BigInteger()),
        needed("accepted", sa.BigInteger()),
        needed("rejected", sa.BigInteger()),
        sa.Column("rejects", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("claim_id", sa.LargeBinary(), nullable=True),
        moment("created_at"),
        moment("finished_at", nullable=True),
        check("handed_in", "state", "state IN ('reading', 'filed', 'failed')"),
        check("handed_in", "claim_id", "octet_length(claim_id) = 16"),
        goes_with_account("handed_in", "account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_handed_in"),
        sa.UniqueConstraint("account_id", "key", name="uq_handed_in_account_id_key"),
    )


def make_copies_found() -> None:
    op.create_table(
        "copies_found",
        needed("id", sa.BigInteger()),
        needed("claim_id", sa.LargeBinary()),
        needed("dataset", sa.Text()),
        needed("version", sa.LargeBinary()),
        needed("copies", sa.BigInteger()),
        moment("at"),
        check("copies_found", "claim_id", "octet_length(claim_id) = 16"),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name="fk_copies_found_claim_id_claims", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_copies_found"),
        sa.UniqueConstraint(
            "claim_id", "dataset", "version", name="uq_copies_found_claim_id_dataset_version"
        ),
    )


NEW_TABLES: Final[dict[str, Callable[[], None]]] = {
    "audit_events": make_audit_events,
    "delegations": make_delegations,
    "invitations": make_invitations,
    "memberships": make_memberships,
    "passkey_challenges": make_passkey_challenges,
    "passkeys": make_passkeys,
    "oauth_states": make_oauth_states,
    "proofs": make_proofs,
    "negative_pictures": make_negative_pictures,
    "rate_uses": make_rate_uses,
    "applied": make_applied,
    "fetched": make_fetched,
    "handed_in": make_handed_in,
    "copies_found": make_copies_found,
}
