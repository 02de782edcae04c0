"""Compiled loops that say what statements answer: the rules of consent, looked up in the tables of ``byleave.apply.standings``.

Targets about which one thing was said, which nearly all are, are settled here, while memory that is needed soon is on its way. What several
statements about one target amount to together is a matter of ``byleave.apply.judging``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.ruleset import Ruleset
from byleave.apply.standings import ACTS, PENDING, life_table, standing_table
from byleave.apply.statements import (
    EFFECTIVE_WORD,
    EVIDENCE_SHIFT,
    EXPIRES_WORD,
    FACTS_WORD,
    FLAGS_SHIFT,
    MARKS_SHIFT,
    NEVER,
    RECORD_WORDS,
    STATE_MASK,
)
from byleave.apply.tables import I64, Ints, read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.consent import Evidence, Preference, Standard, Use
from byleave.urls.bulk.sha256 import U64, Bytes, Word, Words
from byleave.urls.bulk.wide import fetch

BLOCK_PAIRS = 64
_BYTE = U64(0xFF)
_FLAGS = 4
_USES = tuple(Use)
_LEVELS, _PREFERENCES = len(Evidence), len(Preference)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Said(NamedTuple):
    """What a ruleset holds, as loops see it: ``bases`` int64, ``starts`` uint32 and ``records`` of a :class:`Ruleset`."""

    bases: Ints
    starts: npt.NDArray[np.uint32]
    records: Words


class Rules(NamedTuple):
    """What counts.

    lives
        uint8 (states * 4,): the life of a claim by its state, whether it has begun, and whether it has run out.
    heard
        uint8 (lives * kinds * levels * 4 * preferences,): 1 where such an answer acts.
    uses
        int64 (uses,): their places among all of :class:`byleave.consent.Use`.
    moments
        int64 (2,): the moment that counts and the cut-off, in microseconds since 1970.
    kinds
        int64 (1,): how many kinds of targets there are.
    """

    lives: Bytes
    heard: Bytes
    uses: Ints
    moments: Ints
    kinds: Ints


def said_in(ruleset: Ruleset) -> Said:
    """See what was said in a ruleset."""
    return Said(read_only(ruleset.bases), read_only(ruleset.starts), read_only(ruleset.records))


@lru_cache(maxsize=16)
def rules_of(uses: tuple[Use, ...], at: datetime, standard: Standard, *, with_pending: bool) -> Rules:
    """Ask the rules of consent, and a standard beyond them, what counts."""
    amounts = standing_table()
    heard = amounts == ACTS
    if with_pending:
        heard |= (amounts == PENDING) & (np.arange(_PREFERENCES) != int(Preference.ALLOW))
    least = np.array([standard.least(preference) for preference in Preference])
    heard &= (np.arange(_LEVELS)[:, None] >= least)[None, None, :, None, :]
    cut_off = np.iinfo(np.int64).max if standard.as_of is None else microseconds(standard.as_of)
    return Rules(
        read_only(life_table().reshape(-1)),
        read_only(heard.astype(np.uint8).reshape(-1)),
        read_only(np.array(places_of(uses), np.int64)),
        read_only(np.array([microseconds(at), cut_off], np.int64)),
        read_only(np.array([amounts.shape[1]], np.int64)),
    )


def microseconds(moment: datetime) -> int:
    """Return a moment as rulesets count it."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def places_of(uses: Sequence[Use]) -> list[int]:
    """Return where uses stand among the preferences of a statement."""
    return [_USES.index(use) for use in uses]


@compiled_within
def kind_of(target: Word, said: Said) -> Word:
    """Return the number of the kind of a target."""
    kind = I64(0)
    while target >= said.bases[kind + 1]:
        kind += 1
    return kind


@compiled_within
def heard_at(record: Words, kind: Word, rules: Rules) -> Word:
    """Return where in ``rules.heard`` a statement about a target of some kind is judged, or -1 where it came after the cut-off."""
    facts, begins, expires = record[FACTS_WORD], I64(record[EFFECTIVE_WORD]), I64(record[EXPIRES_WORD])
    if begins > rules.moments[1]:
        return I64(-1)
    begun = I64(begins != NEVER and begins <= rules.moments[0])
    ended = I64(expires != NEVER and expires <= rules.moments[0])
    marks = facts >> U64(MARKS_SHIFT)
    life = I64(rules.lives[4 * I64(marks & U64(STATE_MASK)) + 2 * begun + ended])
    level = I64((facts >> U64(EVIDENCE_SHIFT)) & _BYTE)
    flags = I64(marks >> U64(FLAGS_SHIFT))
    return (((life * rules.kinds[0] + kind) * _LEVELS + level) * _FLAGS + flags) * _PREFERENCES


@compiled_within
def answer_at(record: Words, at: Word, place: int, rules: Rules) -> Word:
    """Return what a statement answers for the use at ``place``, 0 where it is silent; ``at`` is from :func:`heard_at`."""
    if at < 0:
        return I64(0)
    answer = I64((record[FACTS_WORD] >> U64(8 * rules.uses[place])) & _BYTE)
    return answer * I64(rules.heard[at + answer])


@compiled_within
def fetch_said(targets: Ints, first: int, end: int, said: Said) -> None:
    """Bring the first statement about each of ``targets[first:end]`` nearer; numbers beyond the ruleset are passed over."""
    beyond = said.bases[said.bases.shape[0] - 1]
    for i in range(first, end):
        if targets[i] < beyond:
            fetch(said.starts, targets[i])
    for i in range(first, end):
        if targets[i] < beyond:
            fetch(said.records, I64(said.starts[targets[i]]) * RECORD_WORDS)


@compiled_lean
def answer_rows(numbers: Ints, kinds: Ints, records: Words, rules: Rules, answers: Bytes) -> None:
    """Write what each of some statements about targets of some kinds answers, uint8 (n, uses)."""
    for i in range(numbers.shape[0]):
        record = records[numbers[i]]
        at = heard_at(record, kinds[i], rules)
        for place in range(answers.shape[1]):
            answers[i, place] = answer_at(record, at, place, rules)


@compiled_lean
def answer_pairs(rows: Ints, targets: Ints, said: Said, rules: Rules, answers: Bytes, left: Ints) -> int:
    """Strengthen ``answers``, uint8 (n, uses), by what was said about the target of each pair.

    Returns how many pairs are left since theirs is no target about which one thing was said; ``left`` takes their places.
    """
    beyond, count = said.bases[said.bases.shape[0] - 1], 0
    for first in range(0, rows.shape[0], BLOCK_PAIRS):
        end = min(first + BLOCK_PAIRS, rows.shape[0])
        fetch_said(targets, first, end, said)
        for i in range(first, end):
            target = targets[i]
            if target >= beyond or said.starts[target + 1] - said.starts[target] > 1:
                left[count] = i
                count += 1
                continue
            record = said.records[I64(said.starts[target])]
            at = heard_at(record, kind_of(target, said), rules)
            for place in range(answers.shape[1]):
                answers[rows[i], place] = max(answers[rows[i], place], answer_at(record, at, place, rules))
    return count
