"""The life of a proof: begun, looked at, good, looked at again every 30 days, failing, stale, good again or given up."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave import urls
from byleave.errors import ConflictError, InputError
from byleave.registry.audit import AuditKind, ProofDetails, record
from byleave.registry.confirming import MOST_AT_ONCE, reconfirm, reconfirm_first
from byleave.registry.permissions import OPERATOR, Act, Who, require
from byleave.registry.places import Place
from byleave.registry.proof_keys import ProofKeys
from byleave.registry.proof_letters import tell_of_another, tell_of_gone
from byleave.registry.proof_tables import ProofRow
from byleave.registry.proofs import COUNTING, OPEN, Proof, ProofState, place_of, proof_row, read_proof
from byleave.registry.scopes import EVIDENCE, Method, place_for
from byleave.signals.challenges import token_hash

TOKEN_LIFE: Final = timedelta(days=14)
CHECK_EVERY: Final = timedelta(days=30)
TRY_AGAIN: Final = timedelta(days=7)
TRIES: Final = 3
"""A third look in vain, 14 days after the first, makes a proof stale."""

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(days=1)
MOST_OPEN: Final = 500

_LASTING: Final = frozenset({Method.ORIGINAL.value, Method.STATEMENT.value, Method.C2PA.value})
"""What was shown with a file once, and cannot be looked at again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look at a place found.

    good
        Whether it shows control.
    gone
        Whether the place itself is gone or somebody else's: then no further tries are waited for.
    subject
        What a platform calls the account for good.
    seen
        Steps, seconds and requests, to be shown to the claimant.
    """

    good: bool
    gone: bool = False
    subject: str | None = None
    seen: Mapping[str, Any] = field(default_factory=dict)


def begin_proof(
    session: Session, keys: ProofKeys, method: Method, raw: str, *, who: Who, account: uuid.UUID, at: datetime
) -> Proof:
    """Begin to show control of a place, or return the proof of it that is open already.

    Raises
    ------
    InputError, RefusedError
        If the place cannot be shown in that way.
    ConflictError
        If too many proofs are open.
    """
    require(who, Act.PROVE, account=account)
    place, level = place_for(method, raw)
    found = _open(session, account, method, place)
    if found is not None:
        return read_proof(found)
    row = new_row(account, method, place, int(level), at=at)
    row.token_hash = token_hash(keys.token(row.id, account))
    row.expires_at, row.next_check = at + TOKEN_LIFE, at + FIRST_PAUSE
    _check_room(session, account)
    session.add(row)
    note(session, AuditKind.PROOF_BEGUN, row, who=who, at=at)
    session.flush()
    return read_proof(row)


def keep_proof(
    session: Session,
    method: Method,
    place: Place,
    finding: Finding,
    *,
    who: Who,
    account: uuid.UUID,
    at: datetime,
    most: int | None = MOST_AT_ONCE,
) -> Proof:
    """Keep a proof that was shown at once, with nothing to put anywhere: a sign-in on a platform, a file, a signature.

    ``most`` is how many targets are confirmed before this returns; a job does the rest. ``None`` is all.

    Raises
    ------
    InputError
        If the finding is not good.
    """
    require(who, Act.PROVE, account=account)
    if not finding.good:
        raise InputError("that does not show it", remedy="choose another way")
    row = _open(session, account, method, place)
    if row is None:
        _check_room(session, account)
        row = new_row(account, method, place, int(EVIDENCE[method]), at=at)
        session.add(row)
        session.flush()
    elif row.subject is not None and row.subject != finding.subject:
        raise ConflictError(
            "this page belonged to another account of the platform when you showed it first",
            remedy="give that proof up, then show it again",
        )
    return _settle(session, row, finding, at, most)


def settle(
    session: Session,
    proof: uuid.UUID,
    finding: Finding,
    *,
    who: Who,
    at: datetime,
    most: int | None = None,
) -> Proof:
    """Write down what a look found, and let claims follow in the same transaction.

    ``most`` is as for :func:`keep_proof`. What is gone never waits for a job: a yes pauses at once.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such proof.
    ConflictError
        If it was given up.
    """
    row = proof_row(session, proof, who=who)
    if row.state == ProofState.ENDED:
        raise ConflictError("this proof was given up", remedy="begin a new one")
    return _settle(session, row, finding, at, most)


def end_proof(session: Session, proof: uuid.UUID, *, who: Who, at: datetime) -> Proof:
    """Give a proof up. What it confirmed keeps its refusals and is flagged stale, so that no yes acts by it any more."""
    row = proof_row(session, proof, who=who)
    if row.state != ProofState.ENDED:
        _end(session, row, who, at)
    return read_proof(row)


def new_row(account: uuid.UUID, method: Method, place: Place, level: int, *, at: datetime) -> ProofRow:
    """Return a row that waits for its first look."""
    return ProofRow(
        id=uuid.uuid4(),
        account_id=account,
        method=method.value,
        state=ProofState.WAITING.value,
        place_kind=place.kind.value,
        place=place.value,
        digest=place.digest,
        evidence=level,
        failures=0,
        created_at=at,
    )


def note(session: Session, kind: AuditKind, row: ProofRow, *, who: Who, at: datetime) -> None:
    """Write down what happened to a proof."""
    details = ProofDetails(row.account_id, row.method, row.evidence)
    record(session, kind, who=who, subject=row.id, at=at, details=details)


def _settle(session: Session, row: ProofRow, finding: Finding, at: datetime, most: int | None) -> Proof:
    row.seen, row.checked_at = dict(finding.seen), at
    another = finding.good and row.subject is not None and finding.subject != row.subject
    too_late = row.expires_at is not None and at >= row.expires_at
    if finding.good and not another and not too_late:
        _found(session, row, finding, at, most)
    else:
        _missed(session, row, gone=finding.gone or another, at=at)
    session.flush()
    return read_proof(row)


def _found(session: Session, row: ProofRow, finding: Finding, at: datetime, most: int | None) -> None:
    before = ProofState(row.state)
    row.state = ProofState.GOOD.value
    row.subject = finding.subject
    row.first_good_at = row.first_good_at or at
    row.last_good_at, row.failures = at, 0
    row.next_check, row.expires_at = None if row.method in _LASTING else at + CHECK_EVERY, None
    if before is ProofState.GOOD:
        return
    note(session, AuditKind.PROOF_GOOD, row, who=OPERATOR, at=at)
    if before is not ProofState.FAILING:
        session.flush()
        _confirm(session, row, at, most)
    if before is ProofState.WAITING:
        _ask_earlier_holders(session, row, at)


def _confirm(session: Session, row: ProofRow, at: datetime, most: int | None) -> None:
    if most is None:
        reconfirm(session, row.account_id, at=at)
        return
    left = reconfirm_first(session, row.account_id, at=at, most=most)
    if left:
        row.seen = {**(row.seen or {}), "left": left}


def _missed(session: Session, row: ProofRow, *, gone: bool, at: datetime) -> None:
    row.failures = min(row.failures + 1, 1_000)
    match ProofState(row.state):
        case ProofState.WAITING:
            if row.expires_at is not None and at >= row.expires_at:
                _end(session, row, OPERATOR, at)
            else:
                row.next_check = at + min(FIRST_PAUSE * 2 ** min(row.failures, 12), LONGEST_PAUSE)
        case ProofState.STALE:
            row.next_check = at + TRY_AGAIN
        case _ if gone or row.failures >= TRIES or _is_another_holders(session, row):
            row.state, row.next_check = ProofState.STALE.value, at + TRY_AGAIN
            note(session, AuditKind.PROOF_STALE, row, who=OPERATOR, at=at)
            if place_of(row).host is not None:
                tell_of_gone(session, row.account_id, row.place, at=at)
            session.flush()
            reconfirm(session, row.account_id, at=at)
        case _:
            row.state, row.next_check = ProofState.FAILING.value, at + TRY_AGAIN
            note(session, AuditKind.PROOF_FAILING, row, who=OPERATOR, at=at)


def _end(session: Session, row: ProofRow, who: Who, at: datetime) -> None:
    was_good = row.first_good_at is not None
    row.state, row.next_check = ProofState.ENDED.value, None
    note(session, AuditKind.PROOF_ENDED, row, who=who, at=at)
    session.flush()
    if was_good:
        reconfirm(session, row.account_id, at=at)


def _open(session: Session, account: uuid.UUID, method: Method, place: Place) -> ProofRow | None:
    # Two requests at once would both find none; the lock lets them look one after the other.
    session.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"proofs/{account}", 0)))
    )
    chosen = sa.select(ProofRow).where(
        ProofRow.account_id == account,
        ProofRow.method == method.value,
        ProofRow.place_kind == place.kind.value,
        ProofRow.digest == place.digest,
        ProofRow.state.in_([state.value for state in OPEN]),
    )
    return session.execute(chosen.with_for_update()).scalar_one_or_none()


def _check_room(session: Session, account: uuid.UUID) -> None:
    counted = sa.select(sa.func.count()).where(
        ProofRow.account_id == account, ProofRow.state.in_([state.value for state in OPEN])
    )
    if session.execute(counted).scalar_one() >= MOST_OPEN:
        raise ConflictError(f"{MOST_OPEN} proofs are open already", remedy="give one up that you do not need")


def _is_another_holders(session: Session, row: ProofRow) -> bool:
    """Whether somebody else showed control of the very place later: it changed hands."""
    later = sa.select(ProofRow.id).where(
        ProofRow.digest == row.digest,
        ProofRow.place_kind == row.place_kind,
        ProofRow.account_id != row.account_id,
        ProofRow.state == ProofState.GOOD.value,
        ProofRow.first_good_at > row.first_good_at,
    )
    return session.execute(later.limit(1)).scalar_one_or_none() is not None


def _ask_earlier_holders(session: Session, row: ProofRow, at: datetime) -> None:
    """Look at the proofs of earlier holders of this place or a domain above it soon, and tell them that somebody is new there."""
    host = place_of(row).host
    if host is None:
        return
    above = [urls.domain_digest(domain) for domain in urls.domains_of(host)]
    earlier = sa.select(ProofRow).where(
        ProofRow.digest.in_([row.digest, *above]),
        ProofRow.account_id != row.account_id,
        ProofRow.state.in_([state.value for state in COUNTING]),
        ProofRow.first_good_at <= at,
    )
    for other in session.execute(earlier.with_for_update()).scalars():
        other.next_check = at
        tell_of_another(session, other.account_id, other.place, host, at=at)
