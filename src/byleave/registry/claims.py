"""Claims: file, look up, withdraw. Every operation is one transaction with its claim event."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import (
    STEPS,
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Standing,
    Statement,
    TargetKind,
    Use,
    standing,
)
from byleave.errors import ConflictError, InputError, NotFoundError
from byleave.fingerprints import ClaimedPicture
from byleave.log import JSON, targets_root
from byleave.registry.bulk import insert_rows
from byleave.registry.events import NewEvent, append_event, append_events
from byleave.registry.permissions import Act, Who, may, require
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target

CLAIM_ID_BYTES = 16
MAX_WORDS = 4_000
"""Characters that terms, a contact or a label may have: enough for words or a link, too few for a document."""

_CLAIMS_AT_ONCE = 10_000
"""Claims whose targets one statement asks for; PostgreSQL takes at most 65,535 parameters."""

HELD_FLAT = "flat"
"""The picture is too flat to be told from strangers' pictures by its bits, so a person looks first."""


@dataclass(frozen=True, slots=True)
class NewClaim:
    """What a claimant hands in. ``publish_values`` is her tick that plain values may stand in the published list."""

    preferences: Preferences
    targets: tuple[Target, ...]
    terms: str | None = None
    contact: str | None = None
    publish_values: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as it stands, with its targets. ``number`` is that of its latest event."""

    id: bytes
    account: uuid.UUID | None
    actor: str
    preferences: Preferences
    targets: tuple[Target, ...]
    evidence: Evidence
    state: ClaimState
    filed_at: datetime
    effective_at: datetime | None
    expires_at: datetime | None
    withdrawn_at: datetime | None
    number: int
    disputed: bool = False
    stale: bool = False
    terms: str | None = None
    contact: str | None = None
    publish_values: bool = False
    hold_reason: str | None = None

    def statements(self, claimant: bytes) -> Iterable[Statement]:
        """Yield the claim as seen from each of its targets; ``claimant`` names its party."""
        for target in self.targets:
            yield Statement(
                claim=self.id,
                claimant=claimant,
                kind=target.kind,
                digest=target.digest,
                preferences=self.preferences,
                evidence=self.evidence,
                state=self.state,
                number=self.number,
                effective_at=self.effective_at,
                expires_at=self.expires_at,
                disputed=self.disputed,
                stale=self.stale,
            )

    def standing(self, at: datetime) -> Standing:
        """Say what the claim amounts to now, at its best target and use."""
        found = {standing(said, use, at) for said in self.statements(self.id) for use in Use}
        return next((word for word in (Standing.ACTS, Standing.PENDING) if word in found), Standing.SILENT)


@dataclass(frozen=True, slots=True)
class Filing:
    """One claim of a batch: what is handed in, and whose it is."""

    new: NewClaim
    account: uuid.UUID
    evidence: Evidence = Evidence.E0


def file_claim(
    session: Session,
    new: NewClaim,
    *,
    who: Who,
    account: uuid.UUID,
    at: datetime,
    evidence: Evidence = Evidence.E0,
) -> Claim:
    """File one claim with all its targets and append its event.

    It is effective at once when one of its targets acts at this evidence, else filed and not confirmed yet; a picture too flat to be
    told from others is held.
    """
    return file_claims(session, [Filing(new, account, evidence)], who=who, at=at)[0]


def file_claims(session: Session, filings: Sequence[Filing], *, who: Who, at: datetime) -> tuple[Claim, ...]:
    """File many claims, all or none, in four statements; their events follow each other in the order given."""
    for filing in filings:
        require(who, Act.FILE_CLAIM, account=filing.account)
        _check(filing.new, at)
    drafts = [_draft(filing, who.role.value, at) for filing in filings]
    events = append_events(
        session,
        [
            NewEvent(draft.id, "register", partial(_record, filing, draft))
            for filing, draft in zip(filings, drafts, strict=True)
        ],
        actor=who.role.value,
        at=at,
    )
    claims = tuple(replace(draft, number=event.number) for draft, event in zip(drafts, events, strict=True))
    if claims:
        insert_rows(session, ClaimRow, [_claim_row(claim) for claim in claims])
        insert_rows(
            session,
            TargetRow,
            [_target_row(claim.id, target) for claim in claims for target in claim.targets],
        )
    return claims


def withdraw_claim(session: Session, claim_id: bytes, *, who: Who, at: datetime) -> Claim:
    """Withdraw a claim: from the next release on it is gone.

    Raises
    ------
    ConflictError
        If it is withdrawn, rejected or erased already.
    """
    row = session.execute(
        sa.select(ClaimRow).where(ClaimRow.id == claim_id).with_for_update()
    ).scalar_one_or_none()
    if row is None or not may(who, Act.WITHDRAW_CLAIM, account=row.account_id):
        raise not_found(claim_id)
    if ClaimState.WITHDRAWN not in STEPS[ClaimState(row.state)]:
        raise ConflictError(f"this claim is {row.state} already", remedy="nothing is left to undo")
    event = append_event(
        session,
        claim_id,
        "withdraw",
        actor=who.role.value,
        at=at,
        record=lambda _: {"v": 1, "claim": claim_id.hex(), "op": "withdraw", "at": event_time(at)},
    )
    row.state = ClaimState.WITHDRAWN.value
    row.withdrawn_at = at
    row.last_event = event.number
    session.flush()
    return claim_by_id(session, claim_id, who=who)


def claim_by_id(session: Session, claim_id: bytes, *, who: Who) -> Claim:
    """Return one claim; a stranger's looks like one that does not exist."""
    row = session.get(ClaimRow, claim_id, populate_existing=True)
    if row is None or not may(who, Act.SEE_CLAIM, account=row.account_id):
        raise not_found(claim_id)
    return _claims(session, [row])[0]


def claims_of(session: Session, account: uuid.UUID, *, who: Who) -> tuple[Claim, ...]:
    """Return the claims of one account, newest first."""
    require(who, Act.SEE_CLAIM, account=account)
    chosen = sa.select(ClaimRow).where(ClaimRow.account_id == account).order_by(ClaimRow.last_event.desc())
    return tuple(_claims(session, session.execute(chosen).scalars().all()))


def all_claims(
    session: Session, *, who: Who, states: Iterable[ClaimState] = tuple(ClaimState)
) -> tuple[Claim, ...]:
    """Return every claim in one of ``states``, newest first."""
    require(who, Act.LIST_ALL_CLAIMS)
    wanted = [state.value for state in states]
    chosen = sa.select(ClaimRow).where(ClaimRow.state.in_(wanted)).order_by(ClaimRow.last_event.desc())
    return tuple(_claims(session, session.execute(chosen).scalars().all()))


def _check(new: NewClaim, at: datetime) -> None:
    if not new.targets:
        raise InputError(
            "a claim needs something to point at", remedy="name a picture, a link, a path, a domain or a list"
        )
    if new.preferences.strongest is Preference.UNKNOWN:
        raise InputError(
            "a claim needs an answer", remedy="say deny, conditional or allow for at least one use"
        )
    if new.expires_at is not None and new.expires_at <= at:
        raise InputError("the end date has passed", remedy="give a later date, or none")
    for words in (new.terms, new.contact, *(target.label for target in new.targets)):
        _check_words(words or "")


def _check_words(words: str) -> None:
    if len(words) > MAX_WORDS:
        raise InputError(
            f"{words[:40]!r}... is too long", remedy=f"use at most {MAX_WORDS} characters, or a link"
        )
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in words):
        raise InputError(f"{words[:40]!r} is not plain text", remedy="write it as plain text")


def _reason_to_hold(targets: Sequence[Target]) -> str | None:
    pictures = (target.value for target in targets if target.kind is TargetKind.PICTURE and target.value)
    return HELD_FLAT if any(ClaimedPicture.parse(text).is_flat for text in pictures) else None


def _first_state(new: NewClaim, evidence: Evidence, at: datetime) -> ClaimState:
    seen = (
        standing(
            Statement(
                b"",
                b"",
                target.kind,
                target.digest,
                new.preferences,
                evidence,
                ClaimState.EFFECTIVE,
                0,
                effective_at=at,
            ),
            use,
            at,
        )
        for target in new.targets
        for use in Use
    )
    return ClaimState.EFFECTIVE if Standing.ACTS in seen else ClaimState.FILED


def _draft(filing: Filing, actor: str, at: datetime) -> Claim:
    """Return the claim as it will stand, but for the number that its event brings."""
    new = filing.new
    reason = _reason_to_hold(new.targets)
    state = ClaimState.HELD if reason else _first_state(new, filing.evidence, at)
    return Claim(
        id=secrets.token_bytes(CLAIM_ID_BYTES),
        account=filing.account,
        actor=actor,
        preferences=new.preferences,
        targets=new.targets,
        evidence=filing.evidence,
        state=state,
        filed_at=at,
        effective_at=at if state is ClaimState.EFFECTIVE else None,
        expires_at=new.expires_at,
        withdrawn_at=None,
        number=0,
        terms=new.terms,
        contact=new.contact,
        publish_values=new.publish_values,
        hold_reason=reason,
    )


def _record(filing: Filing, draft: Claim, salt: bytes) -> Mapping[str, JSON]:
    return {
        "v": 1,
        "claim": draft.id.hex(),
        "op": "register",
        "account": str(filing.account),
        "preferences": {use.value: draft.preferences.for_use(use).word for use in Use},
        "evidence": int(draft.evidence),
        "state": draft.state.value,
        "targets": len(draft.targets),
        "targets_root": targets_root(salt, [target.digest for target in draft.targets]).hex(),
        "terms": draft.terms,
        "contact": draft.contact,
        "publish_values": draft.publish_values,
        "at": event_time(draft.filed_at),
        "expires_at": event_time(draft.expires_at) if draft.expires_at else None,
    }


def _claim_row(claim: Claim) -> dict[str, object]:
    return {
        "id": claim.id,
        "account_id": claim.account,
        "actor": claim.actor,
        "state": claim.state.value,
        "disputed": claim.disputed,
        "stale": claim.stale,
        "evidence": int(claim.evidence),
        **{use.value: int(claim.preferences.for_use(use)) for use in Use},
        "terms": claim.terms,
        "contact": claim.contact,
        "publish_values": claim.publish_values,
        "hold_reason": claim.hold_reason,
        "filed_at": claim.filed_at,
        "effective_at": claim.effective_at,
        "expires_at": claim.expires_at,
        "withdrawn_at": claim.withdrawn_at,
        "last_event": claim.number,
    }


def _target_row(claim_id: bytes, target: Target) -> dict[str, object]:
    return {
        "claim_id": claim_id,
        "kind": target.kind.value,
        "digest": target.digest,
        "scope_host_digest": target.scope_host,
        "value": target.value,
        "label": target.label,
        "dataset": target.dataset,
        "sample_key": target.sample_key,
    }


def _claims(session: Session, rows: Sequence[ClaimRow]) -> list[Claim]:
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
    )


def _claim(row: ClaimRow, targets: tuple[Target, ...]) -> Claim:
    return Claim(
        id=row.id,
        account=row.account_id,
        actor=row.actor,
        preferences=Preferences(**{use.value: Preference(getattr(row, use.value)) for use in Use}),
        targets=targets,
        evidence=Evidence(row.evidence),
        state=ClaimState(row.state),
        filed_at=row.filed_at,
        effective_at=row.effective_at,
        expires_at=row.expires_at,
        withdrawn_at=row.withdrawn_at,
        number=row.last_event,
        disputed=row.disputed,
        stale=row.stale,
        terms=row.terms,
        contact=row.contact,
        publish_values=row.publish_values,
        hold_reason=row.hold_reason,
    )


def not_found(claim_id: bytes) -> NotFoundError:
    """Return the error for a claim that is not there, or not for whoever asks."""
    return NotFoundError(f"no claim {claim_id.hex()} here", remedy="list yours with `byleave claim list`")


def event_time(at: datetime) -> str:
    """Return a moment as records write it, in whole seconds."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
