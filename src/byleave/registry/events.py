"""Claim events: each operation on a claim, numbered without gaps in the claim's own transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.log import JSON, SALT_BYTES, ClaimEvent, commitment
from byleave.registry.bulk import insert_rows
from byleave.registry.tables import ClaimEventRow, EventCounter

READ_AT_ONCE = 2_000
"""Events that are held in memory while many are read."""

MakeRecord = Callable[[bytes], Mapping[str, JSON]]
"""Makes the record of an event from its salt, which the record's own commitments need."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One operation on a claim that is about to be appended."""

    claim: bytes
    operation: str
    record: MakeRecord


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """An event with what stands behind its commitment, both ``None`` after an erasure."""

    event: ClaimEvent
    record: Mapping[str, JSON] | None
    salt: bytes | None


def append_event(
    session: Session, claim: bytes, operation: str, *, actor: str, at: datetime, record: MakeRecord
) -> ClaimEvent:
    """Append one event and return it as the log will carry it."""
    return append_events(session, [NewEvent(claim, operation, record)], actor=actor, at=at)[0]


def append_events(
    session: Session, new: Sequence[NewEvent], *, actor: str, at: datetime
) -> tuple[ClaimEvent, ...]:
    """Append events in order, in two statements, and return them as the log will carry them.

    The counter's row stays locked until the caller's transaction ends, so numbers follow the order of commits and a rolled-back
    operation leaves no gap.
    """
    if not new:
        return ()
    last: int = session.execute(
        sa.update(EventCounter).values(last=EventCounter.last + len(new)).returning(EventCounter.last)
    ).scalar_one()
    events: list[ClaimEvent] = []
    rows: list[dict[str, object]] = []
    for number, one in enumerate(new, last - len(new) + 1):
        salt = secrets.token_bytes(SALT_BYTES)
        filled = dict(one.record(salt))
        event = ClaimEvent(number, one.claim, one.operation, commitment(salt, filled), at)
        events.append(event)
        rows.append(
            {
                "number": number,
                "claim_id": one.claim,
                "operation": one.operation,
                "actor": actor,
                "salt": salt,
                "commitment": event.commitment,
                "record": filled,
                "recorded_at": at,
            }
        )
    insert_rows(session, ClaimEventRow, rows)
    return tuple(events)


def last_number(session: Session) -> int:
    """Return the number of the last event, 0 before the first."""
    return session.execute(sa.select(EventCounter.last)).scalar_one()


def events_after(session: Session, number: int, *, up_to: int | None = None) -> Iterator[ClaimEvent]:
    """Yield the committed events after a number in order, a few thousand in memory at a time."""
    row = ClaimEventRow
    chosen = sa.select(row.number, row.claim_id, row.operation, row.commitment, row.recorded_at)
    chosen = chosen.where(row.number > number).order_by(row.number)
    if up_to is not None:
        chosen = chosen.where(row.number <= up_to)
    found = session.execute(chosen, execution_options={"yield_per": READ_AT_ONCE})
    return (ClaimEvent(*one) for one in found)


def open_event(session: Session, claim: bytes) -> OpenedEvent | None:
    """Return the newest event of one claim, or ``None`` where there is no such claim."""
    chosen = sa.select(sa.func.max(ClaimEventRow.number)).where(ClaimEventRow.claim_id == claim)
    number = session.execute(chosen).scalar_one()
    return open_events(session, [number])[0] if number else None


def open_events(session: Session, numbers: Sequence[int]) -> tuple[OpenedEvent, ...]:
    """Return events by their numbers, in order, with what stands behind them."""
    wanted = sa.func.any(sa.literal(list(numbers), sa.ARRAY(sa.BigInteger)))
    row = ClaimEventRow
    chosen = sa.select(
        row.number, row.claim_id, row.operation, row.commitment, row.recorded_at, row.record, row.salt
    )
    found = session.execute(chosen.where(row.number == wanted).order_by(row.number))
    return tuple(OpenedEvent(ClaimEvent(*one[:5]), one[5], one[6]) for one in found)
