"""The levels of a page: which of its entries begin a row, and which have a value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byleave.apply.pages.compact import unsigned_written
from byleave.apply.pages.runs import Numbers, bits_for, read_runs, written_runs
from byleave.apply.pages.values import Flags


class Levels(NamedTuple):
    """Levels of the ``entries`` of a page: uint32 (entries,), or ``None`` where all are the ``greatest``."""

    numbers: Numbers | None
    greatest: int
    entries: int

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
        if data == _run(greatest, count):
            return cls(None, greatest, count)
        numbers = read_runs(np.frombuffer(data, np.uint8), bits_for(greatest), count)
        return cls(None if (numbers == greatest).all() else numbers, greatest, count)

    def are(self, level: int) -> Flags:
        """Return which entries have a level, bool (entries,)."""
        if self.numbers is None:
            return np.full(self.entries, level == self.greatest)
        found: Flags = self.numbers == level
        return found

    @property
    def at_greatest(self) -> Flags | None:
        """Which entries have the greatest level, bool (entries,); ``None`` for all."""
        return None if self.numbers is None else self.numbers == self.greatest

    def taken(self, stays: Flags, count: int) -> Levels:
        """Return the levels of the ``count`` entries that stay."""
        return Levels(None if self.numbers is None else self.numbers[stays], self.greatest, count)

    def written(self) -> bytes:
        """Write the levels, without their size."""
        if not self.greatest:
            return b""
        if self.numbers is None:
            return _run(self.greatest, self.entries)
        return written_runs(self.numbers, bits_for(self.greatest)).tobytes()


def _run(level: int, count: int) -> bytes:
    """Write a level ``count`` times, as one run."""
    return unsigned_written(2 * count) + level.to_bytes((bits_for(level) + 7) // 8, "little")
