"""Compiled loops that say why rows go: what ``consent.decide`` names as causes, for all rows of a batch, without an object for each.

A row's entries are the claims that reach it, each once, with what acts of it and the narrowest way by which it came. A use that does not let the row
stay is answered by the strongest of them, which are its causes. A property test holds this to ``consent.decide``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.acting import BLOCK_PAIRS, Rules, Said, answer_at, fetch_said, heard_at, kind_of
from byleave.apply.judging import Spoken
from byleave.apply.ruleset import KINDS
from byleave.apply.statements import CLAIM_WORD, EVIDENCE_SHIFT, FACTS_WORD
from byleave.apply.tables import I64, Ints, read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.consent import Evidence, Preference, TargetKind
from byleave.urls.bulk.sha256 import U64, Bytes, Word
from byleave.urls.bulk.wide import swapped_word

NARROWEST = (TargetKind.DIGEST, TargetKind.URL, TargetKind.PREFIX, TargetKind.HOST, TargetKind.DOMAIN)
"""Of several targets by which a claim reaches a row, the first of these is named as the way."""

NO_STATEMENT: Final = -1
METHODS = len(KINDS) + 1
PREFERENCES = len(Preference)
FAULTS = 3
"""Slots behind those of the uses: for a digest that cannot be read, a link that cannot, and pixels that were not compared."""

_BREADTHS = tuple(NARROWEST.index(kind) if kind in NARROWEST else len(NARROWEST) for kind in KINDS)
_LEVELS = len(Evidence)
_NUMBER, _KIND, _LEVEL, _HEARD, _ANSWERS = range(5)
_BYTE = U64(0xFF)


class Against(NamedTuple):
    """What lets a row stay, uint8 (preferences,), and the code of the one cause that each slot has without a claim, int64 (slots,)."""

    lets: Bytes
    alone: Ints


class Going(NamedTuple):
    """Rows that go, and why others than claims take them out.

    rows
        int64 (n,): rising.
    pair_rows, pair_targets
        int64 (k,): pairs of a row and a target, by rising row.
    bad_digest, bad_link, unchecked
        bool (n,): what was wanting of each.
    """

    rows: Ints
    pair_rows: Ints
    pair_targets: Ints
    bad_digest: npt.NDArray[np.bool_]
    bad_link: npt.NDArray[np.bool_]
    unchecked: npt.NDArray[np.bool_]


class Causes(NamedTuple):
    """The causes of ``n`` rows.

    ends
        int32 (n + 1,): those of row ``i`` are ``ends[i]`` to ``ends[i + 1]``.
    codes, numbers
        int64 (c,): all that a cause says but its reference as one number, see :class:`byleave.apply.row_causes.Codes`; and the statement
        whose claim it refers to, or -1.
    heard
        int64 (h,): the claims that a row's causes name, each once for each row, by a statement of theirs.
    times
        int64 (codes,): how many rows have each code.
    levels
        int64 (levels,): how many rows have a claim among their causes, by the level of the strongest.
    """

    ends: npt.NDArray[np.int32]
    codes: Ints
    numbers: Ints
    heard: Ints
    times: Ints
    levels: Ints


@compiled_lean
def _survey(going: Going, said: Said, left: Ints) -> tuple[int, int]:
    """Count the pairs of rows that go whose targets have one statement, and those with several; ``left`` takes the places of these.

    All statements are asked for ahead: since rows were decided, other work may have taken their place in the cache.
    """
    alone, several, at = 0, 0, 0
    for first in range(0, going.pair_rows.shape[0], BLOCK_PAIRS):
        fetch_said(going.pair_targets, first, min(first + BLOCK_PAIRS, going.pair_rows.shape[0]), said)
    for i in range(going.rows.shape[0]):
        while at < going.pair_rows.shape[0] and going.pair_rows[at] < going.rows[i]:
            at += 1
        while at < going.pair_rows.shape[0] and going.pair_rows[at] == going.rows[i]:
            target = going.pair_targets[at]
            if said.starts[target + 1] - said.starts[target] > 1:
                left[several] = at
                several += 1
            else:
                alone += 1
            at += 1
    return alone, several


def survey(going: Going, said: Said) -> tuple[int, Ints]:
    """Return how many pairs of rows that go have a target with one statement, and the places of the others, int64 (s,)."""
    left = np.empty(len(going.pair_rows), np.int64)
    alone, several = _survey(going, said, left)
    return alone, left[:several]


@compiled_within
def _before(entries: Ints, one: Word, other: Word, said: Said) -> bool:
    """Whether an entry comes before another: by the id of its claim, then by how narrow its way is."""
    left, right = said.records[entries[one, _NUMBER]], said.records[entries[other, _NUMBER]]
    for word in range(CLAIM_WORD, CLAIM_WORD + 2):
        if left[word] != right[word]:
            return bool(swapped_word(left[word]) < swapped_word(right[word]))
    return bool(_BREADTHS[entries[one, _KIND]] < _BREADTHS[entries[other, _KIND]])


@compiled_lean
def _sorted(entries: Ints, count: int, said: Said) -> None:
    """Sort ``entries[:count]`` by Shell's method, which needs no memory; ``entries[count]`` is lost."""
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            for field in range(entries.shape[1]):
                entries[count, field] = entries[i, field]
            at = i
            while at >= gap and _before(entries, count, at - gap, said):
                for field in range(entries.shape[1]):
                    entries[at, field] = entries[at - gap, field]
                at -= gap
            for field in range(entries.shape[1]):
                entries[at, field] = entries[count, field]
        gap //= 3


@compiled_lean
def _joined(entries: Ints, count: int, said: Said) -> int:
    """Sort ``entries[:count]`` by their claims and make one of those of one claim; return how many stay."""
    _sorted(entries, count, said)
    last = 0
    for i in range(1, count):
        one, other = said.records[entries[last, _NUMBER]], said.records[entries[i, _NUMBER]]
        if one[CLAIM_WORD] == other[CLAIM_WORD] and one[CLAIM_WORD + 1] == other[CLAIM_WORD + 1]:
            for field in range(_LEVEL, entries.shape[1]):
                entries[last, field] = max(entries[last, field], entries[i, field])
        else:
            last += 1
            for field in range(entries.shape[1]):
                entries[last, field] = entries[i, field]
    return last + 1


@compiled_within
def _place(rising: Ints, number: Word) -> Word:
    """Return where a number stands among rising ones."""
    low, high = I64(0), I64(rising.shape[0] - 1)
    while low < high:
        middle = (low + high) >> 1
        if rising[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low


@compiled_within
def _entered(target: Word, said: Said, rules: Rules, several: Spoken, entries: Ints, count: int) -> int:
    """Write an entry for each statement about a target behind ``entries[:count]``; return how many there are then."""
    kind, first = kind_of(target, said), I64(said.starts[target])
    begin: Word = I64(0)
    end: Word = I64(1)
    alone = I64(said.starts[target + 1]) - first == 1
    if not alone:
        place = _place(several.targets, target)
        begin, end = several.firsts[place], several.firsts[place + 1]
    for i in range(begin, end):
        number = first if alone else several.numbers[i]
        record = said.records[number]
        entries[count, _NUMBER] = number
        entries[count, _KIND] = kind
        entries[count, _LEVEL] = I64((record[FACTS_WORD] >> U64(EVIDENCE_SHIFT)) & _BYTE)
        entries[count, _HEARD] = 0
        at = heard_at(record, kind, rules) if alone else I64(0)
        for use in range(rules.uses.shape[0]):
            answer = answer_at(record, at, use, rules) if alone else I64(several.answers[i, use])
            entries[count, _ANSWERS + use] = answer
        count += 1
    return count


@compiled_within
def _caused(code: Word, number: Word, row: int, count: int, causes: Causes, last: Ints) -> int:
    """Write one cause behind ``count`` others of all rows."""
    causes.codes[count] = code
    causes.numbers[count] = number
    if last[code] != row:
        last[code] = row
        causes.times[code] += 1
    return count + 1


@compiled_within
def _answered(
    entries: Ints, size: int, against: Against, row: int, count: int, causes: Causes, last: Ints
) -> int:
    """Write the causes of one row that its ``size`` entries are, or their silence."""
    for use in range(entries.shape[1] - _ANSWERS):
        most = I64(0)
        for i in range(size):
            most = max(most, entries[i, _ANSWERS + use])
        if against.lets[most]:
            continue
        if most == 0:
            count = _caused(against.alone[use], I64(NO_STATEMENT), row, count, causes, last)
            continue
        for i in range(size):
            if entries[i, _ANSWERS + use] == most:
                code = (use * PREFERENCES + most) * METHODS + entries[i, _KIND] + 1
                count = _caused(code, entries[i, _NUMBER], row, count, causes, last)
                entries[i, _HEARD] = 1
    return count


@compiled_within
def _heard(entries: Ints, size: int, heard: int, causes: Causes) -> int:
    """Note the claims that the causes of a row name, and the level of the strongest, behind ``heard`` others."""
    level = I64(-1)
    for i in range(size):
        if entries[i, _HEARD]:
            causes.heard[heard] = entries[i, _NUMBER]
            heard += 1
            level = max(level, entries[i, _LEVEL])
    if level >= 0:
        causes.levels[level] += 1
    return heard


@compiled_lean
def _explain(
    going: Going,
    said: Said,
    rules: Rules,
    several: Spoken,
    against: Against,
    entries: Ints,
    last: Ints,
    causes: Causes,
) -> tuple[int, int]:
    """Write the causes of rows; return how many there are, and how many claims are heard."""
    at, count, heard = 0, 0, 0
    uses, pairs = rules.uses.shape[0], going.pair_rows.shape[0]
    causes.ends[0] = 0
    for row in range(going.rows.shape[0]):
        while at < pairs and going.pair_rows[at] < going.rows[row]:
            at += 1
        size = 0
        while at < pairs and going.pair_rows[at] == going.rows[row]:
            size = _entered(going.pair_targets[at], said, rules, several, entries, size)
            at += 1
        if size > 1:
            size = _joined(entries, size, said)
        count = _answered(entries, size, against, row, count, causes, last)
        heard = _heard(entries, size, heard, causes)
        if going.bad_digest[row]:
            count = _caused(against.alone[uses], I64(NO_STATEMENT), row, count, causes, last)
        if going.bad_link[row]:
            count = _caused(against.alone[uses + 1], I64(NO_STATEMENT), row, count, causes, last)
        if going.unchecked[row]:
            count = _caused(against.alone[uses + 2], I64(NO_STATEMENT), row, count, causes, last)
        causes.ends[row + 1] = count
    return count, heard


def explain(
    going: Going, said: Said, rules: Rules, several: Spoken, against: Against, entries: int
) -> Causes:
    """Say why rows go, whose pairs make up to ``entries`` entries together.

    ``several`` has what was said about those of their targets, rising, about which there are several statements.
    """
    uses, size = len(rules.uses), len(going.rows)
    codes = len(against.alone) * PREFERENCES * METHODS
    room = entries * uses + size * len(against.alone)
    causes = Causes(
        np.empty(size + 1, np.int32),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(entries, np.int64),
        np.zeros(codes, np.int64),
        np.zeros(_LEVELS, np.int64),
    )
    working = np.empty((entries + 1, _ANSWERS + uses), np.int64)
    last = np.full(codes, NO_STATEMENT)
    told = Spoken(*(read_only(array) for array in several))
    count, heard = _explain(going, said, rules, told, against, working, last, causes)
    return causes._replace(
        codes=causes.codes[:count], numbers=causes.numbers[:count], heard=causes.heard[:heard]
    )
