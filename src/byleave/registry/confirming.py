"""What a proof changes about claims: the evidence of their targets, whether they act, whether they are stale. All logged."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import ClaimState, Evidence, Preference, Preferences, TargetKind, Use
from byleave.log import JSON
from byleave.registry.claims import event_time
from byleave.registry.database import Database
from byleave.registry.events import NewEvent, append_events
from byleave.registry.jobs import defer
from byleave.registry.permissions import OPERATOR
from byleave.registry.proofs import COUNTING, ProofState, confirmed_of
from byleave.registry.registering import first_state
from byleave.registry.scopes import Confirmed
from byleave.registry.tables import ClaimRow, TargetRow
from byleave.registry.targets import Target

RECONFIRM: Final = "reconfirm"
"""Name of the job."""

MOST_AT_ONCE: Final = 10_000
"""Targets confirmed while somebody waits for an answer: a second or two. The job does the rest."""

READ_AT_ONCE: Final = 5_000
IDS_AT_ONCE: Final = 10_000
_LIVING: Final = (ClaimState.FILED.value, ClaimState.EFFECTIVE.value, ClaimState.HELD.value)
_NOTHING: Final = Confirmed(())


@dataclass(slots=True)
class _Change:
    """What is found about one claim: ids of targets to raise, by their new level, and how many targets have which level then."""

    raised: dict[Evidence, list[int]] = field(default_factory=dict)
    levels: Counter[tuple[TargetKind, Evidence]] = field(default_factory=Counter)
    stale: bool = False


def reconfirm_first(session: Session, account: uuid.UUID, *, at: datetime, most: int) -> int:
    """Hold claims with at most ``most`` targets together against the account's proofs, the smallest first, and leave the rest to a job.

    A claim is confirmed in whole, since one event says what became of it. Returns how many targets the job is left with.
    """
    counted = (
        sa.select(ClaimRow.id, sa.func.count(TargetRow.id).label("targets"))
        .join(TargetRow, TargetRow.claim_id == ClaimRow.id, isouter=True)
        .where(ClaimRow.account_id == account, ClaimRow.state.in_(_LIVING))
        .group_by(ClaimRow.id)
        .order_by("targets", ClaimRow.id)
    )
    now: list[bytes] = []
    taken = left = 0
    for claim, targets in session.execute(counted).all():
        if taken + targets <= most:
            now.append(claim)
            taken += targets
        else:
            left += targets
    reconfirm(session, account, at=at, claims=now if left else None)
    if left:
        name = f"{RECONFIRM}/{account}"
        defer(session, RECONFIRM, lock=name, queueing_lock=name, account=str(account))
    return left


def reconfirm_later(database: Database, account: str, at: datetime) -> int:
    """Do what :func:`reconfirm_first` left; running it twice is harmless. Returns how many claims changed."""
    with database.transaction() as session:
        return reconfirm(session, uuid.UUID(account), at=at)


def reconfirm(
    session: Session, account: uuid.UUID, *, at: datetime, claims: Collection[bytes] | None = None
) -> int:
    """Hold living claims of an account against its proofs, and return how many changed; each has one ``confirm`` event.

    ``claims`` are the ones to look at; ``None`` is all of them. Evidence rises with what is shown. It never falls: where what confirmed a
    target is gone, the claim is flagged stale, by which its refusals stay and a yes no longer acts.
    """
    chosen = sa.select(ClaimRow).where(ClaimRow.account_id == account, ClaimRow.state.in_(_LIVING))
    if claims is not None:
        chosen = chosen.where(ClaimRow.id == sa.func.any(sa.literal(list(claims), sa.ARRAY(sa.LargeBinary))))
    rows = {row.id: row for row in session.execute(chosen.order_by(ClaimRow.id).with_for_update()).scalars()}
    if not rows:
        return 0
    good = confirmed_of(session, [account], COUNTING).get(account, _NOTHING)
    gone = confirmed_of(session, [account], [ProofState.STALE, ProofState.ENDED]).get(account, _NOTHING)
    changes = _changes(session, rows, good, gone)
    changed = [
        (rows[claim], change) for claim, change in changes.items() if _differs(rows[claim], change, at)
    ]
    _raise(session, [change for _, change in changed])
    events = append_events(
        session,
        [NewEvent(row.id, "confirm", partial(_record, row, change, at)) for row, change in changed],
        actor=OPERATOR.role.value,
        at=at,
    )
    for (row, change), event in zip(changed, events, strict=True):
        state = _state(row, change, at)
        if state is ClaimState.EFFECTIVE:
            row.effective_at = row.effective_at or at
        row.state, row.stale, row.last_event = state.value, change.stale, event.number
    session.flush()
    return len(changed)


def _changes(
    session: Session, rows: Mapping[bytes, ClaimRow], good: Confirmed, gone: Confirmed
) -> dict[bytes, _Change]:
    changes = {claim: _Change() for claim in rows}
    for claim, key, kind, digest, value, had in _targets(session, list(rows)):
        change = changes[claim]
        level = good.level(kind, digest, value)
        if level > had:
            change.raised.setdefault(level, []).append(key)
        elif had > level and gone and gone.level(kind, digest, value) >= had:
            change.stale = True
        change.levels[kind, max(level, had)] += 1
    return changes


def _targets(
    session: Session, claims: list[bytes]
) -> Iterator[tuple[bytes, int, TargetKind, bytes, str | None, Evidence]]:
    row = TargetRow
    for start in range(0, len(claims), IDS_AT_ONCE):
        wanted = row.claim_id.in_(claims[start : start + IDS_AT_ONCE])
        chosen = sa.select(row.claim_id, row.id, row.kind, row.digest, row.value, row.evidence).where(wanted)
        for claim, key, kind, digest, value, level in session.execute(
            chosen, execution_options={"yield_per": READ_AT_ONCE}
        ):
            yield claim, key, TargetKind(kind), digest, value, Evidence(level)


def _differs(row: ClaimRow, change: _Change, at: datetime) -> bool:
    return bool(change.raised) or change.stale != row.stale or _state(row, change, at).value != row.state


def _state(row: ClaimRow, change: _Change, at: datetime) -> ClaimState:
    """Return the state afterwards. What is held stays so; what acts goes on acting, stale or not."""
    state = ClaimState(row.state)
    if state is not ClaimState.FILED:
        return state
    preferences = Preferences(**{use.value: Preference(getattr(row, use.value)) for use in Use})
    kinds = [Target(kind, b"", evidence=level) for kind, level in change.levels]
    return first_state(preferences, kinds, row.expires_at, at)


def _raise(session: Session, changes: list[_Change]) -> None:
    by_level: dict[Evidence, list[int]] = {}
    for change in changes:
        for level, keys in change.raised.items():
            by_level.setdefault(level, []).extend(keys)
    for level, keys in by_level.items():
        for start in range(0, len(keys), IDS_AT_ONCE):
            chosen = TargetRow.id.in_(keys[start : start + IDS_AT_ONCE])
            session.execute(
                sa.update(TargetRow).where(chosen).values(evidence=int(level)),
                execution_options={"synchronize_session": False},
            )


def _record(row: ClaimRow, change: _Change, at: datetime, _: bytes) -> Mapping[str, JSON]:
    levels: Counter[Evidence] = Counter()
    for (_kind, level), count in change.levels.items():
        levels[level] += count
    return {
        "v": 1,
        "claim": row.id.hex(),
        "op": "confirm",
        "evidence": int(max(levels, default=Evidence.E0)),
        "levels": {level.name: count for level, count in sorted(levels.items())},
        "state": _state(row, change, at).value,
        "stale": change.stale,
        "at": event_time(at),
    }
