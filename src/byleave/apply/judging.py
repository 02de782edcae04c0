"""What targets answer, for many at once: the rules of ``byleave.consent.acting`` over the columns of a ruleset.

A property test holds both to one answer. Whoever changes the rules changes them there first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from byleave.apply.ruleset import KINDS, STATES, Ruleset
from byleave.apply.tables import Ints
from byleave.consent import ALLOW_FROM, DENY_FROM, ClaimState, Preference, Use

Answers = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = np.iinfo(np.int64).min
_DENY_LEAST = np.array([DENY_FROM[kind] for kind in KINDS], np.uint8)
_EFFECTIVE, _FILED = STATES.index(ClaimState.EFFECTIVE), STATES.index(ClaimState.FILED)
_USES = tuple(Use)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the trainer asked for: the uses, the moment that counts, and whether refusals not confirmed yet act."""

    uses: tuple[Use, ...]
    at: datetime
    with_pending: bool


def judge(ruleset: Ruleset, targets: Ints, terms: Terms) -> Answers:
    """Return the strongest acting answer per target and use, uint8 (n, uses), for targets of a ruleset."""
    if not len(targets):
        return np.zeros((0, len(terms.uses)), np.uint8)
    counts = ruleset.starts[targets + 1] - ruleset.starts[targets]
    ends = np.cumsum(counts)
    owners = np.repeat(np.arange(len(targets)), counts)
    rows = np.arange(ends[-1]) + np.repeat(ruleset.starts[targets] - (ends - counts), counts)
    least = _DENY_LEAST[np.searchsorted(ruleset.bases, targets, side="right") - 1][owners]
    answers = _acting(ruleset, rows, least, terms)
    shared = np.flatnonzero((counts > 1)[owners])
    for place in range(len(terms.uses)):
        _silence_earlier(ruleset, rows, owners, shared, answers[:, place])
    strongest: Answers = np.maximum.reduceat(answers, ends - counts, axis=0)
    return strongest


def _acting(ruleset: Ruleset, rows: Ints, least: Answers, terms: Terms) -> Answers:
    """Return what each row answers for each use if it acts, and ``UNKNOWN`` if it does not."""
    at = (terms.at - _EPOCH) // timedelta(microseconds=1)
    facts = ruleset.rows
    begins, expires = facts["effective_at"][rows], facts["expires_at"][rows]
    lasts = (expires == _NEVER) | (expires > at)
    begun = (begins != _NEVER) & (begins <= at)
    in_force = lasts & begun & (facts["state"][rows] == _EFFECTIVE)
    waits = lasts & (facts["state"][rows] == _FILED)
    evidence = facts["evidence"][rows]
    refusal_counts = (in_force & (evidence >= least)) | ((in_force | waits) & terms.with_pending)
    yes_counts = in_force & (evidence >= ALLOW_FROM) & (facts["flags"][rows] == 0)
    answers = facts["preferences"][rows][:, places_of(terms.uses)]
    counts = np.where(answers == Preference.ALLOW, yes_counts[:, None], refusal_counts[:, None])
    return np.where(counts, answers, np.uint8(Preference.UNKNOWN))


def _silence_earlier(ruleset: Ruleset, rows: Ints, owners: Ints, shared: Ints, answers: Answers) -> None:
    """Leave, of what one party answers about one target, only the latest."""
    speaks = shared[answers[shared] != Preference.UNKNOWN]
    claimants = ruleset.rows["claimant"][rows[speaks]].view(np.uint64)
    numbers = ruleset.rows["number"][rows[speaks]]
    order = np.lexsort((answers[speaks], numbers, claimants[:, 0], claimants[:, 1], owners[speaks]))
    parties = np.column_stack([owners[speaks].astype(np.uint64), claimants])[order]
    followed = (parties[:-1] == parties[1:]).all(axis=1)
    answers[speaks[order[:-1][followed]]] = Preference.UNKNOWN


def places_of(uses: Sequence[Use]) -> list[int]:
    """Return where uses stand among the columns of preferences."""
    return [_USES.index(use) for use in uses]
