"""What targets answer, for many at once: the rules of ``byleave.consent.acting`` over the columns of a ruleset.

What a single statement answers is looked up by ``byleave.apply.acting``. A property test holds both to one answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.acting import Rules, answer_rows, microseconds, rules_of
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints, read_only
from byleave.consent import RULES_ALONE, Preference, Standard, Use

Answers = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the trainer asked for: the uses, the moment that counts, whether refusals not confirmed yet act, and what counts at all."""

    uses: tuple[Use, ...]
    at: datetime
    with_pending: bool
    standard: Standard = RULES_ALONE

    def by_rules(self) -> Terms:
        """Return the same without a standard of the trainer's own."""
        return replace(self, standard=RULES_ALONE)

    def rules(self) -> Rules:
        """Return what counts under these terms, as loops look it up."""
        return rules_of(self.uses, self.at, self.standard, with_pending=self.with_pending)


class Spoken(NamedTuple):
    """What was said about some targets, target by target.

    targets
        int64 (n,).
    firsts
        int64 (n + 1,): where the statements of each begin below.
    numbers
        int64 (k,): statements of the ruleset.
    answers
        uint8 (k, uses): what acts of each.
    """

    targets: Ints
    firsts: Ints
    numbers: Ints
    answers: Answers

    def counts(self) -> Ints:
        """Return how many statements there are about each target, int64 (n,)."""
        return np.diff(self.firsts)


def judge(ruleset: Ruleset, targets: Ints, terms: Terms) -> Answers:
    """Return the strongest acting answer per target and use, uint8 (n, uses), for targets of a ruleset."""
    told = spoken(ruleset, targets, terms)
    strongest: Answers = np.maximum.reduceat(told.answers, told.firsts[:-1], axis=0)
    return strongest


def spoken(ruleset: Ruleset, targets: Ints, terms: Terms) -> Spoken:
    """Return what was said about targets of a ruleset, and what of it acts: of one party only the latest."""
    begins, counts = ruleset.spans(targets)
    firsts = np.concatenate([[0], np.cumsum(counts)])
    owners = np.repeat(np.arange(len(targets)), counts)
    rows = np.arange(firsts[-1]) + np.repeat(begins - firsts[:-1], counts)
    kinds = (np.searchsorted(ruleset.bases, targets, side="right") - 1)[owners]
    answers = _acting(ruleset, rows, kinds, terms)
    shared = np.flatnonzero((counts > 1)[owners])
    aside = set_aside(ruleset, rows, answers, terms.standard)
    for place in range(len(terms.uses)):
        if aside is not None:
            _take_back(ruleset, rows, owners, shared, answers[:, place], aside[:, place])
        _silence_earlier(ruleset, rows, owners, shared, answers[:, place])
    return Spoken(targets, firsts, rows, answers)


def set_aside(ruleset: Ruleset, rows: Ints, answers: Answers, standard: Standard) -> Flags | None:
    """Say which of the answers of ``rows``, uint8 (n, uses), a standard does not heed; ``None`` where it heeds all."""
    if standard == RULES_ALONE:
        return None
    least = np.array([standard.least(preference) for preference in Preference], np.uint8)
    aside: Flags = ruleset.rows["evidence"][rows][:, None] < least[answers]
    if standard.as_of is not None:
        # A claim that waits has no beginning, which is the least of all numbers.
        aside |= (ruleset.rows["effective_at"][rows] > microseconds(standard.as_of))[:, None]
    aside &= answers != Preference.UNKNOWN
    return aside


def _acting(ruleset: Ruleset, rows: Ints, kinds: Ints, terms: Terms) -> Answers:
    """Return what each row answers for each use if it acts, and ``UNKNOWN`` if it does not; ``kinds`` says of what kind its target is."""
    answers = np.empty((len(rows), len(terms.uses)), np.uint8)
    records = read_only(ruleset.records)
    answer_rows(read_only(rows), read_only(kinds), records, terms.by_rules().rules(), answers)
    return answers


def _take_back(
    ruleset: Ruleset, rows: Ints, owners: Ints, shared: Ints, answers: Answers, aside: Flags
) -> None:
    """Leave out what is set aside, and with a no each earlier yes of the same party about the same target."""
    refused = shared[aside[shared] & (answers[shared] > Preference.ALLOW)]
    order, parties = _by_party(ruleset, rows, owners, shared, answers)
    if len(refused):
        begins = np.flatnonzero(np.concatenate([[True], (parties[:-1] != parties[1:]).any(axis=1)]))
        places = np.where(np.isin(order, refused), np.arange(len(order)), -1)
        last = np.repeat(np.maximum.reduceat(places, begins), np.diff([*begins, len(order)]))
        withdrawn = (np.arange(len(order)) < last) & (answers[order] == Preference.ALLOW)
        answers[order[withdrawn]] = Preference.UNKNOWN
    answers[aside] = Preference.UNKNOWN


def _silence_earlier(ruleset: Ruleset, rows: Ints, owners: Ints, shared: Ints, answers: Answers) -> None:
    """Leave, of what one party answers about one target, only the latest."""
    order, parties = _by_party(ruleset, rows, owners, shared, answers)
    followed = (parties[:-1] == parties[1:]).all(axis=1)
    answers[order[:-1][followed]] = Preference.UNKNOWN


def _by_party(
    ruleset: Ruleset, rows: Ints, owners: Ints, shared: Ints, answers: Answers
) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """Sort what is answered by target and party, the earliest first; return the order, and target and party of each."""
    speaks = shared[answers[shared] != Preference.UNKNOWN]
    claimants = ruleset.rows["claimant"][rows[speaks]].view(np.uint64)
    ids = ruleset.rows["claim"][rows[speaks]].view(np.uint64).byteswap()
    numbers = ruleset.rows["number"][rows[speaks]]
    rank = (ids[:, 1], ids[:, 0], answers[speaks], numbers)
    order = np.lexsort((*rank, claimants[:, 0], claimants[:, 1], owners[speaks]))
    parties = np.column_stack([owners[speaks].astype(np.uint64), claimants])[order]
    return speaks[order], parties
