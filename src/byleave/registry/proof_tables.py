"""The tables of proofs: which place somebody showed to control, how, and when it was looked at last."""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, SmallInteger, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from byleave.consent import TargetKind
from byleave.registry.account_tables import Account
from byleave.registry.orm import Base, Moment, long, one_of, up_to

METHODS: Final = (
    "dns",
    "file",
    "meta",
    "header",
    "profile",
    "rel_me",
    "bluesky",
    "oauth",
    "original",
    "c2pa",
    "statement",
    "vouched",
)
PROOF_STATES: Final = ("waiting", "good", "failing", "stale", "ended")
PLACE_KINDS: Final = tuple(kind.value for kind in TargetKind)


class ProofRow(Base):
    """One proof of one account that it controls one place.

    ``place`` is the plain thing (domain, host, path prefix, link, picture match code or digest), ``digest`` its target digest, by
    which the targets it confirms are found. ``token_hash`` is the SHA-256 of the token to be put there. ``subject`` is what a platform
    calls the account for good (a user number, a DID). ``seen`` is what the last look found, in words and numbers, never a page.
    """

    __tablename__ = "proofs"
    __table_args__ = (
        one_of("method", METHODS),
        one_of("state", PROOF_STATES),
        one_of("place_kind", PLACE_KINDS),
        long("digest", 32),
        long("token_hash", 32),
        up_to("evidence", 5),
        Index(None, "digest"),
        Index(None, "next_check", postgresql_where=text("state IN ('good', 'failing')")),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    method: Mapped[str]
    state: Mapped[str]
    place_kind: Mapped[str]
    place: Mapped[str]
    digest: Mapped[bytes]
    evidence: Mapped[int] = mapped_column(SmallInteger)
    token_hash: Mapped[bytes | None]
    subject: Mapped[str | None]
    seen: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    first_good_at: Mapped[Moment | None]
    last_good_at: Mapped[Moment | None]
    checked_at: Mapped[Moment | None]
    next_check: Mapped[Moment | None]


class OAuthState(Base):
    """A sign-in at a platform that somebody has begun; good once, for minutes."""

    __tablename__ = "oauth_states"
    __table_args__ = (long("state_hash", 32),)

    state_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    platform: Mapped[str]
    verifier: Mapped[str]
    expires_at: Mapped[Moment]
