"""Claim events: each operation on a claim, numbered without gaps in the claim's own transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.log import JSON, SALT_BYTES, ClaimEvent, commitment
from byleave.registry.tables import ClaimEventRow, EventCounter

MakeRecord = Callable[[bytes], Mapping[str, JSON]]
"""Makes the record of an event from its salt, which the record's own commitments need."""


def append_event(
    session: Session, claim: bytes, operation: str, *, actor: str, at: datetime, record: MakeRecord
) -> ClaimEvent:
    """Append one event and return it as the log will carry it.

    The counter's row stays locked until the caller's transaction ends, so numbers follow the order of commits and a rolled-back
    operation leaves no gap.
    """
    number: int = session.execute(
        sa.update(EventCounter).values(last=EventCounter.last + 1).returning(EventCounter.last)
    ).scalar_one()
    salt = secrets.token_bytes(SALT_BYTES)
    filled = record(salt)
    event = ClaimEvent(number, claim, operation, commitment(salt, filled), at)
    session.add(
        ClaimEventRow(
            number=number,
            claim_id=claim,
            operation=operation,
            actor=actor,
            salt=salt,
            commitment=event.commitment,
            record=dict(filled),
            recorded_at=at,
        )
    )
    session.flush()
    return event


def last_number(session: Session) -> int:
    """Return the number of the last event, 0 before the first."""
    return session.execute(sa.select(EventCounter.last)).scalar_one()
