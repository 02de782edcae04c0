"""One column of one row group: its pages, with the values alone of rows that stay.

Source: "Data Pages" and "Encodings" of the Parquet format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from byleave.apply.pages.compact import Struct, malformed
from byleave.apply.pages.footer import Column, Encoding, Leaf, Physical
from byleave.apply.pages.levels import Levels
from byleave.apply.pages.page import IN_DICTIONARY, Opened, Paged, Sealed
from byleave.apply.pages.runs import Numbers, read_runs, written_runs
from byleave.apply.pages.summary import Summary
from byleave.apply.pages.values import Flags, take_values
from byleave.urls.bulk.sha256 import Bytes

_ALIGNED: Final = 8


@dataclass(slots=True)
class _Waiting:
    """A page whose values are places in the dictionary, until it is known which of these are still used."""

    page: Opened
    repetitions: Levels
    definitions: Levels
    places: Numbers
    whole: bool


class Remade(NamedTuple):
    """What becomes of a column chunk: its pages, a dictionary first if there is one, how many entries they have, and what is said of these."""

    pages: list[Paged]
    entries: int
    statistics: Struct | None


def take_out(column: Struct, leaf: Leaf, stays: Flags, pages: Sequence[Sealed | Opened]) -> Remade:
    """Return what becomes of a column chunk when only some rows stay, bool (rows of the row group,).

    Pages of which every row stays are not opened, as long as what was said of the column tells what is to be said now.

    Raises
    ------
    FormatError
        If the pages are not what the metadata say, or of a kind that is not known here.
    """
    spared = _spared(leaf, stays, pages)
    remade = None
    if any(spared):
        # A page that is written anew changes its header, from which it is opened: what follows must find it open.
        pages = [page if one else page.opened() for page, one in zip(pages, spared, strict=True)]
        remade = _ChunkRewriter(column, leaf, stays, spares=True).remade(pages, spared)
    if remade is None:
        remade = _ChunkRewriter(column, leaf, stays, spares=False).remade(pages, [False] * len(pages))
    assert remade is not None  # noqa: S101 - of pages that were all opened everything is known
    return remade


def _spared(leaf: Leaf, stays: Flags, pages: Sequence[Sealed | Opened]) -> list[bool]:
    """Return which pages need not be opened: those of plain values of which every row stays, where each entry is a row."""
    spared, row = [], 0
    for page in pages:
        first = row
        row += 0 if page.is_dictionary else page.entries
        may_be = first < row and page.is_plain and not leaf.repetitions
        spared.append(may_be and np.count_nonzero(stays[first:row]) == row - first)
    return spared


class _ChunkRewriter:
    """Takes the pages of a column chunk, and gives them with the values of rows that stay.

    Parameters
    ----------
    spares
        Whether some pages are not opened, so that values that go are looked at and not those that stay.
    """

    def __init__(self, column: Struct, leaf: Leaf, stays: Flags, *, spares: bool) -> None:
        self._column = column
        self._leaf = leaf
        self._stays = stays
        said = column.get(Column.STATISTICS)
        self._summary, self._gone = Summary(leaf, said), Summary(leaf, said) if spares else None
        self._rows = 0
        self._entries = 0
        self._left = 0
        self._dictionary: Opened | None = None
        self._made: list[Paged | _Waiting] = []
        self._room = np.empty(0, np.uint8)

    def remade(self, pages: Sequence[Sealed | Opened], spared: Sequence[bool]) -> Remade | None:
        """Return what becomes of the pages; ``None`` if what is to be said of them cannot be told while some are ``spared``."""
        for page, is_spared in zip(pages, spared, strict=True):
            if is_spared:
                self._spare(page)
            elif page.is_dictionary:
                self._dictionary = page.opened()
            else:
                self._add(page.opened())
        if self._entries != self._column.number(Column.VALUES) or self._rows != len(self._stays):
            raise malformed("a column has other rows than its row group")
        finished = self._finished()
        if self._gone is not None and not self._summary.outlasts(self._gone):
            return None
        return Remade(finished, self._left, self._summary.written())

    def _spare(self, page: Sealed | Opened) -> None:
        """Take a data page as it stands, each of whose entries is a row that stays."""
        self._rows += page.entries
        self._entries += page.entries
        self._left += page.entries
        self._made.append(page.unchanged())

    def _add(self, page: Opened) -> None:
        """Take a data page."""
        stays = self._entries_that_stay(page)
        self._entries += page.entries
        count = int(np.count_nonzero(stays))
        there = page.definitions.at_greatest
        values = stays if there is None else stays[there]
        nulls = count - int(np.count_nonzero(values))
        self._left += count
        self._summary.nulls += nulls
        if self._gone is not None:
            self._gone.nulls += page.entries - len(values) - nulls
        if not count:
            if self._gone is not None and page.encoding == Encoding.PLAIN:
                self._take(np.frombuffer(page.values, np.uint8), values, self._room_for(len(page.values)))
            return
        levels = page.repetitions.taken(stays, count), page.definitions.taken(stays, count)
        whole = count == page.entries
        if page.encoding in IN_DICTIONARY:
            places = self._places(page, len(values))[values]
            self._made.append(_Waiting(page, *levels, places, whole))
        elif page.encoding != Encoding.PLAIN:
            raise malformed(f"a page has the encoding {page.encoding}, which is not known here")
        elif whole:
            self._take(np.frombuffer(page.values, np.uint8), values, self._room_for(len(page.values)))
            self._made.append(page.unchanged())
        else:
            self._made.append(self._plain(page, *levels, values))

    def _entries_that_stay(self, page: Opened) -> Flags:
        """Return which entries of a page belong to rows that stay, bool (n,)."""
        if not self._leaf.repetitions:
            first, self._rows = self._rows, self._rows + page.entries
            stays = self._stays[first : self._rows]
        else:
            begins = page.repetitions.are(0)
            rows = np.cumsum(begins) + (self._rows - 1)
            if len(rows) and (rows[0] < 0 or rows[-1] >= len(self._stays)):
                raise malformed("a column has other rows than its row group")
            self._rows += int(np.count_nonzero(begins))
            stays = self._stays[rows]
        if len(stays) != page.entries:
            raise malformed("a column has more rows than its row group")
        return stays

    def _places(self, page: Opened, count: int) -> Numbers:
        """Return which values of the dictionary the values of a page are, uint32 (n,)."""
        if self._dictionary is None:
            raise malformed("a page needs a dictionary, and there is none")
        if not count:
            return np.zeros(0, np.uint32)
        content = np.frombuffer(page.values, np.uint8)
        if not len(content):
            raise malformed("a page has fewer values than it says")
        places = read_runs(content[1:], int(content[0]), count)
        if int(places.max()) >= self._dictionary.entries:
            raise malformed("a page names more values than its dictionary has")
        return places

    def _plain(self, page: Opened, repetitions: Levels, definitions: Levels, stays: Flags) -> Paged:
        """Make a page of plain values, and take note of the extremes among them."""
        before = page.levels_written(repetitions, definitions)
        content = np.frombuffer(page.values, np.uint8)
        first = -(-len(before) // _ALIGNED) * _ALIGNED
        out = self._room_for(first + len(content))
        out[first - len(before) : first] = np.frombuffer(before, np.uint8)
        end = first + self._take(content, stays, out[first:])
        return page.written(repetitions, definitions, out[first - len(before) : end].data)

    def _room_for(self, size: int) -> Bytes:
        """Return room for so many bytes, the same each time: a page that is made is compressed before the next one."""
        if len(self._room) < size:
            self._room = np.empty(size + size // 4, np.uint8)
        return self._room

    def _take(self, content: Bytes, stays: Flags, out: Bytes) -> int:
        """Write those of plain values that stay to ``out``, and take note of the extremes among them, or among the others; return the size."""
        if self._gone is None:
            return self._copy(content, stays, out, self._summary)
        self._copy(content, ~stays, out, self._gone)
        return self._copy(content, stays, out, None)

    def _copy(self, content: Bytes, taken: Flags, out: Bytes, summary: Summary | None) -> int:
        """Write those of plain values that are taken to ``out``, and take note of the extremes among them; return the size."""
        if self._leaf.physical is Physical.BOOLEAN:
            truths = np.unpackbits(content, count=len(taken), bitorder="little")[taken]
            if len(content) * 8 < len(taken):
                raise malformed("a page has fewer values than it says")
            if summary is not None:
                summary.add_numbers(truths)
            packed = np.packbits(truths, bitorder="little")
            out[: len(packed)] = packed
            return len(packed)
        sorts = summary is not None and summary.wants_texts
        size, extremes = take_values(content, taken, self._leaf.width, out, sorts=sorts)
        if summary is not None:
            summary.add_texts(extremes)
            summary.add_numbers(out[:size])
        return size

    def _finished(self) -> list[Paged]:
        """Write the pages that waited, behind a dictionary of those values alone that they name."""
        waiting = [page for page in self._made if isinstance(page, _Waiting)]
        if self._dictionary is None or (not waiting and self._gone is None):
            return [page for page in self._made if isinstance(page, Paged)]
        dictionary, content = self._dictionary, np.frombuffer(self._dictionary.values, np.uint8)
        used = np.zeros(dictionary.entries, np.bool_)
        for page in waiting:
            used[page.places] = True
        out = self._room_for(len(content))
        size = self._take(content, used, out)
        if not waiting:
            return [page for page in self._made if isinstance(page, Paged)]
        if used.all():
            return [dictionary.unchanged(), *(self._spoken(page, None) for page in self._made)]
        numbers = np.cumsum(used, dtype=np.uint32) - np.uint32(1)
        made = dictionary.with_values(int(np.count_nonzero(used)), out[:size].data)
        return [made, *(self._spoken(page, numbers) for page in self._made)]

    @staticmethod
    def _spoken(page: Paged | _Waiting, numbers: Numbers | None) -> Paged:
        """Write a page whose values have new ``numbers`` in the dictionary; ``None`` if they have the old ones."""
        if isinstance(page, Paged):
            return page
        if page.whole and numbers is None:
            return page.page.unchanged()
        places = page.places if numbers is None else numbers[page.places]
        # A dictionary of one value would need no bits, which not every reader takes.
        bits = max(1, int(places.max(initial=0)).bit_length())
        before = page.page.levels_written(page.repetitions, page.definitions)
        content = b"".join((before, bytes([bits]), written_runs(places, bits).tobytes()))
        return page.page.written(page.repetitions, page.definitions, memoryview(content))
