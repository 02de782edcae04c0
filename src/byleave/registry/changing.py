"""Changing what was filed: answer differently, withdraw, hold, release, reject, let run out. Each is one claim event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import STEPS, ClaimState, Preferences, Use
from byleave.errors import ConflictError
from byleave.log import JSON
from byleave.registry.claims import SHOWN_TARGETS, Claim, claims_with_targets, event_time, not_found
from byleave.registry.events import NewEvent, append_event, append_events
from byleave.registry.filing import NewClaim, check_answer
from byleave.registry.permissions import Act, Who, may, require
from byleave.registry.registering import first_state
from byleave.registry.tables import ClaimRow
from byleave.registry.targets import Target


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """What somebody says instead of what she said before, about the same targets."""

    preferences: Preferences
    terms: str | None = None
    contact: str | None = None
    licence: str | None = None
    publish_values: bool = False
    expires_at: datetime | None = None


def change_claim(session: Session, claim_id: bytes, new: NewAnswer, *, who: Who, at: datetime) -> Claim:
    """Answer differently about the same targets. A claim that waits for review goes on waiting.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such claim.
    ConflictError
        If it has ended: what has ended is filed anew.
    """
    row = claim_row_for(session, claim_id, who, Act.CHANGE_CLAIM)
    (before,) = claims_with_targets(session, [row], most=0)
    if ClaimState.WITHDRAWN not in STEPS[before.state]:
        raise ConflictError(f"this claim is {before.state} already", remedy="file a new one")
    handed = NewClaim(
        new.preferences,
        (),
        terms=new.terms,
        contact=new.contact,
        licence=new.licence,
        expires_at=new.expires_at,
    )
    check_answer(handed, at)
    state = state_with(before, new.preferences, new.expires_at, at)
    record = partial(_answer_record, claim_id, new, state, at)
    event = append_event(session, claim_id, "update", actor=who.role.value, at=at, record=record)
    for use in Use:
        setattr(row, use.value, int(new.preferences.for_use(use)))
    row.terms, row.contact, row.licence = new.terms, new.contact, new.licence
    row.publish_values, row.expires_at = new.publish_values, new.expires_at
    row.answered_event = event.number
    set_state(row, state, at)
    row.last_event = event.number
    return _stored(session, row)


def withdraw_claim(session: Session, claim_id: bytes, *, who: Who, at: datetime) -> Claim:
    """Withdraw a claim: from the next release on it is gone.

    Raises
    ------
    ConflictError
        If it is withdrawn, rejected, run out or erased already.
    """
    row = claim_row_for(session, claim_id, who, Act.WITHDRAW_CLAIM)
    row.withdrawn_at = at
    return _step(session, row, ClaimState.WITHDRAWN, "withdraw", who=who, at=at)


def hold_claim(session: Session, claim_id: bytes, reason: str, *, who: Who, at: datetime) -> Claim:
    """Keep a claim out of the lists until somebody has looked at it; ``reason`` is one of :class:`~byleave.registry.thresholds.HoldReason`'s words.

    One that is held already goes on waiting since when it did, for this reason from now on.
    """
    row = claim_row_for(session, claim_id, who, Act.REVIEW_CLAIM)
    row.hold_reason, row.held_at = reason, row.held_at or at
    if row.state == ClaimState.HELD:
        return _append(session, row, "hold", who=who, at=at, reason=reason)
    return _step(session, row, ClaimState.HELD, "hold", who=who, at=at, reason=reason)


def release_claim(session: Session, claim_id: bytes, reason: str, *, who: Who, at: datetime) -> Claim:
    """Let a held claim go: it counts from now on as its evidence allows. ``reason`` is kept in its event's record."""
    row = claim_row_for(session, claim_id, who, Act.REVIEW_CLAIM)
    if row.state != ClaimState.HELD:
        raise ConflictError(f"this claim is {row.state}, not held", remedy="load the list again")
    (claim,) = claims_with_targets(session, [row], most=0)
    state = first_state(claim.preferences, _kinds(claim), claim.expires_at, at)
    row.hold_reason = row.held_at = None
    return _step(session, row, state, "release", who=who, at=at, reason=reason)


def reject_claim(session: Session, claim_id: bytes, reason: str, *, who: Who, at: datetime) -> Claim:
    """Turn a held claim down, with a reason its claimant is shown."""
    row = claim_row_for(session, claim_id, who, Act.REVIEW_CLAIM)
    if row.state != ClaimState.HELD:
        raise ConflictError(f"this claim is {row.state}, not held", remedy="load the list again")
    row.hold_reason = reason
    return _step(session, row, ClaimState.REJECTED, "reject", who=who, at=at, reason=reason)


def expire_claims(session: Session, *, who: Who, at: datetime) -> int:
    """Let every claim whose end has come run out, and return how many did; done before each release, so that the log shows it."""
    require(who, Act.PUBLISH)
    chosen = sa.select(ClaimRow).where(*_ended(at))
    rows = session.execute(chosen.order_by(ClaimRow.id).with_for_update()).scalars().all()
    new = [NewEvent(row.id, "expire", partial(_plain_record, row.id, "expire", at, None)) for row in rows]
    events = append_events(session, new, actor=who.role.value, at=at)
    for row, event in zip(rows, events, strict=True):
        row.state, row.last_event = ClaimState.EXPIRED.value, event.number
    session.flush()
    return len(rows)


def any_ended(session: Session, at: datetime) -> bool:
    """Whether the end of a claim has come, and its event has not been appended yet."""
    return session.execute(sa.select(sa.exists().where(*_ended(at)))).scalar_one()


def _ended(at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    living = [state.value for state, steps in STEPS.items() if ClaimState.EXPIRED in steps]
    return ClaimRow.state.in_(living), ClaimRow.expires_at <= at


def claim_row_for(session: Session, claim_id: bytes, who: Who, act: Act) -> ClaimRow:
    """Return the row of a claim to which ``who`` may do ``act``, kept from others until this transaction ends."""
    chosen = sa.select(ClaimRow).where(ClaimRow.id == claim_id).with_for_update()
    row = session.execute(chosen).scalar_one_or_none()
    if row is None or not may(who, act, account=row.account_id):
        raise not_found(claim_id)
    return row


def _step(
    session: Session,
    row: ClaimRow,
    state: ClaimState,
    operation: str,
    *,
    who: Who,
    at: datetime,
    reason: str | None = None,
) -> Claim:
    if state not in STEPS[ClaimState(row.state)]:
        session.expire(row)
        raise ConflictError(f"this claim is {row.state} already", remedy="nothing is left to undo")
    set_state(row, state, at)
    return _append(session, row, operation, who=who, at=at, reason=reason)


def _append(
    session: Session, row: ClaimRow, operation: str, *, who: Who, at: datetime, reason: str | None
) -> Claim:
    record = partial(_plain_record, row.id, operation, at, reason)
    event = append_event(session, row.id, operation, actor=who.role.value, at=at, record=record)
    row.last_event = event.number
    return _stored(session, row)


def set_state(row: ClaimRow, state: ClaimState, at: datetime) -> None:
    """Bring a row to a state, and to the moment from which it counts."""
    row.state = state.value
    if state is ClaimState.EFFECTIVE:
        row.effective_at = row.effective_at or at
    elif state is ClaimState.FILED:
        row.effective_at = None


def _stored(session: Session, row: ClaimRow) -> Claim:
    session.flush()
    return claims_with_targets(session, [row], most=SHOWN_TARGETS)[0]


def state_with(
    claim: Claim, preferences: Preferences, expires_at: datetime | None, at: datetime
) -> ClaimState:
    """Return the state of a claim with these answers; one that waits for review goes on waiting."""
    if claim.state is ClaimState.HELD:
        return claim.state
    return first_state(preferences, _kinds(claim), expires_at, at)


def _kinds(claim: Claim) -> list[Target]:
    """Return one target for each kind and level that a claim has: all that its state depends on."""
    return [Target(one.kind, b"", evidence=one.evidence) for one in claim.counts]


def _plain_record(
    claim: bytes, operation: str, at: datetime, reason: str | None, _: bytes
) -> Mapping[str, JSON]:
    said: dict[str, JSON] = {"v": 1, "claim": claim.hex(), "op": operation, "at": event_time(at)}
    return said if reason is None else {**said, "reason": reason}


def _answer_record(
    claim: bytes, new: NewAnswer, state: ClaimState, at: datetime, _: bytes
) -> Mapping[str, JSON]:
    return {
        "v": 1,
        "claim": claim.hex(),
        "op": "update",
        "preferences": {use.value: new.preferences.for_use(use).word for use in Use},
        "state": state.value,
        "terms": new.terms,
        "contact": new.contact,
        "licence": new.licence,
        "publish_values": new.publish_values,
        "at": event_time(at),
        "expires_at": event_time(new.expires_at) if new.expires_at else None,
    }
