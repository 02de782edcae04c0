"""What one claim says about one target, and whether it counts.

A claim has one or more targets; a statement is the claim seen from one of them, and the unit in which consent is reckoned. The
registry makes statements from its claims, a release carries them as rows, and both ask the functions here what counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from byleave.consent.standards import ALLOW_FROM, DENY_FROM, RULES_ALONE, Standard
from byleave.consent.words import ClaimState, Evidence, Preference, Preferences, TargetKind, Use

_Key = tuple[bytes, TargetKind, bytes]
_Rank = tuple[int, Preference, bytes]


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
    statements: Iterable[Statement],
    use: Use,
    at: datetime,
    *,
    with_pending_refusals: bool = False,
    standard: Standard = RULES_ALONE,
) -> tuple[Statement, ...]:
    """Keep the statements that act on ``use``: of one party on one target only the latest.

    ``with_pending_refusals`` lets a trainer act on refusals that are not confirmed yet; a yes never gains by it. A later statement
    that does not act replaces nothing, so an unconfirmed yes cannot lift the same person's no. What a ``standard`` sets aside is not
    heard, but a no that it sets aside still takes back the same person's earlier yes: she did not mean that any more.
    """
    counted = [said for said in statements if _counts(said, use, at, standard, pending=with_pending_refusals)]
    aside: dict[_Key, _Rank] = {}
    for said in counted:
        if not _is_heeded(said, use, standard):
            aside[_key(said)] = max(_rank(said, use), aside.get(_key(said), _rank(said, use)))
    latest: dict[_Key, Statement] = {}
    for said in counted:
        key, rank = _key(said), _rank(said, use)
        taken_back = said.preferences.for_use(use) is Preference.ALLOW and key in aside and rank < aside[key]
        if taken_back or not _is_heeded(said, use, standard):
            continue
        if key not in latest or _rank(latest[key], use) < rank:
            latest[key] = said
    return tuple(latest.values())


def _counts(said: Statement, use: Use, at: datetime, standard: Standard, *, pending: bool) -> bool:
    """Whether a statement acts; a yes only if the standard heeds it, a refusal whether or not it does."""
    where = standing(said, use, at)
    if said.preferences.for_use(use) is Preference.ALLOW:
        return where is Standing.ACTS and _is_heeded(said, use, standard)
    return where is Standing.ACTS or (pending and where is Standing.PENDING)


def _is_heeded(said: Statement, use: Use, standard: Standard) -> bool:
    if standard is RULES_ALONE:
        return True
    return standard.heeds(said.preferences.for_use(use), said.evidence, said.effective_at)


def _key(said: Statement) -> _Key:
    return said.claimant, said.kind, said.digest


def _rank(statement: Statement, use: Use) -> _Rank:
    """Order statements by time; of two that claim the same moment the more restrictive one is the later, whatever their order."""
    return statement.number, statement.preferences.for_use(use), statement.claim


def _has_begun(claim: Claim, at: datetime) -> bool:
    return claim.effective_at is not None and claim.effective_at <= at


def _has_run_out(claim: Claim, at: datetime) -> bool:
    return claim.expires_at is not None and claim.expires_at <= at
