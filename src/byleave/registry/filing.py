"""Filing claims: one or many, each in one transaction with its claim events."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

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
from byleave.errors import InputError
from byleave.fingerprints import ClaimedPicture
from byleave.log import JSON, targets_root
from byleave.registry.bulk import insert_rows
from byleave.registry.claims import Claim, event_time
from byleave.registry.events import NewEvent, append_events
from byleave.registry.permissions import Act, Who, require
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target

CLAIM_ID_BYTES = 16
MAX_WORDS = 4_000
"""Characters that terms, a contact or a label may have: enough for words or a link, too few for a document."""

HELD_FLAT = "flat"
"""The picture is too flat to be told from strangers' pictures by its bits, so a person looks first."""


@dataclass(frozen=True, slots=True)
class NewClaim:
    """What a claimant hands in.

    publish_values
        Her tick that plain values may stand in the published list.
    licence
        A link to terms that go with a yes.
    about
        Whom an organisation files for, where she has no account here; never published.
    text_digest
        SHA-256 of the words somebody agreed to, for an act of consent.
    """

    preferences: Preferences
    targets: tuple[Target, ...]
    terms: str | None = None
    contact: str | None = None
    publish_values: bool = False
    expires_at: datetime | None = None
    act: LegalAct = LegalAct.RESERVATION
    licence: str | None = None
    about: str | None = None
    text_digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """One claim of a batch: what is handed in, and whose it is.

    evidence
        The least that each of its targets has.
    hold
        Why a person should look at it before it counts, as the guard found, or ``None``.
    """

    new: NewClaim
    account: uuid.UUID
    evidence: Evidence = Evidence.E0
    hold: str | None = None


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

    It is effective at once when one of its targets acts at its evidence, else filed and not confirmed yet; a picture too flat to be
    told from others is held.
    """
    return file_claims(session, [Filing(new, account, evidence)], who=who, at=at)[0]


def file_claims(session: Session, filings: Sequence[Filing], *, who: Who, at: datetime) -> tuple[Claim, ...]:
    """File many claims, all or none, in four statements; their events follow each other in the order given.

    A claim that is held has two events: that it was registered, and that it waits.
    """
    for filing in filings:
        require(who, Act.FILE_CLAIM, account=filing.account)
        check_words(filing.new, at)
    drafts = [_draft(filing, who, at) for filing in filings]
    groups = [_events(filing, draft) for filing, draft in zip(filings, drafts, strict=True)]
    events = append_events(
        session, [event for group in groups for event in group], actor=who.role.value, at=at
    )
    claims: list[Claim] = []
    first = 0
    for draft, group in zip(drafts, groups, strict=True):
        last = first + len(group) - 1
        claims.append(replace(draft, answered=events[first].number, number=events[last].number))
        first = last + 1
    if claims:
        texts = [filing.new.text_digest for filing in filings]
        rows = [_claim_row(claim, text) for claim, text in zip(claims, texts, strict=True)]
        insert_rows(session, ClaimRow, rows)
        insert_rows(
            session,
            TargetRow,
            [target_row(claim.id, target) for claim in claims for target in claim.targets],
        )
    return tuple(claims)


def check_words(new: NewClaim, at: datetime) -> None:
    """Refuse what cannot be filed.

    Raises
    ------
    InputError
        Where nothing is pointed at or answered, an end date has passed, or words are too long or no plain text.
    """
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
    for words in (new.terms, new.contact, new.licence, new.about, *(one.label for one in new.targets)):
        _check_text(words or "")


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


def target_row(claim_id: bytes, target: Target) -> dict[str, object]:
    """Return a target as its row."""
    return {
        "claim_id": claim_id,
        "kind": target.kind.value,
        "digest": target.digest,
        "scope_host_digest": target.scope_host,
        "evidence": int(target.evidence),
        "value": target.value,
        "label": target.label,
        "dataset": target.dataset,
        "sample_key": target.sample_key,
    }


def _check_text(words: str) -> None:
    if len(words) > MAX_WORDS:
        raise InputError(
            f"{words[:40]!r}... is too long", remedy=f"use at most {MAX_WORDS} characters, or a link"
        )
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in words):
        raise InputError(f"{words[:40]!r} is not plain text", remedy="write it as plain text")


def _reason_to_hold(targets: Sequence[Target]) -> str | None:
    pictures = (target.value for target in targets if target.kind is TargetKind.PICTURE and target.value)
    return HELD_FLAT if any(ClaimedPicture.parse(text).is_flat for text in pictures) else None


def _draft(filing: Filing, who: Who, at: datetime) -> Claim:
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
    )


def _events(filing: Filing, draft: Claim) -> list[NewEvent]:
    events = [NewEvent(draft.id, "register", partial(_record, filing, draft))]
    if draft.state is ClaimState.HELD:
        events.append(NewEvent(draft.id, "hold", partial(_hold_record, draft)))
    return events


def _hold_record(draft: Claim, _: bytes) -> Mapping[str, JSON]:
    return {
        "v": 1,
        "claim": draft.id.hex(),
        "op": "hold",
        "reason": draft.hold_reason,
        "at": event_time(draft.filed_at),
    }


def _record(filing: Filing, draft: Claim, salt: bytes) -> Mapping[str, JSON]:
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
        "targets": len(draft.targets),
        "targets_root": targets_root(salt, [target.digest for target in draft.targets]).hex(),
        "terms": draft.terms,
        "contact": draft.contact,
        "licence": draft.licence,
        "text_digest": text.hex() if text else None,
        "publish_values": draft.publish_values,
        "at": event_time(draft.filed_at),
        "expires_at": event_time(draft.expires_at) if draft.expires_at else None,
    }


def _claim_row(claim: Claim, text_digest: bytes | None) -> dict[str, object]:
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
