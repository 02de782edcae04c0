"""What is stored when a claim is registered: the claim as it will stand, its rows, and the records of its events."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from byleave.consent import ClaimState, Preferences, Standing, Statement, TargetKind, Use, standing
from byleave.fingerprints import ClaimedPicture
from byleave.log import JSON, targets_root
from byleave.log.events import CLAIM_ID_BYTES
from byleave.registry.claims import Claim, count_targets, event_time
from byleave.registry.events import NewEvent
from byleave.registry.permissions import Who
from byleave.registry.targets import Target, columns_of

if TYPE_CHECKING:
    from byleave.registry.filing import Filing

HELD_FLAT = "flat"
"""The picture is too flat to be told from strangers' pictures by its bits, so a person looks first."""


def draft_claim(filing: Filing, who: Who, at: datetime) -> Claim:
    """Return the claim as it will stand, but for the numbers that its events bring."""
    new = filing.new
    targets = tuple(replace(target, evidence=max(target.evidence, filing.evidence)) for target in new.targets)
    reason = filing.hold or _reason_to_hold(targets)
    state = ClaimState.HELD if reason else first_state(new.preferences, targets, new.expires_at, at)
    return Claim(
        id=secrets.token_bytes(CLAIM_ID_BYTES),
        account=filing.account,
        actor=who.role.value,
        preferences=new.preferences,
        targets=targets,
        state=state,
        filed_at=at,
        effective_at=at if state is ClaimState.EFFECTIVE else None,
        expires_at=new.expires_at,
        withdrawn_at=None,
        number=0,
        answered=0,
        act=new.act,
        terms=new.terms,
        contact=new.contact,
        licence=new.licence,
        about=new.about,
        filed_by=who.account if who.account != filing.account else None,
        publish_values=new.publish_values,
        hold_reason=reason,
        held_at=at if reason else None,
        counts=count_targets(targets),
    )


def first_state(
    preferences: Preferences, targets: Sequence[Target], expires_at: datetime | None, at: datetime
) -> ClaimState:
    """Return the state of a claim that nothing holds back: effective where one of its targets acts, else filed."""
    for target in targets:
        said = Statement(
            claim=b"",
            claimant=b"",
            kind=target.kind,
            digest=target.digest,
            preferences=preferences,
            evidence=target.evidence,
            state=ClaimState.EFFECTIVE,
            number=0,
            effective_at=at,
            expires_at=expires_at,
        )
        if any(standing(said, use, at) is Standing.ACTS for use in Use):
            return ClaimState.EFFECTIVE
    return ClaimState.FILED


def registering_events(filing: Filing, draft: Claim, digests: Sequence[bytes]) -> list[NewEvent]:
    """Return the events of a new claim; ``digests`` are those of all its targets, in order."""
    events = [NewEvent(draft.id, "register", partial(_record, filing, draft, digests))]
    if draft.state is ClaimState.HELD:
        events.append(NewEvent(draft.id, "hold", partial(_hold_record, draft)))
    return events


def claim_row(claim: Claim, text_digest: bytes | None) -> dict[str, object]:
    """Return a claim as its row."""
    return {
        "id": claim.id,
        "account_id": claim.account,
        "actor": claim.actor,
        "state": claim.state.value,
        "disputed": claim.disputed,
        "stale": claim.stale,
        "act": claim.act.value,
        **{use.value: int(claim.preferences.for_use(use)) for use in Use},
        "terms": claim.terms,
        "contact": claim.contact,
        "licence": claim.licence,
        "about": claim.about,
        "filed_by": claim.filed_by,
        "text_digest": text_digest,
        "publish_values": claim.publish_values,
        "hold_reason": claim.hold_reason,
        "held_at": claim.held_at,
        "filed_at": claim.filed_at,
        "effective_at": claim.effective_at,
        "expires_at": claim.expires_at,
        "withdrawn_at": claim.withdrawn_at,
        "answered_event": claim.answered,
        "last_event": claim.number,
    }


def target_row(claim_id: bytes, target: Target) -> dict[str, object]:
    """Return a target as its row."""
    return {"claim_id": claim_id, "evidence": int(target.evidence), **columns_of(target)}


def _record(filing: Filing, draft: Claim, digests: Sequence[bytes], salt: bytes) -> Mapping[str, JSON]:
    text = filing.new.text_digest
    return {
        "v": 1,
        "claim": draft.id.hex(),
        "op": "register",
        "account": str(filing.account),
        "act": draft.act.value,
        "preferences": {use.value: draft.preferences.for_use(use).word for use in Use},
        "evidence": int(draft.evidence),
        "state": draft.state.value,
        "targets": len(digests),
        "targets_root": targets_root(salt, digests).hex(),
        "terms": draft.terms,
        "contact": draft.contact,
        "licence": draft.licence,
        "text_digest": text.hex() if text else None,
        "publish_values": draft.publish_values,
        "at": event_time(draft.filed_at),
        "expires_at": event_time(draft.expires_at) if draft.expires_at else None,
    }


def _hold_record(draft: Claim, _: bytes) -> Mapping[str, JSON]:
    return {
        "v": 1,
        "claim": draft.id.hex(),
        "op": "hold",
        "reason": draft.hold_reason,
        "at": event_time(draft.filed_at),
    }


def _reason_to_hold(targets: Sequence[Target]) -> str | None:
    pictures = (target.value for target in targets if target.kind is TargetKind.PICTURE and target.value)
    return HELD_FLAT if any(ClaimedPicture.parse(text).is_flat for text in pictures) else None
