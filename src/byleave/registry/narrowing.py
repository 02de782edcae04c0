"""Take single targets out of a claim; what is left goes on as it stands. One claim event, however many targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import STEPS, ClaimState, TargetKind, Use
from byleave.errors import ConflictError, InputError
from byleave.log import JSON, targets_root
from byleave.registry.changing import claim_row_for, set_state, state_with
from byleave.registry.claims import SHOWN_TARGETS, Claim, claims_with_targets, event_time
from byleave.registry.events import append_event
from byleave.registry.permissions import Act, Who
from byleave.registry.tables import TargetRow

MOST_AT_ONCE = 10_000


def take_targets_out(
    session: Session, claim_id: bytes, targets: Sequence[tuple[TargetKind, bytes]], *, who: Who, at: datetime
) -> Claim:
    """Take targets out of a claim, by kind and digest; one that is not in it changes nothing.

    Raises
    ------
    NotFoundError
        If ``who`` sees no such claim.
    ConflictError
        If it has ended.
    InputError
        If none of them is in it, or nothing would be left: then the claim is withdrawn, not emptied.
    """
    row = claim_row_for(session, claim_id, who, Act.CHANGE_CLAIM)
    if ClaimState.WITHDRAWN not in STEPS[ClaimState(row.state)]:
        raise ConflictError(f"this claim is {row.state} already", remedy="file a new one")
    if len(targets) > MOST_AT_ONCE:
        raise InputError(
            f"that is more than {MOST_AT_ONCE:,} at once", remedy="take out fewer, and the others after that"
        )
    named = {kind: [digest for other, digest in targets if other is kind] for kind, _ in targets}
    gone = 0
    for kind, digests in named.items():
        wanted = TargetRow.digest == sa.func.any(sa.literal(digests, sa.ARRAY(sa.LargeBinary)))
        chosen = sa.delete(TargetRow).where(
            TargetRow.claim_id == claim_id, TargetRow.kind == kind.value, wanted
        )
        gone += len(session.execute(chosen.returning(TargetRow.id)).all())
    left = session.scalars(
        sa.select(TargetRow.digest).where(TargetRow.claim_id == claim_id).order_by(TargetRow.id)
    ).all()
    if not gone or not left:
        raise InputError(
            "nothing of that is in this claim" if not gone else "nothing would be left of this claim",
            remedy="look at what it covers" if not gone else "withdraw it instead",
        )
    (before,) = claims_with_targets(session, [row], most=0)
    state = state_with(before, before.preferences, before.expires_at, at)
    record = partial(_record, before, left, state, at)
    event = append_event(session, claim_id, "update", actor=who.role.value, at=at, record=record)
    set_state(row, state, at)
    row.last_event = event.number
    session.flush()
    return claims_with_targets(session, [row], most=SHOWN_TARGETS)[0]


def _record(
    claim: Claim, digests: Sequence[bytes], state: ClaimState, at: datetime, salt: bytes
) -> Mapping[str, JSON]:
    return {
        "v": 1,
        "claim": claim.id.hex(),
        "op": "update",
        "preferences": {use.value: claim.preferences.for_use(use).word for use in Use},
        "state": state.value,
        "targets": len(digests),
        "targets_root": targets_root(salt, digests).hex(),
        "terms": claim.terms,
        "contact": claim.contact,
        "licence": claim.licence,
        "publish_values": claim.publish_values,
        "at": event_time(at),
        "expires_at": event_time(claim.expires_at) if claim.expires_at else None,
    }
