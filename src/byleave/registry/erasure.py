"""Erase a claim: what it said and whose it was is destroyed; that there was one stays in the log, and says nothing."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import STEPS, ClaimState, Preference, Use
from byleave.errors import ConflictError
from byleave.registry.claims import Claim, claim_by_id, event_time, not_found
from byleave.registry.events import append_event
from byleave.registry.permissions import OPERATOR, Act, Who, may
from byleave.registry.tables import ClaimEventRow, ClaimRow, TargetRow


def erase_claim(session: Session, claim_id: bytes, *, who: Who, at: datetime) -> Claim:
    """Destroy record and salt of every event of a claim, its targets, its account and every word in it; append ``erase``.

    The commitments stay in the log and nobody can ever open them again. The one record that is kept is that of the erasure itself.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such claim.
    ConflictError
        If it is erased already.
    """
    chosen = sa.select(ClaimRow).where(ClaimRow.id == claim_id).with_for_update()
    row = session.execute(chosen).scalar_one_or_none()
    if row is None or not may(who, Act.ERASE_CLAIM, account=row.account_id):
        raise not_found(claim_id)
    if ClaimState.ERASED not in STEPS[ClaimState(row.state)]:
        raise ConflictError("this claim is erased already", remedy="nothing is left to erase")
    session.execute(
        sa.update(ClaimEventRow).where(ClaimEventRow.claim_id == claim_id).values(salt=None, record=None)
    )
    session.execute(sa.delete(TargetRow).where(TargetRow.claim_id == claim_id))
    event = append_event(
        session,
        claim_id,
        "erase",
        actor=who.role.value,
        at=at,
        record=lambda _: {"v": 1, "claim": claim_id.hex(), "op": "erase", "at": event_time(at)},
    )
    _forget(row)
    row.last_event = event.number
    session.flush()
    # Whose it was is forgotten, so she may not be asked any more.
    return claim_by_id(session, claim_id, who=OPERATOR)


def _forget(row: ClaimRow) -> None:
    """Leave nothing in a claim's row but that it was filed, and is erased."""
    answers = {use.value: int(Preference.UNKNOWN) for use in Use}
    for column, value in {
        **answers,
        "account_id": None,
        "state": ClaimState.ERASED.value,
        "terms": None,
        "contact": None,
        "licence": None,
        "about": None,
        "filed_by": None,
        "text_digest": None,
        "hold_reason": None,
        "held_at": None,
        "publish_values": False,
        "effective_at": None,
        "expires_at": None,
    }.items():
        setattr(row, column, value)
