"""Claims that organisations signed to think false: for whoever looks at claims to know, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import ClaimState
from byleave.registry.account_tables import Account
from byleave.registry.permissions import Act, Who, may, require
from byleave.registry.statement_tables import FeedbackRow
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.release.feedback import Outcome

MOST_SUSPICIONS: Final = 100
_STANDS: Final = (ClaimState.FILED.value, ClaimState.EFFECTIVE.value, ClaimState.HELD.value)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A claim that stands and that somebody thinks false.

    by, why, at
        Who said so last, with which reason, and when.
    organisations
        How many say so.
    """

    claim: bytes
    state: ClaimState
    targets: int
    by: str
    why: str | None
    at: datetime
    organisations: int

    @property
    def answer(self) -> str:
        """What its state means, in words."""
        return _WORDS[self.state]


_WORDS: Final = {
    ClaimState.FILED: "a choice that waits to be confirmed",
    ClaimState.EFFECTIVE: "a choice that counts",
    ClaimState.HELD: "a choice that is held",
}


def suspected_false(session: Session, *, who: Who) -> tuple[Suspicion, ...]:
    """Return claims that stand, may be reviewed by ``who``, and are thought false; those that most think so first."""
    require(who, Act.REVIEW_CLAIM)
    row = FeedbackRow
    each = (
        sa.select(row.claim_id, sa.func.count().label("organisations"), sa.func.max(row.at).label("at"))
        .where(row.outcome == Outcome.SUSPECTED_FALSE.value)
        .group_by(row.claim_id)
        .subquery()
    )
    targets = sa.select(sa.func.count()).where(TargetRow.claim_id == each.c.claim_id).scalar_subquery()
    last = sa.and_(
        row.claim_id == each.c.claim_id, row.at == each.c.at, row.outcome == Outcome.SUSPECTED_FALSE.value
    )
    chosen = (
        sa.select(each, ClaimRow.state, ClaimRow.account_id, row.why, Account.name, targets.label("targets"))
        .join(ClaimRow, ClaimRow.id == each.c.claim_id)
        .join(row, last)
        .join(Account, Account.id == row.organisation_id)
        .where(ClaimRow.state.in_(_STANDS))
        .order_by(each.c.organisations.desc(), each.c.at.desc(), each.c.claim_id)
        .limit(MOST_SUSPICIONS)
    )
    found: dict[bytes, Suspicion] = {}
    for one in session.execute(chosen):
        if may(who, Act.REVIEW_CLAIM, account=one.account_id):
            told = (one.claim_id, ClaimState(one.state), one.targets, one.name or "An organisation")
            found.setdefault(one.claim_id, Suspicion(*told, one.why, one.at, one.organisations))
    return tuple(found.values())
