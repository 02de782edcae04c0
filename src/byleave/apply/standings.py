"""What statements amount to, as two small tables asked of ``byleave.consent.standing``: the rules stand there alone, and arrays look them up here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from byleave.apply.ruleset import KINDS
from byleave.apply.statements import STATES
from byleave.consent import (
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Standing,
    Statement,
    TargetKind,
    Use,
    standing,
)

Table = npt.NDArray[np.uint8]

OVER, WAITS, IN_FORCE = range(3)
"""Lives of a claim at one moment."""
SILENT, PENDING, ACTS = range(3)
"""What a statement amounts to."""

_AT = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_USE = Use.TRAIN_GEN
_STRONGEST = max(Evidence)
_NUMBERS = {Standing.SILENT: SILENT, Standing.PENDING: PENDING, Standing.ACTS: ACTS}
_LIVES = {Standing.SILENT: OVER, Standing.PENDING: WAITS, Standing.ACTS: IN_FORCE}
_STATES = {OVER: ClaimState.WITHDRAWN, WAITS: ClaimState.FILED, IN_FORCE: ClaimState.EFFECTIVE}


@cache
def life_table() -> Table:
    """Return the life of a claim by its state, whether it has begun, and whether it has run out: uint8 (states, 2, 2)."""
    lives = np.empty((len(STATES), 2, 2), np.uint8)
    for place, state in enumerate(STATES):
        for begun, ended in product((0, 1), repeat=2):
            begins = _AT - _DAY if begun else _AT + _DAY
            expires = _AT - _DAY if ended else None
            said = _statement(state, effective_at=begins, expires_at=expires)
            lives[place, begun, ended] = _LIVES[standing(said, _USE, _AT)]
    return lives


@cache
def standing_table() -> Table:
    """Return what a statement amounts to: uint8 (lives, kinds, levels, flags, preferences), flags 1 for disputed and 2 for stale."""
    amounts = np.empty((3, len(KINDS), len(Evidence), 4, len(Preference)), np.uint8)
    for life, state in _STATES.items():
        for (place, kind), level, flags, preference in product(
            enumerate(KINDS), Evidence, range(4), Preference
        ):
            said = _statement(state, kind, level, preference, flags, effective_at=_AT - _DAY)
            amounts[life, place, level, flags, preference] = _NUMBERS[standing(said, _USE, _AT)]
    return amounts


def _statement(
    state: ClaimState,
    kind: TargetKind = TargetKind.URL,
    evidence: Evidence = _STRONGEST,
    preference: Preference = Preference.DENY,
    flags: int = 0,
    *,
    effective_at: datetime,
    expires_at: datetime | None = None,
) -> Statement:
    return Statement(
        claim=b"",
        claimant=b"",
        kind=kind,
        digest=b"",
        preferences=Preferences.same(preference, [_USE]),
        evidence=evidence,
        state=state,
        number=0,
        effective_at=effective_at,
        expires_at=expires_at,
        disputed=bool(flags & 1),
        stale=bool(flags & 2),
    )
