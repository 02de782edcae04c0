"""The tables of what became of claims: lists handed in, releases fetched and applied, copies found."""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import ForeignKey, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from byleave.registry.account_tables import Account
from byleave.registry.orm import Base, Moment, SerialKey, long, one_of
from byleave.registry.tables import ClaimRow

HANDED_IN_STATES: Final = ("reading", "filed", "failed")


class HandedIn(Base):
    """A list, export or batch that somebody handed in. ``key`` makes sending it again harmless; ``rejects`` says line and reason."""

    __tablename__ = "handed_in"
    __table_args__ = (
        one_of("state", HANDED_IN_STATES),
        long("claim_id", 16),
        UniqueConstraint("account_id", "key"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"))
    key: Mapped[bytes]
    kind: Mapped[str]
    name: Mapped[str]
    state: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    accepted: Mapped[int]
    rejected: Mapped[int]
    rejects: Mapped[list[Any]] = mapped_column(JSONB(none_as_null=True), server_default=text("'[]'"))
    claim_id: Mapped[bytes | None]
    created_at: Mapped[Moment]
    finished_at: Mapped[Moment | None]


class Fetched(Base):
    """An organisation that fetched a release under its key, the first time it did."""

    __tablename__ = "fetched"

    organisation_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[Moment]


class Applied(Base):
    """An organisation that says it applied a release to a dataset, and how many entries were taken out.

    ``event`` is the entry of the log that holds its signed statement; without one it only says so.
    """

    __tablename__ = "applied"
    __table_args__ = (UniqueConstraint("organisation_id", "number", "dataset"),)

    id: Mapped[SerialKey]
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"))
    number: Mapped[int]
    dataset: Mapped[str]
    entries: Mapped[int]
    removed: Mapped[int]
    at: Mapped[Moment]
    event: Mapped[int | None]


class CopiesFound(Base):
    """How many entries of a dataset version a claim covered when it was last counted, where that number is new."""

    __tablename__ = "copies_found"
    __table_args__ = (long("claim_id", 16), UniqueConstraint("claim_id", "dataset", "version"))

    id: Mapped[SerialKey]
    claim_id: Mapped[bytes] = mapped_column(ForeignKey(ClaimRow.id, ondelete="CASCADE"))
    dataset: Mapped[str]
    version: Mapped[bytes]
    copies: Mapped[int]
    at: Mapped[Moment]
