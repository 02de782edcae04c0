"""Claims as they stand, and how they are looked up."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

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
from byleave.errors import FormatError, NotFoundError
from byleave.registry.permissions import Act, Who, may, require
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target, target_of_row

_CLAIMS_AT_ONCE = 10_000
"""Claims whose targets one statement asks for; PostgreSQL takes at most 65,535 parameters."""


SHOWN_TARGETS = 1_000
"""Targets that are read of a claim whose targets are only shown; it may have a million."""


@dataclass(frozen=True, slots=True)
class TargetCount:
    """How many targets of one kind a claim has at one level of evidence."""

    kind: TargetKind
    evidence: Evidence
    count: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as it stands, with its targets: all of them, or the first so many where it was asked for to be shown.

    counts
        All its targets by kind and evidence, also where ``targets`` holds only some.
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
    counts: tuple[TargetCount, ...] = ()

    @property
    def evidence(self) -> Evidence:
        """The evidence at its best target."""
        return max((one.evidence for one in self.counts), default=Evidence.E0)

    @property
    def target_count(self) -> int:
        """How many targets it has."""
        return sum(one.count for one in self.counts)

    def statements(self, claimant: bytes) -> Iterable[Statement]:
        """Yield the claim as seen from each of its targets; ``claimant`` names its party."""
        for target in self.targets:
            yield self.statement(claimant, target.kind, target.digest, target.evidence)

    def standing(self, at: datetime) -> Standing:
        """Say what the claim amounts to now, at its best target and use."""
        said = [self.statement(self.id, one.kind, b"", one.evidence) for one in self.counts]
        found = {standing(one, use, at) for one in said for use in Use}
        return next((word for word in (Standing.ACTS, Standing.PENDING) if word in found), Standing.SILENT)

    def statement(self, claimant: bytes, kind: TargetKind, digest: bytes, evidence: Evidence) -> Statement:
        return Statement(
            claim=self.id,
            claimant=claimant,
            kind=kind,
            digest=digest,
            preferences=self.preferences,
            evidence=evidence,
            state=self.state,
            number=self.answered,
            effective_at=self.effective_at,
            expires_at=self.expires_at,
            disputed=self.disputed,
            stale=self.stale,
        )


def claim_by_id(session: Session, claim_id: bytes, *, who: Who, most: int | None = None) -> Claim:
    """Return one claim; a stranger's looks like one that does not exist. ``most`` is how many targets are read."""
    row = session.get(ClaimRow, claim_id, populate_existing=True)
    if row is None or not may(who, Act.SEE_CLAIM, account=row.account_id):
        raise not_found(claim_id)
    return claims_with_targets(session, [row], most=most)[0]


def claims_of(
    session: Session,
    account: uuid.UUID,
    *,
    who: Who,
    first: int = 0,
    limit: int | None = None,
    most: int | None = None,
) -> tuple[Claim, ...]:
    """Return claims of one account, newest first: ``limit`` of them from the ``first`` on, with the first ``most`` targets of each."""
    require(who, Act.SEE_CLAIM, account=account)
    chosen = sa.select(ClaimRow).where(ClaimRow.account_id == account)
    newest = chosen.order_by(ClaimRow.last_event.desc(), ClaimRow.id).offset(first).limit(limit)
    return tuple(claims_with_targets(session, session.execute(newest).scalars().all(), most=most))


def number_of_claims(session: Session, account: uuid.UUID, *, who: Who) -> int:
    """Return how many claims an account has."""
    require(who, Act.SEE_CLAIM, account=account)
    chosen = sa.select(sa.func.count()).select_from(ClaimRow).where(ClaimRow.account_id == account)
    return session.execute(chosen).scalar_one()


def targets_of(
    session: Session,
    claim_id: bytes,
    *,
    who: Who,
    after: int = 0,
    limit: int = SHOWN_TARGETS,
    kind: TargetKind | None = None,
) -> tuple[tuple[int, Target], ...]:
    """Return one page of a claim's targets, or of those of one kind, each with its number; ``after`` is the number of the last one seen."""
    owner = session.execute(sa.select(ClaimRow.account_id).where(ClaimRow.id == claim_id)).one_or_none()
    if owner is None or not may(who, Act.SEE_CLAIM, account=owner.account_id):
        raise not_found(claim_id)
    chosen = sa.select(TargetRow).where(TargetRow.claim_id == claim_id, TargetRow.id > after)
    if kind is not None:
        chosen = chosen.where(TargetRow.kind == kind.value)
    found = session.scalars(chosen.order_by(TargetRow.id).limit(limit))
    return tuple((row.id, _target(row)) for row in found)


def all_claims(
    session: Session,
    *,
    who: Who,
    states: Iterable[ClaimState] = tuple(ClaimState),
    most: int | None = None,
) -> tuple[Claim, ...]:
    """Return every claim in one of ``states``, newest first, with the first ``most`` targets of each."""
    require(who, Act.LIST_ALL_CLAIMS)
    wanted = [state.value for state in states]
    chosen = sa.select(ClaimRow).where(ClaimRow.state.in_(wanted)).order_by(ClaimRow.last_event.desc())
    return tuple(claims_with_targets(session, session.execute(chosen).scalars().all(), most=most))


def claims_with_targets(
    session: Session, rows: Sequence[ClaimRow], *, most: int | None = None
) -> list[Claim]:
    """Return rows as claims, in their order, with all their targets or the first ``most`` of each."""
    targets: dict[bytes, list[Target]] = {row.id: [] for row in rows}
    counts: dict[bytes, tuple[TargetCount, ...]] = {}
    wanted = list(targets)
    for start in range(0, len(wanted), _CLAIMS_AT_ONCE):
        ids = wanted[start : start + _CLAIMS_AT_ONCE]
        for found in session.scalars(_first_targets(ids, most)):
            targets[found.claim_id].append(_target(found))
        if most is not None:
            counts |= counts_of(session, ids)
    return [
        _claim(row, tuple(targets[row.id]), counts.get(row.id) or count_targets(targets[row.id]))
        for row in rows
    ]


def count_targets(targets: Iterable[Target]) -> tuple[TargetCount, ...]:
    """Count targets by kind and evidence."""
    found = Counter((target.kind, target.evidence) for target in targets)
    return tuple(TargetCount(kind, evidence, count) for (kind, evidence), count in sorted(found.items()))


def counts_of(session: Session, claims: Sequence[bytes]) -> dict[bytes, tuple[TargetCount, ...]]:
    """Return how many targets of which kind and evidence each claim has, without reading them."""
    keys = (TargetRow.claim_id, TargetRow.kind, TargetRow.evidence)
    chosen = sa.select(*keys, sa.func.count()).where(TargetRow.claim_id.in_(claims)).group_by(*keys)
    found: dict[bytes, list[TargetCount]] = {}
    for claim, kind, evidence, count in session.execute(chosen.order_by(*keys)):
        found.setdefault(claim, []).append(TargetCount(TargetKind(kind), Evidence(evidence), count))
    return {claim: tuple(some) for claim, some in found.items()}


def _first_targets(claims: Sequence[bytes], most: int | None) -> sa.Select[TargetRow]:
    if most is None:
        return sa.select(TargetRow).where(TargetRow.claim_id.in_(claims)).order_by(TargetRow.id)
    named = sa.select(ClaimRow.id).where(ClaimRow.id.in_(claims)).subquery()
    first = (
        sa.select(TargetRow).where(TargetRow.claim_id == named.c.id).order_by(TargetRow.id).limit(most)
    ).lateral()
    target = aliased(TargetRow, first)
    return sa.select(target).select_from(named).join(first, sa.true()).order_by(target.id)


def _target(row: TargetRow) -> Target:
    return target_of_row(row, Evidence(row.evidence))


def _claim(row: ClaimRow, targets: tuple[Target, ...], counts: tuple[TargetCount, ...]) -> Claim:
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
        counts=counts,
    )


def read_claim_id(text: str, *, remedy: str) -> bytes:
    """Return the id that a claim was named by, which may be that of no claim.

    Raises
    ------
    FormatError
        If nothing could have this id.
    """
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise FormatError(f"{text[:80]!r} is not a claim's id", remedy=remedy) from error


def not_found(claim_id: bytes) -> NotFoundError:
    """Return the error for a claim that is not there, or not for whoever asks."""
    return NotFoundError(
        f"nothing is filed here under {claim_id.hex() or 'this name'}",
        remedy="look for it under My choices, or in `byleave claim list`",
    )


def event_time(at: datetime) -> str:
    """Return a moment as records write it, in whole seconds."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
