"""The tables of claims, their events and what is published of them.

A change here needs a revision in ``migrations/versions``; a test compares them.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from byleave.consent import ClaimState, Evidence, LegalAct, Preference, TargetKind, Use
from byleave.registry.account_tables import Account
from byleave.registry.orm import Base, Moment, SerialKey, long, one_of, up_to

ACTORS: Final = ("operator", "claimant")
ACTS: Final = tuple(act.value for act in LegalAct)
CLAIM_STATES: Final = tuple(state.value for state in ClaimState)
TARGET_KINDS: Final = tuple(kind.value for kind in TargetKind)
OPERATIONS: Final = (
    "register",
    "update",
    "confirm",
    "withdraw",
    "hold",
    "release",
    "expire",
    "dispute",
    "resolve",
    "erase",
    "reject",
    "policy",
    "attest",
    "pledge",
    "feedback",
)
USES: Final = tuple(use.value for use in Use)
HIGHEST_EVIDENCE: Final = int(max(Evidence))
HIGHEST_PREFERENCE: Final = int(max(Preference))


class ClaimRow(Base):
    """The present state of one claim; how it came to be stands in its events.

    Preferences are 0 unknown, 1 allow, 2 conditional, 3 deny. ``answered_event`` is the event that set them, ``last_event`` whatever
    came last. ``filed_by`` is who acted, where an organisation or its member did so for ``account_id``.
    """

    __tablename__ = "claims"
    __table_args__ = (
        long("id", 16),
        one_of("actor", ACTORS),
        one_of("state", CLAIM_STATES),
        one_of("act", ACTS),
        long("text_digest", 32),
        *(up_to(use, HIGHEST_PREFERENCE) for use in USES),
    )

    id: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey(Account.id, ondelete="SET NULL"), index=True
    )
    actor: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    disputed: Mapped[bool] = mapped_column(default=False)
    stale: Mapped[bool] = mapped_column(default=False)
    act: Mapped[str] = mapped_column(server_default="reservation")
    train_gen: Mapped[int] = mapped_column(SmallInteger)
    train_other: Mapped[int] = mapped_column(SmallInteger)
    tdm: Mapped[int] = mapped_column(SmallInteger)
    ai_input: Mapped[int] = mapped_column(SmallInteger)
    ai_index: Mapped[int] = mapped_column(SmallInteger)
    search: Mapped[int] = mapped_column(SmallInteger)
    terms: Mapped[str | None]
    contact: Mapped[str | None]
    licence: Mapped[str | None]
    about: Mapped[str | None]
    filed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Account.id, ondelete="SET NULL"))
    text_digest: Mapped[bytes | None]
    publish_values: Mapped[bool] = mapped_column(default=False)
    hold_reason: Mapped[str | None]
    held_at: Mapped[Moment | None]
    filed_at: Mapped[Moment]
    effective_at: Mapped[Moment | None]
    expires_at: Mapped[Moment | None]
    withdrawn_at: Mapped[Moment | None]
    answered_event: Mapped[int]
    last_event: Mapped[int]


class TargetRow(Base):
    """One thing a claim covers. ``value`` is plain text: a URL, prefix, host or fingerprint; ``evidence`` (0..5) is for this target."""

    __tablename__ = "targets"
    __table_args__ = (
        one_of("kind", TARGET_KINDS),
        long("digest", 32),
        long("scope_host_digest", 32),
        long("sample_key", 16),
        up_to("evidence", HIGHEST_EVIDENCE),
        Index(None, "kind", "digest"),
        Index(None, "scope_host_digest", postgresql_where=text("kind = 'prefix'")),
    )

    id: Mapped[SerialKey]
    claim_id: Mapped[bytes] = mapped_column(ForeignKey("claims.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    digest: Mapped[bytes]
    scope_host_digest: Mapped[bytes | None]
    evidence: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    value: Mapped[str | None]
    label: Mapped[str | None]
    dataset: Mapped[str | None]
    sample_key: Mapped[bytes | None]


class ClaimEventRow(Base):
    """One operation on a claim. A trigger lets nothing change but an erasure of ``salt`` and ``record``."""

    __tablename__ = "claim_events"
    __table_args__ = (
        long("claim_id", 16),
        one_of("operation", OPERATIONS),
        long("salt", 32),
        long("commitment", 32),
        CheckConstraint("number > 0", name="number"),
        Index("ix_claim_events_policy", "number", postgresql_where=text("operation = 'policy'")),
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
    __table_args__ = (long("manifest_digest", 32),)

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
    __table_args__ = (CheckConstraint("size >= 0", name="size"), long("root", 32))

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[str]
    signed_at: Mapped[Moment]
