"""Filing claims: one or many, each in one transaction with its claim events."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from byleave.consent import Evidence, LegalAct, Preference, Preferences
from byleave.errors import InputError
from byleave.registry.bulk import insert_rows
from byleave.registry.claims import Claim
from byleave.registry.events import append_events
from byleave.registry.permissions import Act, Who, require
from byleave.registry.proofs import confirmed_of, with_evidence
from byleave.registry.registering import claim_row, draft_claim, registering_events, target_row
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target

MAX_WORDS = 4_000
"""Characters that terms, a contact or a label may have: enough for words or a link, too few for a document."""


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
    filings = _confirmed(session, filings)
    drafts = [draft_claim(filing, who, at) for filing in filings]
    groups = [
        registering_events(filing, draft, [target.digest for target in draft.targets])
        for filing, draft in zip(filings, drafts, strict=True)
    ]
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
        rows = [claim_row(claim, text) for claim, text in zip(claims, texts, strict=True)]
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
    check_answer(new, at)
    for target in new.targets:
        _check_text(target.label or "")


def check_answer(new: NewClaim, at: datetime) -> None:
    """Refuse an answer that cannot be filed, whatever it is about; see :func:`check_words`."""
    if new.preferences.strongest is Preference.UNKNOWN:
        raise InputError(
            "a claim needs an answer", remedy="say deny, conditional or allow for at least one use"
        )
    if new.expires_at is not None and new.expires_at <= at:
        raise InputError("the end date has passed", remedy="give a later date, or none")
    for words in (new.terms, new.contact, new.licence, new.about):
        _check_text(words or "")


def _check_text(words: str) -> None:
    if len(words) > MAX_WORDS:
        raise InputError(
            f"{words[:40]!r}... is too long", remedy=f"use at most {MAX_WORDS} characters, or a link"
        )
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in words):
        raise InputError(f"{words[:40]!r} is not plain text", remedy="write it as plain text")


def _confirmed(session: Session, filings: Sequence[Filing]) -> Sequence[Filing]:
    """Give each target the evidence that the proofs of its claimant give it already."""
    shown = confirmed_of(session, {filing.account for filing in filings})
    if not shown:
        return filings
    return [
        replace(
            filing,
            new=replace(filing.new, targets=with_evidence(shown.get(filing.account), filing.new.targets)),
        )
        for filing in filings
    ]
