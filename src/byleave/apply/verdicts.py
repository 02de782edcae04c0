"""What each target answers for each requested use: computed once per target by the rules of consent, then looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from byleave.apply.covering import Copy, CoverageTables
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints
from byleave.consent import Preference, Regime, Statement, TargetKind, Use, acting, combine, keeps

Answers = npt.NDArray[np.uint8]

_NOT_YET = 255
_MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What the trainer asked for: the uses, the moment that counts, and whether refusals not confirmed yet act."""

    uses: tuple[Use, ...]
    at: datetime
    with_pending: bool


class Verdicts:
    """Answers by target number, filled in when a target is first hit. A target beyond the ruleset's is a place in the coverage."""

    def __init__(self, ruleset: Ruleset, coverage: CoverageTables | None, terms: Terms) -> None:
        self._ruleset = ruleset
        self._coverage = coverage
        self.terms = terms
        self._said: dict[int, tuple[Statement, ...]] = {}
        places = len(coverage.places) if coverage else 0
        self._answers = np.full((ruleset.targets + places, len(terms.uses)), _NOT_YET, np.uint8)

    def answers(self, rows: Ints, targets: Ints, size: int) -> Answers:
        """Return the strongest answer per row and use, uint8 (size, uses), from pairs sorted by row."""
        combined = np.zeros((size, len(self.terms.uses)), np.uint8)
        if not len(rows):
            return combined
        for target in np.unique(targets[self._answers[targets, 0] == _NOT_YET]):
            self._answers[target] = self._compute(int(target))
        firsts = np.flatnonzero(np.diff(rows, prepend=-1))
        combined[rows[firsts]] = np.maximum.reduceat(self._answers[targets], firsts, axis=0)
        return combined

    def copies(self, target: int) -> tuple[Copy, ...]:
        """Return the matches behind a place in the coverage; none for a target of the ruleset."""
        if self._coverage is None or target < self._ruleset.targets:
            return ()
        return self._coverage.places[target - self._ruleset.targets]

    def statements(self, target: int) -> tuple[Statement, ...]:
        """Return everything that was said about a target, or about the works that a place in the coverage is a copy of."""
        if target not in self._said:
            if len(self._said) >= _MOST_REMEMBERED:
                self._said.clear()
            self._said[target] = self._look_up(target)
        return self._said[target]

    def _look_up(self, target: int) -> tuple[Statement, ...]:
        if target < self._ruleset.targets:
            return self._ruleset.statements(target)
        works = sorted({work for copy in self.copies(target) for work in copy.targets})
        return tuple(statement for work in works for statement in self._ruleset.statements(work))

    def bind(self, kinds: Sequence[TargetKind], *, without_pictures: bool = False) -> bool:
        """Whether anything said about targets of ``kinds`` acts as a refusal on a requested use.

        ``without_pictures`` passes over targets whose claims all name a picture as well: its comparison finds the exact file too.
        """
        pictured = self._pictured() if without_pictures else frozenset()
        return any(
            not pictured.issuperset(self._ruleset.claims_of(target))
            for target in self._ruleset.targets_of(kinds)
            if max(self._compute(target)) > Preference.ALLOW
        )

    def _pictured(self) -> frozenset[bytes]:
        pictures = self._ruleset.targets_of([TargetKind.PICTURE])
        return frozenset(claim for target in pictures for claim in self._ruleset.claims_of(target))

    def _compute(self, target: int) -> list[Preference]:
        statements, terms = self.statements(target), self.terms
        return [
            combine(
                statement.preferences.for_use(use)
                for statement in acting(statements, use, terms.at, with_pending_refusals=terms.with_pending)
            )
            for use in terms.uses
        ]


def kept(answers: Answers, faulty: npt.NDArray[np.bool_], regime: Regime) -> npt.NDArray[np.bool_]:
    """Say which rows stay under a regime: each use must let them stay, and nothing may be unreadable but in research."""
    lets = np.array([keeps(preference, regime) for preference in Preference])
    stays: npt.NDArray[np.bool_] = np.all(lets[answers], axis=1)
    return stays if regime is Regime.RESEARCH else stays & ~faulty
