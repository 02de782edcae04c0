"""The statistics of a column chunk: how many values are null, and the least and greatest of those that stay."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from byleave.apply.pages.compact import BINARY, I64, TRUE, Struct
from byleave.apply.pages.footer import BYTES, Leaf
from byleave.apply.pages.values import Extremes
from byleave.urls.bulk.sha256 import Bytes

LONGEST: Final = 4096
"""Longer values are not named, as Arrow does not name them."""

_CHARACTER: Final = 4
"""Bytes of a character at most."""
_OLD_MOST, _OLD_LEAST, _NULLS, _DISTINCT, _MOST, _LEAST, _MOST_EXACT, _LEAST_EXACT = range(1, 9)
_EXTREMES = (_OLD_MOST, _OLD_LEAST, _MOST, _LEAST, _MOST_EXACT, _LEAST_EXACT)


class Summary:
    """Gathers what the statistics of one column chunk say.

    Parameters
    ----------
    before
        The statistics that it had; what they did not say is not gathered.
    """

    def __init__(self, leaf: Leaf, before: Struct | None) -> None:
        self._before = before
        self._kind = leaf.sorts_as if before is not None and self._has_extremes(before) else ""
        self._least: Any = None
        self._greatest: Any = None
        self.nulls = 0

    @staticmethod
    def _has_extremes(before: Struct) -> bool:
        return before.get(_MOST) is not None or before.get(_OLD_MOST) is not None

    @property
    def wants_texts(self) -> bool:
        """Whether extremes are to be found by bytes."""
        return self._kind == BYTES

    def add_texts(self, found: Extremes | None) -> None:
        """Take the extremes of some values by their bytes."""
        if found is not None:
            self._take(*found)

    def add_numbers(self, content: Bytes) -> None:
        """Take values as they are written plainly, if they sort as numbers; truths stand one in a byte."""
        if self._kind in ("", BYTES):
            return
        numbers = content.view(self._kind)
        if not len(numbers):
            return
        least, greatest = numbers.min(), numbers.max()
        if np.isnan(least):
            there = numbers[~np.isnan(numbers)]
            if not len(there):
                return
            least, greatest = there.min(), there.max()
        self._take(least, greatest)

    def _take(self, least: Any, greatest: Any) -> None:
        if self._least is None or least < self._least:
            self._least = least
        if self._greatest is None or greatest > self._greatest:
            self._greatest = greatest

    def outlasts(self, gone: Summary) -> bool:
        """Take over what was said before, less what is ``gone``; return whether it is known to hold."""
        before = self._before
        if before is None:
            return True
        nulls = before.get(_NULLS)
        self.nulls = 0 if nulls is None else nulls - gone.nulls
        if not self._kind or self.nulls < 0:
            return self.nulls >= 0
        least, greatest = self._said(before, _LEAST, _OLD_LEAST), self._said(before, _MOST, _OLD_MOST)
        exact = before.get(_LEAST_EXACT), before.get(_MOST_EXACT)
        if least is None or greatest is None or False in exact:
            return False
        self._least, self._greatest = least, greatest
        if gone._least is None:
            return True
        if not (least < gone._least and gone._greatest < greatest):
            return False
        if self._kind != BYTES or exact == (True, True):
            return True
        # Some writers cut long texts, and did not always say so.
        return not (_may_be_cut(gone._least, least) or _may_be_cut(gone._greatest, greatest))

    def _said(self, before: Struct, number: int, old: int) -> Any:
        """Return an extreme as it was said before; ``None`` if it is not there, or no such value."""
        said = before.get(number)
        if self._kind == BYTES:
            # The old fields compared bytes as signed numbers.
            return said
        said = before.get(old) if said is None else said
        fits = said is not None and len(said) == np.dtype(self._kind).itemsize
        return np.frombuffer(said, self._kind)[0] if fits else None

    def written(self) -> Struct | None:
        """Return the statistics of what was gathered, as far as there were some before."""
        before = self._before
        if before is None:
            return None
        after = Struct(dict(before.fields))
        after.drop(_DISTINCT)
        if after.get(_NULLS) is not None:
            after.set(_NULLS, I64, self.nulls)
        least, greatest = self._bytes(self._least, -1), self._bytes(self._greatest, 1)
        if least is None or greatest is None:
            after.drop(*_EXTREMES)
            return after
        if self._kind == BYTES:
            # The old fields compared bytes as signed numbers.
            after.drop(_OLD_MOST, _OLD_LEAST)
        said = ((_OLD_MOST, greatest), (_OLD_LEAST, least), (_MOST, greatest), (_LEAST, least))
        for number, value in said:
            if after.get(number) is not None:
                after.set(number, BINARY, value)
        for number in (_MOST_EXACT, _LEAST_EXACT):
            if after.get(number) is not None:
                after.set(number, TRUE, True)
        return after

    def _bytes(self, value: Any, side: int) -> bytes | None:
        """Write an extreme; a zero of floating point is written with the sign that stands for both."""
        if value is None:
            return None
        if self._kind == BYTES:
            return value if len(value) <= LONGEST else None
        if self._kind.startswith("<f") and value == 0:
            value = np.copysign(value, side)
        written: bytes = np.array(value, self._kind).tobytes()
        return written


def _may_be_cut(value: bytes, extreme: bytes) -> bool:
    """Whether an extreme may be all that was written of a text: its beginning, if it is the greatest with another last character."""
    begins = extreme[:-_CHARACTER]
    return value[: len(begins)] == begins
