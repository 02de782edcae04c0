"""Claims counted by the numbers of their statements, and named when all are there."""

from __future__ import annotations

from collections import Counter

import numpy as np

from byleave.apply.counting import Names
from byleave.apply.naming import claim_names
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints

MOST_PENDING = 1 << 20
"""Numbers that are noted before equal ones are added up."""

_NONE = np.zeros(0, np.int64)


class SeenClaims:
    """How often claims of one ruleset were seen."""

    def __init__(self) -> None:
        self._ruleset: Ruleset | None = None
        self._pending: list[Ints] = []
        self._waiting = 0
        self._numbers, self._counts = _NONE, _NONE

    def add(self, ruleset: Ruleset, numbers: Ints) -> None:
        """Note the claims of some statements, int64 (n,), each once."""
        self._ruleset = ruleset
        self._pending.append(numbers)
        self._waiting += len(numbers)
        if self._waiting >= MOST_PENDING:
            self._add_up()

    def take(self, further: Counter[str], most: int) -> tuple[Counter[str], int]:
        """Return the ``most`` frequent claims by their keys, as :meth:`Names.take` does; forget them all."""
        if self._ruleset is None:
            return further, 0
        self._add_up()
        names = Names()
        keys = claim_names(self._ruleset, self._numbers).keys(several=self._ruleset.is_union)
        names.add(keys, self._counts)
        self._numbers, self._counts, self._ruleset = _NONE, _NONE, None
        return names.take(further, most)

    def _add_up(self) -> None:
        seen = np.sort(np.concatenate([_NONE, *self._pending]))
        self._pending, self._waiting = [], 0
        firsts = np.flatnonzero(np.diff(seen, prepend=-1))
        numbers, counts = seen[firsts], np.diff(firsts, append=len(seen))
        if len(self._numbers):
            numbers = np.concatenate([self._numbers, numbers])
            order = np.argsort(numbers, kind="stable")
            numbers, counts = numbers[order], np.concatenate([self._counts, counts])[order]
            firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
            numbers, counts = numbers[firsts], np.add.reduceat(counts, firsts)
        self._numbers, self._counts = numbers, counts
