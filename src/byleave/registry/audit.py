"""What was done to accounts, organisations, proofs and held claims: typed, and written in the transaction that does it.

A record holds ids, closed words and numbers. A name, an address or anything a person typed cannot get in.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import AuditEventRow
from byleave.registry.permissions import Who

_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class NoDetails:
    """Nothing beyond who, what and when."""


@dataclass(frozen=True, slots=True)
class TokenDetails:
    """A key for programs: what it is good for, and the account it belongs to."""

    scope: str
    account: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class MemberDetails:
    """A member of an organisation, and the role she has from now on or had until now; nobody's id while she is only invited."""

    role: str
    person: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class DelegationDetails:
    """An organisation that may act for an artist from now on, or may no longer."""

    organisation: uuid.UUID


@dataclass(frozen=True, slots=True)
class ProofDetails:
    """A proof: whose, by which method, and the evidence level (0..5) it gives or gave."""

    account: uuid.UUID
    method: str
    evidence: int


@dataclass(frozen=True, slots=True)
class ReviewDetails:
    """A look at a claim: the word for why it was held. The reviewer's sentence stands in the claim's event."""

    reason: str


@dataclass(frozen=True, slots=True)
class ErasureDetails:
    """An account that was erased, and how many claims with it."""

    claims: int


Details = (
    NoDetails
    | TokenDetails
    | MemberDetails
    | DelegationDetails
    | ProofDetails
    | ReviewDetails
    | ErasureDetails
)


class AuditKind(StrEnum):
    """What was done. The subject is the id of the account, organisation, proof or claim it was done to."""

    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_EXPORTED = "account_exported"
    ACCOUNT_ERASED = "account_erased"
    MONTHLY_MAIL_WRITTEN = "monthly_mail_written"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_RENAMED = "passkey_renamed"
    PASSKEY_REMOVED = "passkey_removed"
    TOKEN_MADE = "token_made"  # noqa: S105 - a word for what was done
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a word for what was done
    ORGANISATION_MADE = "organisation_made"
    ORGANISATION_CHANGED = "organisation_changed"
    ORGANISATION_CLOSED = "organisation_closed"
    STATEMENT_KEY_ADDED = "statement_key_added"
    STATEMENT_KEY_REVOKED = "statement_key_revoked"
    MEMBER_INVITED = "member_invited"
    MEMBER_JOINED = "member_joined"
    MEMBER_CHANGED = "member_changed"
    MEMBER_REMOVED = "member_removed"
    MEMBER_LEFT = "member_left"
    DELEGATION_GRANTED = "delegation_granted"
    DELEGATION_ENDED = "delegation_ended"
    REVIEWER_ADDED = "reviewer_added"
    REVIEWER_REMOVED = "reviewer_removed"
    PROOF_BEGUN = "proof_begun"
    PROOF_GOOD = "proof_good"
    PROOF_FAILING = "proof_failing"
    PROOF_STALE = "proof_stale"
    PROOF_ENDED = "proof_ended"
    CLAIM_HELD = "claim_held"
    CLAIM_RELEASED = "claim_released"
    CLAIM_REJECTED = "claim_rejected"


DETAILS: Final[Mapping[AuditKind, type[Details]]] = dict.fromkeys(AuditKind, NoDetails) | {
    AuditKind.ACCOUNT_ERASED: ErasureDetails,
    AuditKind.TOKEN_MADE: TokenDetails,
    AuditKind.TOKEN_REVOKED: TokenDetails,
    AuditKind.MEMBER_INVITED: MemberDetails,
    AuditKind.MEMBER_JOINED: MemberDetails,
    AuditKind.MEMBER_CHANGED: MemberDetails,
    AuditKind.MEMBER_REMOVED: MemberDetails,
    AuditKind.MEMBER_LEFT: MemberDetails,
    AuditKind.DELEGATION_GRANTED: DelegationDetails,
    AuditKind.DELEGATION_ENDED: DelegationDetails,
    AuditKind.PROOF_BEGUN: ProofDetails,
    AuditKind.PROOF_GOOD: ProofDetails,
    AuditKind.PROOF_FAILING: ProofDetails,
    AuditKind.PROOF_STALE: ProofDetails,
    AuditKind.PROOF_ENDED: ProofDetails,
    AuditKind.CLAIM_HELD: ReviewDetails,
    AuditKind.CLAIM_RELEASED: ReviewDetails,
    AuditKind.CLAIM_REJECTED: ReviewDetails,
}
"""Which details each kind carries: these and no others."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that was done. ``actor`` is the account that did it, ``None`` for the operator and the registry's own jobs."""

    kind: AuditKind
    role: str
    actor: uuid.UUID | None
    subject: str
    details: Mapping[str, Any]
    at: datetime


def record(
    session: Session,
    kind: AuditKind,
    *,
    who: Who,
    subject: uuid.UUID | bytes,
    at: datetime,
    details: Details | None = None,
) -> None:
    """Write down what was done, in the caller's transaction.

    Parameters
    ----------
    subject
        The id it was done to: an account's, an organisation's, a proof's, or a claim's 16 bytes.
    details
        An instance of what :data:`DETAILS` names for ``kind``; may be left out where that is :class:`NoDetails`.

    Raises
    ------
    TypeError
        For details of another kind.
    ValueError
        For a text that is no closed word.
    """
    told = NoDetails() if details is None else details
    if type(told) is not DETAILS[kind]:
        raise TypeError(f"{kind} carries {DETAILS[kind].__name__}, not {type(told).__name__}")
    session.add(
        AuditEventRow(
            kind=kind.value,
            role=who.role.value,
            actor_id=who.account,
            subject=str(subject) if isinstance(subject, uuid.UUID) else subject.hex(),
            details={part.name: _plain(getattr(told, part.name)) for part in dataclasses.fields(told)},
            at=at,
        )
    )


def events_about(session: Session, account: uuid.UUID) -> tuple[AuditEvent, ...]:
    """Return what an account did and what was done to it, oldest first."""
    row = AuditEventRow
    chosen = sa.select(row).where((row.actor_id == account) | (row.subject == str(account))).order_by(row.id)
    return tuple(
        AuditEvent(AuditKind(found.kind), found.role, found.actor_id, found.subject, found.details, found.at)
        for found in session.execute(chosen).scalars()
    )


def _plain(value: object) -> str | int | None:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, uuid.UUID):
        return str(value)
    text = str(value)
    if not _WORD.fullmatch(text):
        raise ValueError(f"no closed word: {len(text)} characters")
    return text
