"""Claims as they stand, and how they are looked up."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import (
    ClaimState,
    Evidence,
    LegalAct,
    Preference,
    Preferences,
    Standing,
    Statement,
    TargetKind,
    Use,
    standing,
)
from byleave.errors import NotFoundError
from byleave.registry.permissions import Act, Who, may, require
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target

_CLAIMS_AT_ONCE = 10_000
"""Claims whose targets one statement asks for; PostgreSQL takes at most 65,535 parameters."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as it stands, with its targets.

    number
        That of its latest event.
    answered
        That of the event that set its answers: of two claims by one party the higher one is the later.
    about
        Whom an organisation files for, where she has no account here; never published.
    filed_by
        The account that acted, where it is not ``account`` itself.
    """

    id: bytes
    account: uuid.UUID | None
    actor: str
    preferences: Preferences
    targets: tuple[Target, ...]
    state: ClaimState
    filed_at: datetime
    effective_at: datetime | None
    expires_at: datetime | None
    withdrawn_at: datetime | None
    number: int
    answered: int
    act: LegalAct = LegalAct.RESERVATION
    disputed: bool = False
    stale: bool = False
    terms: str | None = None
    contact: str | None = None
    licence: str | None = None
    about: str | None = None
    filed_by: uuid.UUID | None = None
    publish_values: bool = False
    hold_reason: str | None = None
    held_at: datetime | None = None

    @property
    def evidence(self) -> Evidence:
        """The evidence at its best target."""
        return max((target.evidence for target in self.targets), default=Evidence.E0)

    def statements(self, claimant: bytes) -> Iterable[Statement]:
        """Yield the claim as seen from each of its targets; ``claimant`` names its party."""
        for target in self.targets:
            yield Statement(
                claim=self.id,
                claimant=claimant,
                kind=target.kind,
                digest=target.digest,
                preferences=self.preferences,
                evidence=target.evidence,
                state=self.state,
                number=self.answered,
                effective_at=self.effective_at,
                expires_at=self.expires_at,
                disputed=self.disputed,
                stale=self.stale,
            )

    def standing(self, at: datetime) -> Standing:
        """Say what the claim amounts to now, at its best target and use."""
        found = {standing(said, use, at) for said in self.statements(self.id) for use in Use}
        return next((word for word in (Standing.ACTS, Standing.PENDING) if word in found), Standing.SILENT)


def claim_by_id(session: Session, claim_id: bytes, *, who: Who) -> Claim:
    """Return one claim; a stranger's looks like one that does not exist."""
    row = session.get(ClaimRow, claim_id, populate_existing=True)
    if row is None or not may(who, Act.SEE_CLAIM, account=row.account_id):
        raise not_found(claim_id)
    return claims_with_targets(session, [row])[0]


def claims_of(session: Session, account: uuid.UUID, *, who: Who) -> tuple[Claim, ...]:
    """Return the claims of one account, newest first."""
    require(who, Act.SEE_CLAIM, account=account)
    chosen = sa.select(ClaimRow).where(ClaimRow.account_id == account).order_by(ClaimRow.last_event.desc())
    return tuple(claims_with_targets(session, session.execute(chosen).scalars().all()))


def all_claims(
    session: Session, *, who: Who, states: Iterable[ClaimState] = tuple(ClaimState)
) -> tuple[Claim, ...]:
    """Return every claim in one of ``states``, newest first."""
    require(who, Act.LIST_ALL_CLAIMS)
    wanted = [state.value for state in states]
    chosen = sa.select(ClaimRow).where(ClaimRow.state.in_(wanted)).order_by(ClaimRow.last_event.desc())
    return tuple(claims_with_targets(session, session.execute(chosen).scalars().all()))


def claims_with_targets(session: Session, rows: Sequence[ClaimRow]) -> list[Claim]:
    """Return rows as claims, in their order, with their targets."""
    targets: dict[bytes, list[Target]] = {row.id: [] for row in rows}
    wanted = list(targets)
    for start in range(0, len(wanted), _CLAIMS_AT_ONCE):
        ids = wanted[start : start + _CLAIMS_AT_ONCE]
        chosen = sa.select(TargetRow).where(TargetRow.claim_id.in_(ids)).order_by(TargetRow.id)
        for row in session.execute(chosen).scalars():
            targets[row.claim_id].append(_target(row))
    return [_claim(row, tuple(targets[row.id])) for row in rows]


def _target(row: TargetRow) -> Target:
    return Target(
        TargetKind(row.kind),
        row.digest,
        row.value,
        scope_host=row.scope_host_digest,
        label=row.label,
        dataset=row.dataset,
        sample_key=row.sample_key,
        evidence=Evidence(row.evidence),
    )


def _claim(row: ClaimRow, targets: tuple[Target, ...]) -> Claim:
    return Claim(
        id=row.id,
        account=row.account_id,
        actor=row.actor,
        preferences=Preferences(**{use.value: Preference(getattr(row, use.value)) for use in Use}),
        targets=targets,
        state=ClaimState(row.state),
        filed_at=row.filed_at,
        effective_at=row.effective_at,
        expires_at=row.expires_at,
        withdrawn_at=row.withdrawn_at,
        number=row.last_event,
        answered=row.answered_event,
        act=LegalAct(row.act),
        disputed=row.disputed,
        stale=row.stale,
        terms=row.terms,
        contact=row.contact,
        licence=row.licence,
        about=row.about,
        filed_by=row.filed_by,
        publish_values=row.publish_values,
        hold_reason=row.hold_reason,
        held_at=row.held_at,
    )


def not_found(claim_id: bytes) -> NotFoundError:
    """Return the error for a claim that is not there, or not for whoever asks."""
    return NotFoundError(f"no claim {claim_id.hex()} here", remedy="list yours with `byleave claim list`")


def event_time(at: datetime) -> str:
    """Return a moment as records write it, in whole seconds."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
