"""Claims counted by the numbers of their statements, and named when all are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from byleave.apply.judging import Flags
from byleave.apply.naming import claim_ids, claim_names
from byleave.apply.ruleset import Ruleset
from byleave.apply.tables import Ints
from byleave.urls.bulk.sha256 import Words

MOST_PENDING = 1 << 20
"""Numbers that are noted before equal ones are added up."""

_IDS_ALONE = 2
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
        """Return the ``most`` frequent claims by their keys, and how many others there were; forget them all.

        Among claims of one count the first by their keys win. Where there are ``further`` ones, all are returned together with these.
        """
        if self._ruleset is None or not len(self._numbers) + self._waiting:
            return further, 0
        ruleset, self._ruleset = self._ruleset, None
        numbers = np.concatenate([self._numbers, *self._pending])
        counts = np.concatenate([self._counts, np.ones(self._waiting, np.int64)])
        self._pending, self._waiting, self._numbers, self._counts = [], 0, _NONE, _NONE
        order, firsts = _by_claim(ruleset, numbers)
        times, claims = np.add.reduceat(counts[order], firsts), numbers[order[firsts]]
        chosen = np.arange(len(times)) if further else _most(times, most)
        keys = claim_names(ruleset, claims[chosen]).keys(several=ruleset.is_union)
        found = Counter(dict(zip(keys.to_pylist(), times[chosen].tolist(), strict=True)))
        found.update(further)
        return found, len(times) - len(chosen)

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


def _by_claim(ruleset: Ruleset, numbers: Ints) -> tuple[Ints, Ints]:
    """Sort statements by the keys of their claims; return the order, and where in it each claim begins."""
    columns = claim_ids(ruleset, numbers)
    # Half an id nearly always tells claims apart, and is sorted by in a fifth of the time.
    order = np.argsort(columns[-1]) if len(columns) == _IDS_ALONE else np.lexsort(columns)
    changes = _changes(columns, order)
    if (np.logical_or.reduce(changes) & ~changes[-1]).any():
        order = np.lexsort(columns)
        changes = _changes(columns, order)
    return order, np.flatnonzero(np.logical_or.reduce(changes))


def _most(times: Ints, most: int) -> Ints:
    """Return the places of the greatest, the first where some are equal, rising."""
    if len(times) <= most:
        return np.arange(len(times))
    least = np.partition(times, len(times) - most)[len(times) - most]
    above, equal = np.flatnonzero(times > least), np.flatnonzero(times == least)
    return np.sort(np.concatenate([above, equal[: most - len(above)]]))


def _changes(columns: Sequence[Words], order: Ints) -> list[Flags]:
    """Say for each column where it differs from the row before."""
    return [np.diff(column[order], prepend=column[order[:1]] - np.uint64(1)) != 0 for column in columns]
