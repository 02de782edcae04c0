"""Which signed statements about lists that carry a claim say where their proofs are served, and what one of them binds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from byleave.errors import NotFoundError
from byleave.registry.account_tables import Account
from byleave.registry.claims import claim_by_id
from byleave.registry.permissions import Act, Who, require
from byleave.registry.signed_statements import attestation_of
from byleave.registry.spans import spans_of
from byleave.registry.statement_tables import StatementRow
from byleave.registry.tables import ClaimEventRow
from byleave.release.attestations import Attestation
from byleave.release.statements import Signed

MOST_SERVED: Final = 50
"""Statements that are told of one claim: the newest of each organisation and dataset."""


@dataclass(frozen=True, slots=True)
class Served:
    """A signed statement whose proofs are served.

    sha256
        What names the statement.
    number
        Of the list that was applied.
    entry
        Of the public log, which holds it.
    proofs
        The https address of the folder.
    """

    sha256: bytes
    organisation: str
    dataset: str
    number: int
    entry: int
    proofs: str


def served_proofs(session: Session, claim_id: bytes, *, who: Who) -> tuple[Served, ...]:
    """Return the newest statement of each organisation and dataset about a list that carries the claim, if its proofs are served.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such claim.
    RefusedError
        If it is not hers.
    """
    _require(session, claim_id, who)
    row = ClaimEventRow
    chosen = sa.select(row.number, row.operation).where(row.claim_id == claim_id).order_by(row.number)
    spans = spans_of(session.execute(chosen))
    if not spans:
        return ()
    statement = StatementRow
    newest = (
        sa.select(
            statement.sha256,
            Account.name,
            statement.dataset,
            statement.number,
            statement.event,
            statement.proofs,
        )
        .join(Account, Account.id == statement.organisation_id)
        .where(statement.kind == "attest", statement.proofs.is_not(None))
        .where(sa.or_(*(span.holds(statement.number) for span in spans)))
        .ext(distinct_on(statement.organisation_id, statement.dataset))
        .order_by(statement.organisation_id, statement.dataset, statement.made_at.desc())
    )
    found = [
        Served(sha256, name or "An organisation", dataset or "", number or 0, event - 1, proofs or "")
        for sha256, name, dataset, number, event, proofs in session.execute(newest)
    ]
    return tuple(sorted(found, key=lambda one: -one.entry)[:MOST_SERVED])


def bound_statement(
    session: Session, claim_id: bytes, sha256: bytes, *, who: Who
) -> tuple[Served, Signed[Attestation]]:
    """Return one of :func:`served_proofs` with what it says, its signature checked again.

    Raises
    ------
    NotFoundError
        If it is none of them.
    """
    served = next((one for one in served_proofs(session, claim_id, who=who) if one.sha256 == sha256), None)
    if served is None:
        raise NotFoundError(
            "no such statement about this choice says where its proofs are",
            remedy="choose one from the page of the choice",
        )
    return served, attestation_of(session, session.get_one(StatementRow, sha256))


def _require(session: Session, claim_id: bytes, who: Who) -> None:
    claim = claim_by_id(session, claim_id, who=who, most=0)
    require(who, Act.CHECK_ABSENCES, account=claim.account)
