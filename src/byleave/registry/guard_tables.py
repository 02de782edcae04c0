"""The tables of the guard: how often somebody did something lately, and pictures that say nothing about whose they are."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from byleave.registry.orm import Base, Moment, SerialKey, long


class RateUseRow(Base):
    """How much of one allowance somebody used in one window of time. ``subject`` is a keyed digest and names nobody."""

    __tablename__ = "rate_uses"

    subject: Mapped[bytes] = mapped_column(primary_key=True)
    rate: Mapped[str] = mapped_column(primary_key=True)
    began_at: Mapped[Moment] = mapped_column(primary_key=True, index=True)
    spent: Mapped[int]


class NegativePicture(Base):
    """A picture that many people use (a background, a logo, a test card): a claim on it is looked at first."""

    __tablename__ = "negative_pictures"
    __table_args__ = (long("pdq", 32),)

    id: Mapped[SerialKey]
    pdq: Mapped[bytes] = mapped_column(unique=True)
    name: Mapped[str]
    added_at: Mapped[Moment]
