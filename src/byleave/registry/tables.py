"""The tables of the registry. A change here needs a revision in ``migrations/versions``; a test compares them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from byleave.consent import ClaimState, Evidence, Preference, TargetKind, Use

ACTORS: Final = ("operator", "claimant")
CLAIM_STATES: Final = tuple(state.value for state in ClaimState)
TARGET_KINDS: Final = tuple(kind.value for kind in TargetKind)
OPERATIONS: Final = (
    "register",
    "update",
    "withdraw",
    "hold",
    "release",
    "dispute",
    "resolve",
    "erase",
    "reject",
)
TOKEN_SCOPES: Final = ("lookup",)
USES: Final = tuple(use.value for use in Use)
HIGHEST_EVIDENCE: Final = int(max(Evidence))
HIGHEST_PREFERENCE: Final = int(max(Preference))

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
SerialKey = Annotated[int, mapped_column(BigInteger, primary_key=True)]


class Base(DeclarativeBase):
    """Every table of ours; the tables of the job queue belong to Procrastinate and are not among them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, bytes: LargeBinary, datetime: DateTime(timezone=True), int: BigInteger}  # noqa: RUF012 - SQLAlchemy reads it so


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _long(column: str, size: int) -> CheckConstraint:
    return CheckConstraint(f"octet_length({column}) = {size}", name=column)


def _up_to(column: str, highest: int) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN 0 AND {highest}", name=column)


class Account(Base):
    """A person who signs in with an e-mail address, kept in lower case."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    email: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Moment]


class SignInLink(Base):
    """A link sent by e-mail; only the SHA-256 of its code is kept."""

    __tablename__ = "sign_in_links"
    __table_args__ = (_long("code_hash", 32),)

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    email: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    used_at: Mapped[Moment | None]
    next_path: Mapped[str | None]


class SignInSession(Base):
    """A signed-in browser; only the SHA-256 of its cookie is kept."""

    __tablename__ = "sessions"
    __table_args__ = (_long("token_hash", 32),)

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    form_token: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]


class OutboxMessage(Base):
    """An e-mail to be sent, written in the transaction of whatever causes it."""

    __tablename__ = "outbox"

    id: Mapped[SerialKey]
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[Moment]
    sent_at: Mapped[Moment | None]


class ClaimRow(Base):
    """The present state of one claim; how it came to be stands in its events.

    Preferences are 0 unknown, 1 allow, 2 conditional, 3 deny; evidence is 0..5.
    """

    __tablename__ = "claims"
    __table_args__ = (
        _long("id", 16),
        _one_of("actor", ACTORS),
        _one_of("state", CLAIM_STATES),
        _up_to("evidence", HIGHEST_EVIDENCE),
        *(_up_to(use, HIGHEST_PREFERENCE) for use in USES),
    )

    id: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("accounts.id", ondelete="SET NULL"), index=True
    )
    actor: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    disputed: Mapped[bool] = mapped_column(default=False)
    stale: Mapped[bool] = mapped_column(default=False)
    evidence: Mapped[int] = mapped_column(SmallInteger)
    train_gen: Mapped[int] = mapped_column(SmallInteger)
    train_other: Mapped[int] = mapped_column(SmallInteger)
    tdm: Mapped[int] = mapped_column(SmallInteger)
    ai_input: Mapped[int] = mapped_column(SmallInteger)
    ai_index: Mapped[int] = mapped_column(SmallInteger)
    search: Mapped[int] = mapped_column(SmallInteger)
    terms: Mapped[str | None]
    contact: Mapped[str | None]
    publish_values: Mapped[bool] = mapped_column(default=False)
    hold_reason: Mapped[str | None]
    filed_at: Mapped[Moment]
    effective_at: Mapped[Moment | None]
    expires_at: Mapped[Moment | None]
    withdrawn_at: Mapped[Moment | None]
    last_event: Mapped[int]


class TargetRow(Base):
    """One thing a claim covers. ``value`` is plain text: a URL, prefix, host or fingerprint."""

    __tablename__ = "targets"
    __table_args__ = (
        _one_of("kind", TARGET_KINDS),
        _long("digest", 32),
        _long("scope_host_digest", 32),
        _long("sample_key", 16),
        Index(None, "kind", "digest"),
        Index(None, "scope_host_digest", postgresql_where=text("kind = 'prefix'")),
    )

    id: Mapped[SerialKey]
    claim_id: Mapped[bytes] = mapped_column(ForeignKey("claims.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    digest: Mapped[bytes]
    scope_host_digest: Mapped[bytes | None]
    value: Mapped[str | None]
    label: Mapped[str | None]
    dataset: Mapped[str | None]
    sample_key: Mapped[bytes | None]


class ClaimEventRow(Base):
    """One operation on a claim. A trigger lets nothing change but an erasure of ``salt`` and ``record``."""

    __tablename__ = "claim_events"
    __table_args__ = (
        _long("claim_id", 16),
        _one_of("operation", OPERATIONS),
        _long("salt", 32),
        _long("commitment", 32),
        CheckConstraint("number > 0", name="number"),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    claim_id: Mapped[bytes] = mapped_column(index=True)
    operation: Mapped[str]
    actor: Mapped[str]
    salt: Mapped[bytes | None]
    commitment: Mapped[bytes]
    record: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    recorded_at: Mapped[Moment]


class EventCounter(Base):
    """One row: the number of the last claim event, taken in the claim's own transaction, so without gaps."""

    __tablename__ = "event_counter"
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)

    singleton: Mapped[bool] = mapped_column(primary_key=True, default=True)
    last: Mapped[int]


class ReleaseRow(Base):
    """A release that was published: the log size it stands for, and where its folder is."""

    __tablename__ = "releases"
    __table_args__ = (_long("manifest_digest", 32),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    published_at: Mapped[Moment]
    manifest_digest: Mapped[bytes]
    claims: Mapped[int]
    path: Mapped[str]


class CheckpointRow(Base):
    """What the log was at one size, as it was signed. One row for a size: a log has one root for it, ever.

    ``note`` may gain signatures of witnesses and of later keys; its text never changes.
    """

    __tablename__ = "checkpoints"
    __table_args__ = (CheckConstraint("size >= 0", name="size"), _long("root", 32))

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[str]
    signed_at: Mapped[Moment]


class TokenRow(Base):
    """A key for programs; only its SHA-256 is kept."""

    __tablename__ = "tokens"
    __table_args__ = (_long("key_hash", 32), _one_of("scope", TOKEN_SCOPES))

    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    scope: Mapped[str]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]


class TokenUseRow(Base):
    """How much one key asked for in one minute of the clock."""

    __tablename__ = "token_uses"

    key_hash: Mapped[bytes] = mapped_column(
        ForeignKey("tokens.key_hash", ondelete="CASCADE"), primary_key=True
    )
    minute: Mapped[Moment] = mapped_column(primary_key=True)
    spent: Mapped[int]
