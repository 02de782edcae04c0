"""What each target answers for each requested use, by the rules of consent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from byleave.apply.acting import answer_pairs, said_in
from byleave.apply.covering import Copy, CoverageTables
from byleave.apply.judging import Answers, Terms, judge
from byleave.apply.near import NearNumbers
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints, distinct, read_only
from byleave.consent import Preference, Regime, Statement, TargetKind, keeps
from byleave.fingerprints import Method

_NOT_YET, _KNOWN = 0, np.uint8(1)
_MOST_REMEMBERED = 50_000
_JUDGED_AT_ONCE = 100_000


class Verdicts:
    """Answers by target number. Those of targets about which several things were said are filled in when such a target is first hit.

    A target beyond the ruleset's is a place in the coverage, and one beyond these a picture at a distance.
    """

    def __init__(self, ruleset: Ruleset, coverage: CoverageTables | None, terms: Terms) -> None:
        self._ruleset = ruleset
        self._coverage = coverage
        self.terms = terms
        self._statements: dict[int, tuple[Statement, ...]] = {}
        self.near = NearNumbers.of(ruleset, coverage)
        self.said, self._rules = said_in(ruleset), terms.rules()
        # Made of zeros, memory is taken where a target is noted and nowhere else.
        self._known = np.zeros((self.near.first, len(terms.uses)), np.uint8)

    def answers(self, rows: Ints, targets: Ints, size: int) -> Answers:
        """Return the strongest answer per row and use, uint8 (size, uses), from pairs sorted by row."""
        combined = np.zeros((size, len(self.terms.uses)), np.uint8)
        if not len(rows):
            return combined
        left = np.empty(len(rows), np.int64)
        rows, targets = read_only(rows), read_only(targets)
        count = answer_pairs(rows, targets, self.said, self._rules, combined, left)
        if count:
            owners, answers = rows[left[:count]], self.of(targets[left[:count]])
            firsts = np.flatnonzero(np.diff(owners, prepend=-1))
            strongest = np.maximum.reduceat(answers, firsts, axis=0)
            combined[owners[firsts]] = np.maximum(combined[owners[firsts]], strongest)
        return combined

    def of(self, targets: Ints) -> Answers:
        """Return the strongest answer per target and use, uint8 (n, uses)."""
        targets = np.where(targets < self.near.first, targets, self.near.target(targets))
        self._judge(distinct(targets[self._known[targets, 0] == _NOT_YET]))
        known: Answers = self._known[targets] - _KNOWN
        return known

    def _judge(self, targets: Ints) -> None:
        exact = targets[targets < self._ruleset.targets]
        self._known[exact] = judge(self._ruleset, exact, self.terms) + _KNOWN
        for place in targets[len(exact) :].tolist():
            self._known[place] = self.of(np.array(self.works(place), np.int64)).max(axis=0) + _KNOWN

    def copies(self, target: int, claims: set[bytes]) -> list[Copy]:
        """Return the matches of some claims behind a place in the coverage, or a picture at a distance; none for a target of the ruleset."""
        if target >= self.near.first:
            work, distance = self.near.target(target), self.near.distance(target)
            reached = claims.intersection(self._ruleset.claims_of(work))
            return [Copy(claim, (work,), Method.PDQ.value, distance) for claim in reached]
        if self._coverage is None or target < self._ruleset.targets:
            return []
        places = self._coverage.places[target - self._ruleset.targets]
        return [copy for copy in places if copy.claim in claims]

    def statements(self, target: int) -> tuple[Statement, ...]:
        """Return everything that was said about a target, or about the works of which something is a copy."""
        if target not in self._statements:
            if len(self._statements) >= _MOST_REMEMBERED:
                self._statements.clear()
            self._statements[target] = self._look_up(target)
        return self._statements[target]

    def _look_up(self, target: int) -> tuple[Statement, ...]:
        return tuple(statement for work in self.works(target) for statement in self._ruleset.statements(work))

    def works(self, target: int) -> list[int]:
        """Return the targets of the works of which a place in the coverage, or a picture at a distance, is a copy; a target of the ruleset itself."""
        if target < self._ruleset.targets:
            return [target]
        if target >= self.near.first or self._coverage is None:
            return [self.near.target(target)]
        places = self._coverage.places[target - self._ruleset.targets]
        return sorted({work for copy in places for work in copy.targets})

    def bind(self, kinds: Sequence[TargetKind], *, without_pictures: bool = False) -> bool:
        """Whether anything said about targets of ``kinds`` acts as a refusal on a requested use.

        ``without_pictures`` passes over targets whose claims all name a picture as well: its comparison finds the exact file too.
        """
        wanted = self._ruleset.targets_of(kinds)
        pictured: frozenset[bytes] | None = None
        for first in range(wanted.start, wanted.stop, _JUDGED_AT_ONCE):
            targets = np.arange(first, min(first + _JUDGED_AT_ONCE, wanted.stop))
            binding = targets[judge(self._ruleset, targets, self.terms).max(axis=1) > Preference.ALLOW]
            if not without_pictures and len(binding):
                return True
            if len(binding) and pictured is None:
                pictured = self._pictured()
            if any(not (pictured or frozenset()).issuperset(self._ruleset.claims_of(t)) for t in binding):
                return True
        return False

    def _pictured(self) -> frozenset[bytes]:
        targets = self._ruleset.targets_of([TargetKind.PICTURE])
        first, end = self._ruleset.starts[[targets.start, targets.stop]].tolist()
        return frozenset(row.tobytes() for row in self._ruleset.rows["claim"][first:end])


def kept(answers: Answers, faulty: npt.NDArray[np.bool_], regime: Regime) -> npt.NDArray[np.bool_]:
    """Say which rows stay under a regime: each use must let them stay, and nothing may be unreadable but in research."""
    if regime is Regime.RESEARCH:
        return np.ones(len(faulty), bool)
    stays = ~faulty
    for place in range(answers.shape[1]):
        for preference in _against(regime):
            stays &= answers[:, place] != preference
    return stays


@cache
def _against(regime: Regime) -> tuple[int, ...]:
    """Return the answers that take rows out, as numbers: against members of an enumeration numpy compares ten times slower."""
    return tuple(int(preference) for preference in Preference if not keeps(preference, regime))
