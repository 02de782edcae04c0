"""The job that finishes what filing had no time for: it compares every picture of a claim that waits for that, and decides."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.catalog import Catalog
from byleave.consent import ClaimState
from byleave.copies.guard import reason_to_hold
from byleave.registry.changing import hold_claim, release_claim
from byleave.registry.claims import claim_by_id
from byleave.registry.database import Database
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimRow
from byleave.registry.thresholds import HoldReason

COMPARED: Final = "all its pictures were compared, and none touches many works"


def judge_waiting(database: Database, catalog: Catalog, at: datetime) -> int:
    """Compare what waits to be compared, each claim in a transaction of its own; return how many were let go.

    Running it twice is harmless: what is decided waits no more.
    """
    with database.transaction() as session:
        waiting = _waiting(session)
    return sum(_judge(database, catalog, claim, at) for claim in waiting)


def _judge(database: Database, catalog: Catalog, claim_id: bytes, at: datetime) -> bool:
    with database.transaction() as session:
        claim = claim_by_id(session, claim_id, who=OPERATOR)
        if claim.state is not ClaimState.HELD or claim.hold_reason != HoldReason.COMPARING:
            return False
        reason = reason_to_hold(catalog, session, claim.targets, at=at)
        if reason is not None:
            hold_claim(session, claim_id, reason, who=OPERATOR, at=at)
            return False
        release_claim(session, claim_id, COMPARED, who=OPERATOR, at=at)
        return True


def _waiting(session: Session) -> list[bytes]:
    chosen = sa.select(ClaimRow.id).where(
        ClaimRow.state == ClaimState.HELD.value, ClaimRow.hold_reason == HoldReason.COMPARING.value
    )
    return list(session.execute(chosen.order_by(ClaimRow.held_at, ClaimRow.id)).scalars())
