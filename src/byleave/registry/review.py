"""Looking at held claims: which wait and for how long, and what a person decided, with a reason the claimant is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import ClaimState
from byleave.errors import InputError
from byleave.registry.account_tables import Account, Membership
from byleave.registry.audit import AuditKind, ReviewDetails, record
from byleave.registry.changing import reject_claim, release_claim
from byleave.registry.claims import Claim, claims_with_targets
from byleave.registry.mail import Letter, Post
from byleave.registry.permissions import Act, Who, may, require
from byleave.registry.tables import ClaimRow
from byleave.registry.thresholds import HoldReason

MOST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Queue:
    """How many claims wait for a person, and for how long the one in the middle and the oldest have."""

    waiting: int
    median: timedelta | None
    oldest: timedelta | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person made of a held claim."""

    released: bool
    reason: str


def queue(session: Session, at: datetime) -> Queue:
    """Return how many claims wait for a person and for how long; what a job is still comparing waits for none."""
    waited = sa.func.extract("epoch", sa.literal(at) - ClaimRow.held_at)
    chosen = sa.select(
        sa.func.count(), sa.func.percentile_cont(0.5).within_group(waited), sa.func.max(waited)
    ).where(*_waiting())
    count, median, oldest = session.execute(chosen).one()
    return Queue(count, _time(median), _time(oldest))


def held_claims(session: Session, *, who: Who, first: int, most: int) -> tuple[Claim, ...]:
    """Return held claims that ``who`` may review, those that have waited longest first."""
    require(who, Act.REVIEW_CLAIM)
    chosen = sa.select(ClaimRow).where(*_waiting()).order_by(ClaimRow.held_at, ClaimRow.id)
    rows = session.execute(chosen.offset(first).limit(most)).scalars().all()
    return tuple(
        claims_with_targets(
            session, [row for row in rows if may(who, Act.REVIEW_CLAIM, account=row.account_id)]
        )
    )


def held_claim(session: Session, claim_id: bytes, *, who: Who) -> Claim | None:
    """Return one held claim that ``who`` may review, or ``None``."""
    row = session.get(ClaimRow, claim_id, populate_existing=True)
    if row is None or row.state != ClaimState.HELD or not may(who, Act.REVIEW_CLAIM, account=row.account_id):
        return None
    return claims_with_targets(session, [row])[0]


def decide(
    session: Session,
    claim_id: bytes,
    decided: Decided,
    *,
    who: Who,
    post: Post,
    address: str,
    at: datetime,
) -> Claim:
    """Release or reject a held claim, write down who did, and tell the claimant why. ``address`` is that of her page of it.

    Raises
    ------
    InputError
        For a reason that is empty or too long.
    NotFoundError
        If ``who`` may review no such claim.
    ConflictError
        If it is not held any more: somebody else was faster.
    """
    reason = " ".join(decided.reason.split())
    if not 0 < len(reason) <= MOST_REASON or not reason.isprintable():
        raise InputError(
            "a decision needs a reason", remedy=f"write one of at most {MOST_REASON} characters: she reads it"
        )
    row = session.get(ClaimRow, claim_id, populate_existing=True)
    was = row.hold_reason if row is not None else None
    done = (release_claim if decided.released else reject_claim)(session, claim_id, reason, who=who, at=at)
    kind = AuditKind.CLAIM_RELEASED if decided.released else AuditKind.CLAIM_REJECTED
    record(session, kind, who=who, subject=claim_id, at=at, details=ReviewDetails(was or "other"))
    body = _body(reason, address, released=decided.released)
    for recipient in _addresses(session, done):
        post.send(session, Letter(recipient, _SUBJECTS[decided.released], body), at=at)
    return done


_SUBJECTS: Final = {
    True: "Your choice was looked at, and counts",
    False: "Your choice was looked at, and turned down",
}


def _body(reason: str, address: str, *, released: bool) -> str:
    outcome = (
        "One of your choices was held so that a person could look at it first. It counts from now on."
        if released
        else "One of your choices was held so that a person could look at it first. It was turned down, and says nothing."
    )
    return f"{outcome}\n\nThe reason given: {reason}\n\nThe choice itself:\n\n{address}\n"


def _addresses(session: Session, claim: Claim) -> list[str]:
    """Return where to write to: to the claimant, or to those who manage the organisation that filed."""
    if claim.account is None:
        return []
    own = sa.select(Account.email).where(Account.id == claim.account, Account.email.is_not(None))
    managers = (
        sa.select(Account.email)
        .join(Membership, Membership.person_id == Account.id)
        .where(Membership.organisation_id == claim.account, Membership.role == "admin")
    )
    found = session.execute(own.union(managers)).scalars()
    return sorted(address for address in found if address is not None)


def _waiting() -> tuple[sa.ColumnElement[bool], ...]:
    is_for_a_person = sa.func.coalesce(ClaimRow.hold_reason, "") != HoldReason.COMPARING.value
    return ClaimRow.state == ClaimState.HELD.value, ClaimRow.held_at.is_not(None), is_for_a_person


def _time(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=max(0.0, float(seconds)))
