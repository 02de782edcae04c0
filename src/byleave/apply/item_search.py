"""Where items stand, or would stand, among sorted entries: looked for where they nearly stand, since ids are digests and spread evenly."""

from __future__ import annotations

from typing import Final

import numpy as np

from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha256 import Ints, Word, Words

NEAR_ROWS: Final = 512
"""An item of 131,072 seldom stands farther from where it would if ids were spread quite evenly: it is nearly three times what is to be expected."""


def places_of(entries: Words, items: Words, nearly: Ints) -> Ints:
    """Return how many entries, uint64 (n, 3), are below each of some items, uint64 (k, 2): int64 (k,).

    ``nearly`` int64 (k,), each from 0 to n, says where to look first; wherever an item stands it is found.
    """
    found = np.empty(len(items), np.int64)
    _find_many(entries, read_only(items), read_only(nearly), np.int64(NEAR_ROWS), found)
    return found


@compiled_within
def _is_below(entries: Words, at: Word, first: Word, second: Word) -> bool:
    below: bool = entries[at, 0] < first or (entries[at, 0] == first and entries[at, 1] < second)
    return below


@compiled_lean
def _find_many(entries: Words, items: Words, nearly: Ints, near: Word, found: Ints) -> None:
    size = entries.shape[0]
    for i in range(items.shape[0]):
        first, second = items[i, 0], items[i, 1]
        low, high, step = max(nearly[i] - near, 0), min(nearly[i] + near, size), near
        while low > 0 and not _is_below(entries, low - 1, first, second):
            low, high, step = max(low - step, 0), low, 2 * step
        while high < size and _is_below(entries, high, first, second):
            low, high, step = high, min(high + step, size), 2 * step
        while low < high:
            middle = (low + high) // 2
            if _is_below(entries, middle, first, second):
                low = middle + 1
            else:
                high = middle
        found[i] = low
