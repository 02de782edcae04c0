"""Many claims at once: choose them, answer all of them differently or withdraw all of them, each by an event of its own, all or none."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import STEPS, ClaimState, Preferences, Use
from byleave.errors import InputError
from byleave.registry.changing import NewAnswer, change_claim, withdraw_claim
from byleave.registry.claims import Claim, claim_by_id, claims_with_targets
from byleave.registry.legal_acts import refuse_other_act
from byleave.registry.permissions import Act, Who, require
from byleave.registry.tables import ClaimRow

MOST_AT_ONCE: Final = 10_000
"""Claims that one transaction changes; other filings wait for the log while it does."""

LIVING: Final = tuple(state for state, steps in STEPS.items() if ClaimState.WITHDRAWN in steps)
"""States of claims that can be changed and withdrawn."""


@dataclass(frozen=True, slots=True)
class ClaimFilter:
    """Which of the claims that can still be changed. What is ``None`` leaves all of them.

    preferences
        Those that answer exactly this.
    """

    state: ClaimState | None = None
    preferences: Preferences | None = None


def living_claims(
    session: Session,
    account: uuid.UUID,
    chosen: ClaimFilter,
    *,
    who: Who,
    first: int = 0,
    limit: int | None = None,
    most: int = 1,
) -> tuple[Claim, ...]:
    """Return claims of one account that can still be changed, those first that were longest left as they are.

    ``limit`` of them are returned from the ``first`` on, with the first ``most`` targets of each. In this order what was just changed
    comes last, so that more than fit into one step are changed by taking the same step again.
    """
    require(who, Act.SEE_CLAIM, account=account)
    rows = sa.select(ClaimRow).where(*_of(account, chosen)).order_by(ClaimRow.last_event, ClaimRow.id)
    found = session.execute(rows.offset(first).limit(limit)).scalars().all()
    return tuple(claims_with_targets(session, found, most=most))


def number_of_living(session: Session, account: uuid.UUID, chosen: ClaimFilter, *, who: Who) -> int:
    """Return how many claims :func:`living_claims` would."""
    require(who, Act.SEE_CLAIM, account=account)
    counted = sa.select(sa.func.count()).select_from(ClaimRow).where(*_of(account, chosen))
    return session.execute(counted).scalar_one()


def change_claims(
    session: Session, claims: Sequence[bytes], new: NewAnswer, *, who: Who, at: datetime
) -> tuple[Claim, ...]:
    """Answer differently for many claims, each about its own targets; return them in the order named, each once.

    Raises
    ------
    NotFoundError
        If ``who`` does not see one of them. Nothing is changed then, nor for any other reason.
    ConflictError
        If one has ended.
    InputError
        If the answer is another act in law than one of them, none was named, or more than :data:`MOST_AT_ONCE`.
    """

    def change(claim: bytes) -> Claim:
        before = claim_by_id(session, claim, who=who, most=0)
        refuse_other_act(before.act, new.preferences)
        return change_claim(session, claim, new, who=who, at=at)

    return _each(claims, change)


def withdraw_claims(
    session: Session, claims: Sequence[bytes], *, who: Who, at: datetime
) -> tuple[Claim, ...]:
    """Withdraw many claims; return them in the order named, each once. Errors are those of :func:`change_claims`."""
    return _each(claims, lambda claim: withdraw_claim(session, claim, who=who, at=at))


def _each(claims: Sequence[bytes], step: Callable[[bytes], Claim]) -> tuple[Claim, ...]:
    named = tuple(dict.fromkeys(claims))
    if not named:
        raise InputError("nothing was chosen", remedy="name at least one")
    if len(named) > MOST_AT_ONCE:
        raise InputError(
            f"these are more than {MOST_AT_ONCE:,} at once", remedy="take some, and the others after that"
        )
    # In one order whoever asks: two who change the same claims wait for each other instead of locking each other out.
    done = {claim: step(claim) for claim in sorted(named)}
    return tuple(done[claim] for claim in named)


def _of(account: uuid.UUID, chosen: ClaimFilter) -> tuple[sa.ColumnElement[bool], ...]:
    states = LIVING if chosen.state is None else (chosen.state,)
    wanted: list[Any] = [
        ClaimRow.account_id == account,
        ClaimRow.state.in_([state.value for state in states if state in LIVING]),
    ]
    if chosen.preferences is not None:
        said = chosen.preferences
        wanted += [getattr(ClaimRow, use.value) == int(said.for_use(use)) for use in Use]
    return tuple(wanted)
