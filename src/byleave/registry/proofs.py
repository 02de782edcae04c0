"""Proofs as they stand, and how they are looked up. A stranger's looks like one that does not exist."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import Evidence, TargetKind
from byleave.errors import NotFoundError
from byleave.registry.permissions import Act, Who, may, require
from byleave.registry.places import Place
from byleave.registry.proof_tables import ProofRow
from byleave.registry.scopes import Confirmed, Method
from byleave.registry.targets import Target

MOST_SHOWN: Final = 500


class ProofState(StrEnum):
    """Where a proof stands: begun, good, good but not found at the last look, gone for longer, given up."""

    WAITING = "waiting"
    GOOD = "good"
    FAILING = "failing"
    STALE = "stale"
    ENDED = "ended"


COUNTING: Final = (ProofState.GOOD, ProofState.FAILING)
"""States in which a proof gives evidence: one look that fails is no change yet."""

OPEN: Final = (*COUNTING, ProofState.WAITING, ProofState.STALE)


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof of one account.

    evidence
        The level it gives at its place while it is good.
    seen
        What the last look found: steps with link, status and length, never a page.
    subject
        What a platform calls the account for good, such as a user number.
    """

    id: uuid.UUID
    account: uuid.UUID
    method: Method
    state: ProofState
    place: Place
    evidence: Evidence
    token_hash: bytes | None
    subject: str | None
    seen: Mapping[str, Any] | None
    failures: int
    created_at: datetime
    expires_at: datetime | None
    first_good_at: datetime | None
    last_good_at: datetime | None
    checked_at: datetime | None
    next_check: datetime | None

    @property
    def counts(self) -> bool:
        """Whether it gives evidence now."""
        return self.state in COUNTING


def proof_by_id(session: Session, proof: uuid.UUID, *, who: Who) -> Proof:
    """Return one proof.

    Raises
    ------
    NotFoundError
        If there is none, or it is not for whoever asks.
    """
    return read_proof(proof_row(session, proof, who=who))


def proofs_of(session: Session, account: uuid.UUID, *, who: Who) -> tuple[Proof, ...]:
    """Return the proofs of an account that were not given up, newest first."""
    require(who, Act.PROVE, account=account)
    chosen = sa.select(ProofRow).where(
        ProofRow.account_id == account, ProofRow.state != ProofState.ENDED.value
    )
    newest = chosen.order_by(ProofRow.created_at.desc(), ProofRow.id).limit(MOST_SHOWN)
    return tuple(read_proof(row) for row in session.execute(newest).scalars())


def confirmed_of(
    session: Session, accounts: Collection[uuid.UUID], states: Sequence[ProofState] = COUNTING
) -> dict[uuid.UUID, Confirmed]:
    """Return, for each account, the places its proofs in these states reach; nothing for accounts without any."""
    found: dict[uuid.UUID, list[tuple[Place, Method, Evidence]]] = {}
    chosen = sa.select(ProofRow).where(
        ProofRow.account_id == sa.func.any(sa.literal(list(accounts), sa.ARRAY(sa.Uuid))),
        ProofRow.state.in_([state.value for state in states]),
        ProofRow.first_good_at.is_not(None),
    )
    for row in session.execute(chosen).scalars():
        proof = read_proof(row)
        found.setdefault(proof.account, []).append((proof.place, proof.method, proof.evidence))
    return {account: Confirmed(shown) for account, shown in found.items()}


def with_evidence(confirmed: Confirmed | None, targets: Iterable[Target]) -> tuple[Target, ...]:
    """Return targets with the evidence they have from what an account has shown to control; none is lowered."""
    if confirmed is None:
        return tuple(targets)
    return tuple(
        _raised(target, confirmed.level(target.kind, target.digest, target.value)) for target in targets
    )


def proof_row(session: Session, proof: uuid.UUID, *, who: Who) -> ProofRow:
    """Return the locked row of a proof, as :func:`proof_by_id` finds it."""
    chosen = sa.select(ProofRow).where(ProofRow.id == proof).with_for_update()
    row = session.execute(chosen).scalar_one_or_none()
    if row is None or not may(who, Act.PROVE, account=row.account_id):
        raise NotFoundError("there is no such proof here", remedy="look at what you control")
    return row


def read_proof(row: ProofRow) -> Proof:
    """Return a row as a value."""
    return Proof(
        id=row.id,
        account=row.account_id,
        method=Method(row.method),
        state=ProofState(row.state),
        place=place_of(row),
        evidence=Evidence(row.evidence),
        token_hash=row.token_hash,
        subject=row.subject,
        seen=row.seen,
        failures=row.failures,
        created_at=row.created_at,
        expires_at=row.expires_at,
        first_good_at=row.first_good_at,
        last_good_at=row.last_good_at,
        checked_at=row.checked_at,
        next_check=row.next_check,
    )


def place_of(row: ProofRow) -> Place:
    """Return the place of a row."""
    return Place(TargetKind(row.place_kind), row.place, row.digest)


def _raised(target: Target, level: Evidence) -> Target:
    return replace(target, evidence=level) if level > target.evidence else target
