"""What one claim says about one target, and whether it counts.

A claim has one or more targets; a statement is the claim seen from one of them, and the unit in which consent is reckoned. The
registry makes statements from its claims, a release carries them as rows, and both ask the functions here what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from byleave.consent.words import ClaimState, Evidence, Preference, Preferences, TargetKind, Use

DENY_FROM: Mapping[TargetKind, Evidence] = {
    TargetKind.URL: Evidence.E0,
    TargetKind.DIGEST: Evidence.E0,
    TargetKind.PICTURE: Evidence.E0,
    TargetKind.TEXT: Evidence.E0,
    TargetKind.SOUND: Evidence.E0,
    TargetKind.PREFIX: Evidence.E2,
    TargetKind.HOST: Evidence.E3,
    TargetKind.DOMAIN: Evidence.E3,
}
"""The least evidence at which a refusal (deny or conditional) acts: the wider the target, the more is asked."""

ALLOW_FROM = Evidence.E2
"""The least evidence at which a yes counts: a wrong no costs a trainer one item, a wrong yes takes someone's work."""


class Claim(Protocol):
    """What the rules of consent need to know of a claim, whoever stores it."""

    @property
    def state(self) -> ClaimState: ...
    @property
    def effective_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """One claim's word on one target.

    claim
        16-byte public id of the claim.
    claimant
        Opaque name of the party; equal for the same party within one registry or one release.
    digest
        32-byte digest of the target.
    number
        Number of the claim event that set the preferences: of two statements by one party the higher number is the later.
    """

    claim: bytes
    claimant: bytes
    kind: TargetKind
    digest: bytes
    preferences: Preferences
    evidence: Evidence
    state: ClaimState
    number: int
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    disputed: bool = False
    stale: bool = False


class Standing(StrEnum):
    """What a statement amounts to at one moment."""

    ACTS = "acts"
    PENDING = "pending"
    SILENT = "silent"


def is_effective(claim: Claim, at: datetime) -> bool:
    """Whether a claim counts at ``at``: in force, begun and not run out. The one place that says so."""
    return claim.state is ClaimState.EFFECTIVE and _has_begun(claim, at) and not _has_run_out(claim, at)


def standing(statement: Statement, use: Use, at: datetime) -> Standing:
    """Say whether one statement acts on one use, waits for confirmation, or says nothing.

    A refusal acts from the evidence its kind of target asks for, disputed or not. A yes needs more, and neither a disputed nor a
    stale one acts. A claim that is only filed waits.
    """
    preference = statement.preferences.for_use(use)
    waits = statement.state is ClaimState.FILED and not _has_run_out(statement, at)
    if preference is Preference.UNKNOWN or not (waits or is_effective(statement, at)):
        return Standing.SILENT
    if preference is Preference.ALLOW:
        confirmed = statement.evidence >= ALLOW_FROM and not (statement.disputed or statement.stale)
    else:
        confirmed = statement.evidence >= DENY_FROM[statement.kind]
    return Standing.ACTS if confirmed and not waits else Standing.PENDING


def acting(
    statements: Iterable[Statement], use: Use, at: datetime, *, with_pending_refusals: bool = False
) -> tuple[Statement, ...]:
    """Keep the statements that act on ``use``: of one party on one target only the latest.

    ``with_pending_refusals`` lets a trainer act on refusals that are not confirmed yet; a yes never gains by it. A later statement
    that does not act replaces nothing, so an unconfirmed yes cannot lift the same person's no.
    """
    latest: dict[tuple[bytes, TargetKind, bytes], Statement] = {}
    for statement in statements:
        where = standing(statement, use, at)
        refuses = statement.preferences.for_use(use) is not Preference.ALLOW
        if where is Standing.ACTS or (where is Standing.PENDING and with_pending_refusals and refuses):
            key = (statement.claimant, statement.kind, statement.digest)
            if key not in latest or _rank(latest[key], use) < _rank(statement, use):
                latest[key] = statement
    return tuple(latest.values())


def _rank(statement: Statement, use: Use) -> tuple[int, Preference, bytes]:
    """Order statements by time; of two that claim the same moment the more restrictive one is the later, whatever their order."""
    return statement.number, statement.preferences.for_use(use), statement.claim


def _has_begun(claim: Claim, at: datetime) -> bool:
    return claim.effective_at is not None and claim.effective_at <= at


def _has_run_out(claim: Claim, at: datetime) -> bool:
    return claim.expires_at is not None and claim.expires_at <= at
