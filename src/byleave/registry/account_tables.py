"""The tables of people and organisations: how they sign in, who may act for whom, and what was done."""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from byleave.registry.orm import Base, Moment, SerialKey, long, one_of
from byleave.registry.sealing import ADDRESS, MAIL, Sealed

ACCOUNT_KINDS: Final = ("person", "organisation")
MEMBER_ROLES: Final = ("admin", "filer", "viewer")
TOKEN_SCOPES: Final = ("lookup", "file", "read", "report")


class Account(Base):
    """A person who signs in with an e-mail address, kept sealed, or an organisation, which has members and no address.

    ``name`` is what pages call it: an organisation's name, or the name under which a person shows her work; never asked to be legal.
    ``reviews`` is whether the operator named a person to look at claims that are held.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("(kind = 'person') = (email IS NOT NULL)", name="person"),
        one_of("kind", ACCOUNT_KINDS),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    kind: Mapped[str] = mapped_column(server_default="person")
    email: Mapped[str | None] = mapped_column(Sealed(ADDRESS), unique=True)
    name: Mapped[str | None]
    monthly_mail: Mapped[bool] = mapped_column(server_default=text("false"))
    reviews: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Moment]


class Membership(Base):
    """A person who may act for an organisation, and how far."""

    __tablename__ = "memberships"
    __table_args__ = (one_of("role", MEMBER_ROLES),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str]
    added_at: Mapped[Moment]


class Invitation(Base):
    """A place in an organisation, offered by e-mail; only the SHA-256 of its code is kept."""

    __tablename__ = "invitations"
    __table_args__ = (long("code_hash", 32), one_of("role", MEMBER_ROLES))

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    email: Mapped[str] = mapped_column(Sealed(ADDRESS))
    role: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    used_at: Mapped[Moment | None]


class Delegation(Base):
    """An artist lets an organisation act for her, until she ends it."""

    __tablename__ = "delegations"
    __table_args__ = (
        Index(
            "uq_delegations_open",
            "artist_id",
            "organisation_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    artist_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    granted_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]


class Passkey(Base):
    """A public key that a person's device signs in with."""

    __tablename__ = "passkeys"

    credential_id: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    name: Mapped[str]
    created_at: Mapped[Moment]
    last_used_at: Mapped[Moment | None]


class PasskeyChallenge(Base):
    """What a device was asked to sign; good once, for minutes. ``account_id`` is null where it is not known yet who signs in."""

    __tablename__ = "passkey_challenges"

    challenge: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("accounts.id", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[Moment]


class SignInLink(Base):
    """A link sent by e-mail; only the SHA-256 of its code is kept."""

    __tablename__ = "sign_in_links"
    __table_args__ = (long("code_hash", 32),)

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Sealed(ADDRESS))
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    used_at: Mapped[Moment | None]
    next_path: Mapped[str | None]


class SignInSession(Base):
    """A signed-in browser; only the SHA-256 of its cookie is kept. ``acting_for`` is whom its person acts for just now, if not herself."""

    __tablename__ = "sessions"
    __table_args__ = (long("token_hash", 32),)

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    form_token: Mapped[str]
    acting_for: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]


class OutboxMessage(Base):
    """An e-mail to be sent, written in the transaction of whatever causes it. ``fault`` says why the last try failed.

    ``unsubscribe`` is the address where one press ends mails of its kind.
    """

    __tablename__ = "outbox"

    id: Mapped[SerialKey]
    recipient: Mapped[str] = mapped_column(Sealed(ADDRESS))
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(Sealed(MAIL))
    created_at: Mapped[Moment]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    fault: Mapped[str | None]
    sent_at: Mapped[Moment | None]
    unsubscribe: Mapped[str | None] = mapped_column(Sealed(MAIL))


class TokenRow(Base):
    """A key for programs; only its SHA-256 is kept. Without an account it is the operator's, for look-ups."""

    __tablename__ = "tokens"
    __table_args__ = (
        long("key_hash", 32),
        one_of("scope", TOKEN_SCOPES),
        UniqueConstraint("account_id", "name", postgresql_nulls_not_distinct=True),
    )

    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str]
    scope: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]


class AuditEventRow(Base):
    """Something that was done to an account, an organisation, a proof or a held claim, in the transaction that did it.

    ``actor_id`` and ``subject`` are ids and no more, without a foreign key, so that what was done outlives whom it was done to.
    """

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "subject"), Index(None, "actor_id"))

    id: Mapped[SerialKey]
    kind: Mapped[str]
    role: Mapped[str]
    actor_id: Mapped[uuid.UUID | None]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB(none_as_null=True), server_default=text("'{}'"))
    at: Mapped[Moment]
