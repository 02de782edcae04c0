"""Looking at proofs: when somebody asks, and by itself, so that what is waiting is found and what is gone is noticed."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import NotFoundError
from byleave.registry.checking import Checks
from byleave.registry.confirming import MOST_AT_ONCE
from byleave.registry.database import Database
from byleave.registry.jobs import defer
from byleave.registry.permissions import OPERATOR, Role, Who
from byleave.registry.proof_tables import ProofRow
from byleave.registry.proofs import Proof, ProofState, confirmed_of, proof_by_id
from byleave.registry.proving import end_proof, settle
from byleave.registry.rates import Rate, spend
from byleave.registry.scopes import Confirmed, Method
from byleave.registry.vouching import vouching

RECHECK: Final = "recheck_proofs"
"""Name of the job."""

EVERY: Final = timedelta(minutes=5)
AT_ONCE: Final = 50
GIVE_UP_AFTER: Final = timedelta(days=365)
"""A proof that was stale for a year is ended."""

_NOTHING: Final = Confirmed(())


def keep_rechecking(session: Session, at: datetime) -> None:
    """See to it that the job waits in the queue."""
    defer(session, RECHECK, queueing_lock=RECHECK, not_before=at)


def recheck_in_turn(database: Database, checks: Checks, at: datetime) -> int:
    """Look at proofs that are due, ask for the next run first, and return how many were looked at. Running it twice is harmless."""
    with database.transaction() as session:
        keep_rechecking(session, at + EVERY)
        due = _due(session, at)
    for proof in due:
        try:
            _look(database, checks, proof, who=OPERATOR, at=at)
        except NotFoundError:
            continue  # its account was erased meanwhile
    return len(due)


def check_now(database: Database, checks: Checks, proof: uuid.UUID, *, who: Who, at: datetime) -> Proof:
    """Look at one proof because its owner asks.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such proof.
    TooOftenError
        If she asked very often lately.
    """
    with database.transaction() as session:
        account = proof_by_id(session, proof, who=who).account
    with database.transaction() as session:
        spend(session, Rate.PROOF_CHECKS, account.bytes, 1, at=at)
    return _look(database, checks, proof, who=who, at=at, most=MOST_AT_ONCE)


def _look(
    database: Database, checks: Checks, proof: uuid.UUID, *, who: Who, at: datetime, most: int | None = None
) -> Proof:
    """Look between two transactions: nobody waits in the database for a stranger's server."""
    with database.transaction() as session:
        found = proof_by_id(session, proof, who=who)
        if _is_over(found, at):
            return end_proof(session, proof, who=OPERATOR, at=at)
        if found.method is Method.VOUCHED:
            return settle(
                session, proof, vouching(session, found.account, found.subject), who=who, at=at, most=most
            )
        confirmed = confirmed_of(session, [found.account]).get(found.account, _NOTHING)
    finding = checks.look(found, confirmed, at, asked=who.role is not Role.OPERATOR)
    with database.transaction() as session:
        return settle(session, proof, finding, who=who, at=at, most=most)


def _is_over(proof: Proof, at: datetime) -> bool:
    return (
        proof.state is ProofState.STALE
        and proof.last_good_at is not None
        and proof.last_good_at + GIVE_UP_AFTER < at
    )


def _due(session: Session, at: datetime) -> list[uuid.UUID]:
    chosen = sa.select(ProofRow.id).where(ProofRow.next_check <= at, ProofRow.state != ProofState.ENDED.value)
    return list(session.execute(chosen.order_by(ProofRow.next_check).limit(AT_ONCE)).scalars())
