"""The tables of what organisations signed: keys, statements, what they say of claims, and models documented elsewhere."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from byleave.consent import Regime
from byleave.registry.account_tables import Account
from byleave.registry.orm import Base, Moment, SerialKey, long, one_of
from byleave.registry.tables import ClaimRow
from byleave.release.feedback import Outcome

STATEMENT_KINDS: Final = ("attest", "pledge", "feedback")
"""Kinds of signed statements; also the operations under which the log holds them."""


class StatementKey(Base):
    """A verifier key whose signed statements count as an organisation's."""

    __tablename__ = "statement_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    added_at: Mapped[Moment]
    revoked_at: Mapped[Moment | None]


class StatementRow(Base):
    """A signed statement as it was handed in. ``event`` is the entry of the log that holds it; what a kind does not say is null.

    ``proofs`` is said beside the statement, not in it: the address at which its proofs are served just now.
    """

    __tablename__ = "statements"
    __table_args__ = (
        long("sha256", 32),
        long("pledge", 32),
        one_of("kind", STATEMENT_KINDS),
        CheckConstraint(
            "regime IN ({})".format(", ".join(f"'{regime.value}'" for regime in Regime)), name="regime"
        ),
        Index("ix_statements_dataset", "dataset", "organisation_id", "made_at"),
    )

    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    envelope: Mapped[bytes]
    event: Mapped[int] = mapped_column(unique=True)
    at: Mapped[Moment]
    made_at: Mapped[Moment]
    dataset: Mapped[str | None]
    regime: Mapped[str | None]
    number: Mapped[int | None]
    published_at: Mapped[Moment | None]
    entries: Mapped[int | None]
    removed: Mapped[int | None]
    most_lag_days: Mapped[int | None]
    pledge: Mapped[bytes | None]
    proofs: Mapped[str | None]


class FeedbackRow(Base):
    """What an organisation said last of one claim."""

    __tablename__ = "feedback"
    __table_args__ = (
        one_of("outcome", Outcome),
        Index("ix_feedback_outcome", "outcome", "at"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True
    )
    claim_id: Mapped[bytes] = mapped_column(
        ForeignKey(ClaimRow.id, ondelete="CASCADE"), primary_key=True, index=True
    )
    statement: Mapped[bytes] = mapped_column(ForeignKey(StatementRow.sha256, ondelete="CASCADE"), index=True)
    outcome: Mapped[str]
    rows: Mapped[int | None]
    why: Mapped[str | None]
    at: Mapped[Moment]


class ModelRow(Base):
    """A model of which a public source says that it was trained on a dataset."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("name", "organisation", "dataset"),)

    id: Mapped[SerialKey]
    name: Mapped[str]
    organisation: Mapped[str]
    dataset: Mapped[str]
    source: Mapped[str]
    dated: Mapped[datetime]
    added_at: Mapped[Moment]
