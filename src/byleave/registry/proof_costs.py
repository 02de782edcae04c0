"""What showing control costs, as the looks themselves wrote it down: questions asked and seconds waited, for each choice."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import STEPS, ClaimState
from byleave.registry.proof_tables import ProofRow
from byleave.registry.tables import ClaimRow


@dataclass(frozen=True, slots=True)
class ProofCosts:
    """The last looks at all proofs together.

    proofs
        Proofs that were looked at.
    claims
        Claims that stand, of the accounts these proofs belong to.
    questions
        What was asked of name servers and sites.
    seconds
        How long that took, waiting included.
    """

    proofs: int
    claims: int
    questions: int
    seconds: float

    @property
    def questions_per_claim(self) -> float:
        return self.questions / self.claims if self.claims else 0.0

    @property
    def seconds_per_claim(self) -> float:
        return self.seconds / self.claims if self.claims else 0.0


def proof_costs(session: Session) -> ProofCosts:
    """Return what the last look at each proof took, over all accounts."""
    seen = ProofRow.seen
    looked = ProofRow.checked_at.is_not(None)
    costs = sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(seen["requests"].as_integer()), 0),
        sa.func.coalesce(sa.func.sum(seen["milliseconds"].as_integer()), 0),
    ).where(looked)
    proofs, questions, milliseconds = session.execute(costs).one()
    living = [state.value for state in STEPS if ClaimState.WITHDRAWN in STEPS[state]]
    holders = sa.select(ProofRow.account_id).where(looked)
    claims = sa.select(sa.func.count()).where(ClaimRow.account_id.in_(holders), ClaimRow.state.in_(living))
    return ProofCosts(proofs, session.execute(claims).scalar_one(), int(questions), int(milliseconds) / 1000)
