"""The rows of a tree of items, sorted in memory that hardly grows.

Each is held as three words while it is sorted: the two of its item id, as numbers, and its place. They are parted by the first bits of
their ids, on the disk where they are many, and sorted part by part. Item ids are spread evenly, so a row is put straight where it nearly
belongs; what is left is sorted among a few neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean
from byleave.errors import InputError
from byleave.release.items import ROW_BYTES
from byleave.urls.bulk.sha256 import Bytes, Ints, Word, Words
from byleave.urls.bulk.wide import store_word, swapped_word

HELD_ROWS: Final = 2**21
"""Rows held in memory, 24 bytes each; of more, some at a time go to the disk."""

SORTED_ROWS: Final = 2**16
"""Rows sorted at once, few enough for the processor's second cache; of more the next bits part them first."""

PARTITION_BITS: Final = 6
"""More places than this to write to at a time cost more than they save."""

FINER_BITS: Final = 4
"""Where rows go to the disk they are parted by these bits as well, so that a partition of thousands of millions fits into memory."""

_ENTRY_BYTES: Final = 24
_ROW_BITS: Final = 40
"""A place is the number of a part, and in these bits the number of a row."""

_MOST_MOVES: Final = 64
"""Moves for each row when neighbours are sorted: honest ids take less than one. Whoever made many ids alike gets the slower sort."""

_U64 = np.uint64
_LOW: Final = _U64(2**_ROW_BITS - 1)

Piece = tuple[int, Bytes]
"""The number of a part, and the item ids, uint8 (n, 16), of its next rows; zeros stand for a row without one."""


def sorted_rows(pieces: Iterator[Piece], aside: Path, count: int) -> Iterator[Bytes]:
    """Yield the rows of all pieces in order, uint8 (``count``, 28), the last time fewer; each is good until the next is asked for.

    Pieces of one part come in the order of its rows. ``aside`` is a file for the use of this alone, and goes.

    Raises
    ------
    InputError
        If there are more parts, or a part has more rows, than a place has room for.
    """
    with _Parted(aside) as parted:
        for place, items in _placed(pieces):
            parted.add(place, items)
        filled, given = 0, np.empty(count * ROW_BYTES, np.uint8)
        for entries in parted.sorted():
            at = 0
            while at < len(entries):
                taken = min(count - filled, len(entries) - at)
                _write_rows(entries, at, taken, given, filled)
                at, filled = at + taken, filled + taken
                if filled == count:
                    yield given.reshape(-1, ROW_BYTES)
                    filled = 0
    if filled:
        yield given[: filled * ROW_BYTES].reshape(-1, ROW_BYTES)


def _placed(pieces: Iterator[Piece]) -> Iterator[tuple[int, Words]]:
    """Yield the ids of some rows, uint64 (n, 2), with the place of the first."""
    part, row = -1, 0
    for number, items in pieces:
        part, row = number, row if number == part else 0
        if part >> (64 - _ROW_BITS) or (row + len(items)) >> _ROW_BITS:
            raise InputError(
                f"part {part} with {row + len(items):,} rows is more than can be bound",
                remedy=f"spread the dataset over less than {2 ** (64 - _ROW_BITS):,} files",
            )
        words = read_only(np.ascontiguousarray(items).view(_U64).reshape(-1, 2))
        for at in range(0, len(words), HELD_ROWS):
            yield (part << _ROW_BITS) + row + at, words[at : at + HELD_ROWS]
        row += len(items)


def placed(part: int, rows: Ints) -> Ints:
    """Return the places of rows, int64 (n,), of a part."""
    return rows + (part << _ROW_BITS)


def rows_in_order(ids: Bytes, places: Ints) -> Bytes:
    """Return rows of some item ids, uint8 (n, 16), at places, int64 (n,), in order, uint8 (n, 28): for as many as memory holds."""
    words = np.ascontiguousarray(ids).view(">u8").reshape(-1, 2)
    order = np.lexsort((places, words[:, 1], words[:, 0]))
    rows = np.empty((len(ids), ROW_BYTES), np.uint8)
    rows[:, :-12], ranked = ids[order], places[order]
    rows[:, -12:-8] = (ranked >> _ROW_BITS).astype(">u4").view(np.uint8).reshape(-1, 4)
    rows[:, -8:] = (ranked & int(_LOW)).astype(">u8").view(np.uint8).reshape(-1, 8)
    return rows


class _Parted:
    """Rows on their way: held in memory, and in a file where they are too many."""

    def __init__(self, aside: Path) -> None:
        self._aside = aside
        self._room = np.empty((0, 3), _U64)
        self._held: list[tuple[int, Words]] = []
        self._rows = 0
        self._sizes: list[Ints] = []
        self._file = aside.open("w+b")

    def __enter__(self) -> _Parted:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._aside.unlink()

    def add(self, place: int, items: Words) -> None:
        """Take some rows."""
        if self._rows + len(items) > HELD_ROWS:
            parted, sizes = _finer(*self._part())
            self._file.write(parted.data)
            self._sizes.append(sizes)
        self._held.append((place, items))
        self._rows += len(items)

    def _part(self) -> tuple[Words, Ints]:
        """Part the rows that are held; return them, partition by partition, and the size of each."""
        sizes = np.zeros(2**PARTITION_BITS, np.int64)
        for _, items in self._held:
            _count(items, sizes)
        if len(self._room) < self._rows:
            self._room = np.empty((self._rows, 3), _U64)
        ends = np.cumsum(sizes) - sizes
        for place, items in self._held:
            _part(items, _U64(place), ends, self._room)
        parted = self._room[: self._rows]
        self._held, self._rows = [], 0
        return parted, sizes

    def sorted(self) -> Iterator[Words]:
        """Yield the rows in order, as entries uint64 (n, 3): two words of the id, and the place."""
        last, last_sizes = self._part()
        known = PARTITION_BITS
        if self._sizes:
            last, last_sizes = _finer(last, last_sizes)
            known += FINER_BITS
        sizes = np.stack([*self._sizes, last_sizes])
        ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
        written = int(sizes[:-1].sum())
        most = int(sizes.sum(axis=0).max(initial=0))
        gathered, room = np.empty((most if written else 0, 3), _U64), np.empty((most, 3), _U64)
        for place in range(2**known):
            begin, end = int(ends[-1, place] - sizes[-1, place]) - written, int(ends[-1, place]) - written
            entries = last[begin:end]
            if written:
                entries = self._gather(sizes[:-1, place], ends[:-1, place], entries, gathered)
            yield from _sorted(entries, known, room[: len(entries)])

    def _gather(self, sizes: Ints, ends: Ints, last: Words, room: Words) -> Words:
        """Read what the file holds of one partition, and put what is held behind it."""
        at = 0
        for size, end in zip(sizes.tolist(), ends.tolist(), strict=True):
            self._file.seek((end - size) * _ENTRY_BYTES)
            self._file.readinto(room[at : at + size].view(np.uint8).data)
            at += size
        room[at : at + len(last)] = last
        return room[: at + len(last)]


def _finer(parted: Words, sizes: Ints) -> tuple[Words, Ints]:
    """Part each partition by further bits; return all, and the size of each."""
    finer, every, begin = np.empty_like(parted), [], 0
    for size in sizes.tolist():
        ends = np.zeros(2**FINER_BITS + 1, np.int64)
        span = slice(begin, begin + size)
        _spread(parted[span], _U64(PARTITION_BITS), _U64(64 - FINER_BITS), ends, finer[span])
        every.append(np.diff(ends[:-1], prepend=0))
        begin += size
    return finer, np.concatenate(every)


def _sorted(entries: Words, known: int, room: Words) -> Iterator[Words]:
    """Yield entries that are alike in the first ``known`` bits of their ids, in order; ``room`` is as large, and both are written to."""
    bits = len(entries).bit_length()
    if len(entries) <= SORTED_ROWS or known >= 64 - PARTITION_BITS:
        yield sorted_entries(entries, known, min(bits, 64 - known), room)
        return
    ends = np.zeros(2**PARTITION_BITS + 1, np.int64)
    _spread(entries, _U64(known), _U64(64 - PARTITION_BITS), ends, room)
    begin = 0
    for end in ends[:-1].tolist():
        yield from _sorted(room[begin:end], known + PARTITION_BITS, entries[begin:end])
        begin = end


def sorted_entries(entries: Words, known: int, bits: int, room: Words) -> Words:
    """Return entries in the order of their ids, in ``room`` as a rule. Those of one id must come in the order of their places already."""
    if bits and _sort(entries, _U64(known), _U64(64 - bits), np.zeros(2**bits + 1, np.int64), room):
        return room
    found: Words = entries[np.lexsort((entries[:, 1], entries[:, 0]))]
    return found


@compiled_lean
def _count(items: Words, sizes: Ints) -> None:
    for i in range(len(items)):
        sizes[(items[i, 0] & _U64(0xFF)) >> _U64(8 - PARTITION_BITS)] += 1


@compiled_lean
def _part(items: Words, place: Word, ends: Ints, entries: Words) -> None:
    """Write each item as an entry at the end of its partition; ``ends`` moves on."""
    for i in range(len(items)):
        first = items[i, 0]
        partition = (first & _U64(0xFF)) >> _U64(8 - PARTITION_BITS)
        at = ends[partition]
        ends[partition] = at + 1
        entries[at, 0] = swapped_word(first)
        entries[at, 1] = swapped_word(items[i, 1])
        entries[at, 2] = place + _U64(i)


@compiled_lean
def _spread(entries: Words, known: Word, shift: Word, ends: Ints, found: Words) -> None:
    """Write entries by the bits of their ids that follow the first ``known``; ``ends``, zero at first, says where those of each value end."""
    for i in range(len(entries)):
        ends[((entries[i, 0] << known) >> shift) + _U64(1)] += 1
    for value in range(1, len(ends)):
        ends[value] += ends[value - 1]
    for i in range(len(entries)):
        value = (entries[i, 0] << known) >> shift
        at = ends[value]
        ends[value] = at + 1
        for word in range(3):
            found[at, word] = entries[i, word]


@compiled_lean
def _sort(entries: Words, known: Word, shift: Word, ends: Ints, found: Words) -> bool:
    """Order entries into ``found``; say whether that was done before too many moves were made."""
    _spread(entries, known, shift, ends, found)
    moves = 0
    for at in range(1, len(found)):
        key, low = found[at, 0], found[at, 1]
        if found[at - 1, 0] < key or (found[at - 1, 0] == key and found[at - 1, 1] <= low):
            continue
        place, to = found[at, 2], at
        while to > 0 and (found[to - 1, 0] > key or (found[to - 1, 0] == key and found[to - 1, 1] > low)):
            for word in range(3):
                found[to, word] = found[to - 1, word]
            to -= 1
        found[to, 0], found[to, 1], found[to, 2] = key, low, place
        moves += at - to
        if moves > _MOST_MOVES * len(found):
            return False
    return True


@compiled_lean
def _write_rows(entries: Words, first: int, count: int, rows: Bytes, at: int) -> None:
    """Write entries as the rows of a leaf, from the ``at``-th on: the higher byte first, the part in four bytes and the row in eight."""
    out = at * ROW_BYTES
    for i in range(first, first + count):
        store_word(rows, out, swapped_word(entries[i, 0]))
        store_word(rows, out + 8, swapped_word(entries[i, 1]))
        place = entries[i, 2]
        store_word(rows, out + 16, swapped_word((place >> _U64(_ROW_BITS)) << _U64(32)))
        store_word(rows, out + 20, swapped_word(place & _LOW))
        out += ROW_BYTES
