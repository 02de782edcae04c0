"""Count names by the million without making an object of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from byleave.apply.tables import Ints

Name = TypeVar("Name", str, bytes)

MOST_PENDING = 1 << 20
"""Names held before equal ones are added up."""


@dataclass(slots=True)
class Names:
    """Names with how often each was seen, equal ones not yet added up. ``kind`` is the type of a name, text or bytes."""

    kind: pa.DataType = field(default_factory=pa.large_string)
    _parts: list[pa.Table] = field(default_factory=list)
    _pending: int = 0
    _room: int = MOST_PENDING

    @property
    def any(self) -> bool:
        """Whether there are some."""
        return bool(self._parts)

    def add(self, names: pa.Array, counts: Ints | None = None) -> None:
        """Note an array of texts, each once or so many times."""
        times = pa.array(counts, pa.int64()) if counts is not None else pa.repeat(pa.scalar(1), len(names))
        self._parts.append(pa.table([names.cast(self.kind), times], names=["name", "count"]))
        self._pending += len(names)
        if self._pending > self._room:
            summed = self._summed()
            self._parts = [summed]
            # Where most names differ, adding up leaves many; the next time must then be as far off as all of them.
            self._pending, self._room = 0, max(MOST_PENDING, summed.num_rows)

    def take(self, further: Counter[Name], most: int) -> tuple[Counter[Name], int]:
        """Return the ``most`` frequent names, together with ``further`` ones, and how many others there were; forget them all.

        Among names of one count the first by their bytes win.
        """
        if not self._parts:
            return further, 0
        if further:
            self.add(pa.array(list(further), self.kind), _counts(further))
        summed = self._summed()
        self._parts, self._pending = [], 0
        cut = max(0, summed.num_rows - most)
        if cut:
            summed = summed.take(_most(summed, most))
        pairs = zip(summed["name"].to_pylist(), summed["count"].to_pylist(), strict=True)
        return Counter(dict(pairs)), cut

    def _summed(self) -> pa.Table:
        whole = pa.concat_tables(self._parts).combine_chunks()
        if not whole.num_rows:
            return whole
        names = whole["name"].chunk(0).dictionary_encode()
        # Sums of whole numbers are exact in these floats up to 2**53.
        counts = np.bincount(names.indices.to_numpy(), whole["count"].to_numpy()).astype(np.int64)
        return pa.table([names.dictionary, pa.array(counts)], names=["name", "count"])


def _most(names: pa.Table, most: int) -> pa.Array:
    """Return the places of the most frequent names, by their bytes where counts are equal."""
    counts = names["count"].to_numpy()
    least = np.partition(counts, len(counts) - most)[len(counts) - most]
    above, equal = np.flatnonzero(counts > least), np.flatnonzero(counts == least)
    left = most - len(above)
    tied = names["name"].combine_chunks().take(pa.array(equal)).cast(pa.large_binary())
    order = pc.partition_nth_indices(tied, pivot=left)
    wanted = equal[order.to_numpy()[:left]]
    return pa.array(np.concatenate([above, wanted]))


def _counts(names: Counter[Name]) -> Ints:
    counts: Ints = pa.array(list(names.values()), pa.int64()).to_numpy()
    return counts
