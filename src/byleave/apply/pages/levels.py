"""The levels of a page: which of its entries begin a row, and which have a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from byleave.apply.pages.runs import Numbers, are_all, bits_for, read_runs, written_run, written_runs
from byleave.apply.pages.values import Flags


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of the ``count`` entries of a page: uint32 (count,), or ``None`` where all are the ``greatest``."""

    numbers: Numbers | None
    greatest: int
    count: int

    @classmethod
    def read(cls, data: memoryview, greatest: int, count: int) -> Levels:
        """Read ``count`` levels; a column whose greatest level is 0 has none written.

        Raises
        ------
        FormatError
            If there are fewer.
        """
        if not greatest or not count:
            return cls(None, greatest, count)
        content, bits = np.frombuffer(data, np.uint8), bits_for(greatest)
        if are_all(content, bits, count, greatest):
            return cls(None, greatest, count)
        return cls(read_runs(content, bits, count), greatest, count)

    def are(self, level: int) -> Flags:
        """Return which entries have a level, bool (count,)."""
        if self.numbers is None:
            return np.full(self.count, level == self.greatest)
        found: Flags = self.numbers == level
        return found

    @property
    def at_greatest(self) -> Flags | None:
        """Which entries have the greatest level, bool (count,); ``None`` for all."""
        return None if self.numbers is None else self.numbers == self.greatest

    def taken(self, stays: Flags) -> Levels:
        """Return the levels of entries that stay."""
        numbers = None if self.numbers is None else self.numbers[stays]
        return Levels(numbers, self.greatest, int(np.count_nonzero(stays)))

    def written(self) -> bytes:
        """Write the levels, without their size."""
        if not self.greatest:
            return b""
        bits = bits_for(self.greatest)
        if self.numbers is None:
            return written_run(self.greatest, self.count, bits)
        return written_runs(self.numbers, bits).tobytes()
