"""The tables of drafts: what somebody is about to say, kept for a day for one browser."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from byleave.registry.orm import Base, Moment, SerialKey, long, one_of
from byleave.registry.tables import TARGET_KINDS


class DraftRow(Base):
    """One draft. ``visitor`` is the opaque name of a browser; ``sources`` says what was looked at and what came of it.

    Of a draft that was filed nothing is left but that, until it runs out.
    """

    __tablename__ = "drafts"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    visitor: Mapped[str]
    name: Mapped[str | None]
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB(none_as_null=True), server_default=text("'{}'"))
    sources: Mapped[list[Any]] = mapped_column(JSONB(none_as_null=True), server_default=text("'[]'"))
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment] = mapped_column(index=True)
    filed_at: Mapped[Moment | None]


class DraftTargetRow(Base):
    """One thing a draft is about, and where it was found."""

    __tablename__ = "draft_targets"
    __table_args__ = (
        one_of("kind", TARGET_KINDS),
        long("digest", 32),
        long("scope_host_digest", 32),
        long("sample_key", 16),
        UniqueConstraint("draft_id", "kind", "digest"),
    )

    id: Mapped[SerialKey]
    draft_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(DraftRow.id, ondelete="CASCADE"))
    source: Mapped[str]
    kind: Mapped[str]
    digest: Mapped[bytes]
    scope_host_digest: Mapped[bytes | None]
    value: Mapped[str | None]
    label: Mapped[str | None]
    dataset: Mapped[str | None]
    sample_key: Mapped[bytes | None]
