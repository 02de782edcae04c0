"""Which claims of one party her later ones replace in whole, asked of the database for the few claims that a page shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import Evidence, Standing, Statement, TargetKind, Use, standing
from byleave.registry.claims import Claim, claims_with_targets
from byleave.registry.tables import ClaimRow, TargetRow

_Said = tuple[TargetKind, bytes, Use]


def replaced_of(session: Session, claims: Sequence[Claim], at: datetime) -> frozenset[bytes]:
    """Return those of ``claims`` that later claims of the same account about the same targets replace in whole.

    As the rules of consent have it, only a later claim that acts replaces anything. A claim is judged by those of its targets that
    were read.
    """
    return frozenset(claim.id for claim in claims if _is_replaced(session, claim, at))


def _is_replaced(session: Session, claim: Claim, at: datetime) -> bool:
    if claim.account is None:
        return False
    wanted = _acting(claim.statements(claim.id), at)
    return bool(wanted) and wanted <= _acting(_later(session, claim), at)


def _acting(statements: Iterable[Statement], at: datetime) -> set[_Said]:
    return {
        (said.kind, said.digest, use)
        for said in statements
        for use in Use
        if standing(said, use, at) is Standing.ACTS
    }


def _later(session: Session, claim: Claim) -> list[Statement]:
    digests = [target.digest for target in claim.targets]
    chosen = (
        sa.select(TargetRow.claim_id, TargetRow.kind, TargetRow.digest, TargetRow.evidence)
        .join(ClaimRow, ClaimRow.id == TargetRow.claim_id)
        .where(
            TargetRow.kind.in_({target.kind.value for target in claim.targets}),
            TargetRow.digest == sa.func.any(sa.literal(digests, sa.ARRAY(sa.LargeBinary))),
            ClaimRow.account_id == claim.account,
            ClaimRow.answered_event > claim.answered,
        )
    )
    found = session.execute(chosen).all()
    if not found:
        return []
    rows = session.scalars(sa.select(ClaimRow).where(ClaimRow.id.in_({row.claim_id for row in found}))).all()
    others = {one.id: one for one in claims_with_targets(session, rows, most=0)}
    return [
        others[row.claim_id].statement(row.claim_id, TargetKind(row.kind), row.digest, Evidence(row.evidence))
        for row in found
    ]
