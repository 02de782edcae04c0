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
from byleave.compiled import compiled_lean, compiled_within
from byleave.errors import InputError
from byleave.release.items import ROW_BYTES
from byleave.urls.bulk.sha256 import Bytes, Ints, Word, Word32s, Words
from byleave.urls.bulk.wide import store_word, swapped_word

HELD_ROWS: Final = 2**21
"""Rows held in memory, 24 bytes each; of more, some at a time go to the disk."""

SORTED_ROWS: Final = 2**16
"""Rows sorted at once, few enough for the processor's second cache; of more the next bits part them first."""

PARTITION_BITS: Final = 6
"""More places than this to write to at a time cost more than they save."""

FINER_BITS: Final = 4
"""Where rows go to the disk they are parted by these bits as well, so that a partition of thousands of millions fits into memory."""

ENTRY_BYTES: Final = 24
_ROW_BITS: Final = 40
"""A place is the number of a part, and in these bits the number of a row."""

_MOST_MOVES: Final = 64
"""Moves for each row when neighbours are sorted: honest ids take less than one. Whoever made many ids alike gets the slower sort."""

_U64 = np.uint64
_LOW: Final = _U64(2**_ROW_BITS - 1)

Piece = tuple[int, Bytes]
"""The number of a part, and the item ids, uint8 (n, 16), of its next rows; zeros stand for a row without one."""


def sorted_entries(pieces: Iterator[Piece], aside: Path) -> Iterator[Words]:
    """Yield the entries of all pieces in order, uint64 (n, 3): two words of the item id, and the place. They are good until the next are asked for.

    Pieces of one part come in the order of its rows. ``aside`` is a file for the use of this alone, and goes.

    Raises
    ------
    InputError
        If there are more parts, or a part has more rows, than a place has room for.
    """
    with _Parted(aside) as parted:
        for place, items in _placed(pieces):
            parted.add(place, items)
        yield from parted.sorted()


def rows_of(entries: Words) -> Bytes:
    """Return entries as the rows of leaves, uint8 (n, 28)."""
    rows = np.empty((len(entries), ROW_BYTES), np.uint8)
    _write_rows(read_only(entries), rows.reshape(-1))
    return rows


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


def entries_in_order(ids: Bytes, places: Ints) -> Words:
    """Return the entries of some item ids, uint8 (n, 16), at places, int64 (n,), in order: for as many as memory holds."""
    words = np.ascontiguousarray(ids).view(">u8").reshape(-1, 2)
    entries = np.empty((len(ids), 3), _U64)
    entries[:, :2], entries[:, 2] = words, places
    return np.ascontiguousarray(entries[np.lexsort((entries[:, 2], entries[:, 1], entries[:, 0]))])


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
        buckets = np.empty(2 ** SORTED_ROWS.bit_length() + 1, np.uint32)
        for place in range(2**known):
            begin, end = int(ends[-1, place] - sizes[-1, place]) - written, int(ends[-1, place]) - written
            entries = last[begin:end]
            if written:
                entries = self._gather(sizes[:-1, place], ends[:-1, place], entries, gathered)
            yield from _sorted(entries, known, room[: len(entries)], buckets)

    def _gather(self, sizes: Ints, ends: Ints, last: Words, room: Words) -> Words:
        """Read what the file holds of one partition, and put what is held behind it."""
        at = 0
        for size, end in zip(sizes.tolist(), ends.tolist(), strict=True):
            self._file.seek((end - size) * ENTRY_BYTES)
            self._file.readinto(room[at : at + size].view(np.uint8).data)
            at += size
        room[at : at + len(last)] = last
        return room[: at + len(last)]


def _finer(parted: Words, sizes: Ints) -> tuple[Words, Ints]:
    """Part each partition by further bits; return all, and the size of each."""
    finer, every, begin = np.empty_like(parted), [], 0
    for size in sizes.tolist():
        span = slice(begin, begin + size)
        every.append(_by_bits(parted[span], PARTITION_BITS, FINER_BITS, finer[span]))
        begin += size
    return finer, np.concatenate(every)


def _by_bits(entries: Words, known: int, bits: int, found: Words) -> Ints:
    """Write entries by the bits of their ids that follow the first ``known``; return how many have each value of them."""
    ends = np.empty(2**bits + 1, np.uint32)
    _spread(entries, _U64(known), _U64(64 - bits), ends, found)
    return np.diff(ends[:-1], prepend=np.uint32(0)).astype(np.int64)


def _sorted(entries: Words, known: int, room: Words, buckets: Word32s) -> Iterator[Words]:
    """Yield entries that are alike in the first ``known`` bits of their ids, in order; ``room`` is as large, and both are written to."""
    if len(entries) <= SORTED_ROWS:
        yield ordered(entries, known, room, buckets)
    elif known >= 64 - PARTITION_BITS or _are_in_order(entries):
        found = _by_comparing(entries)
        yield from (found[at : at + SORTED_ROWS] for at in range(0, len(found), SORTED_ROWS))
    else:
        begin = 0
        for size in _by_bits(entries, known, PARTITION_BITS, room).tolist():
            span = slice(begin, begin + size)
            yield from _sorted(room[span], known + PARTITION_BITS, entries[span], buckets)
            begin += size


def ordered(entries: Words, known: int, room: Words, buckets: Word32s) -> Words:
    """Return entries that are alike in the first ``known`` bits in the order of their ids, in ``room`` as a rule. Those of one id must come in the order of their places already.

    ``buckets`` is working memory, uint32, of one place more than the power of two above the number of entries.
    """
    bits = min(len(entries).bit_length(), 64 - known)
    if bits and _sort(entries, _U64(known), _U64(64 - bits), buckets[: 2**bits + 1], room):
        return room
    return _by_comparing(entries)


def _by_comparing(entries: Words) -> Words:
    if _are_in_order(entries):
        return entries
    found: Words = entries[np.lexsort((entries[:, 1], entries[:, 0]))]
    return found


@compiled_lean
def _are_in_order(entries: Words) -> bool:
    for at in range(1, len(entries)):
        if _is_above(entries, at - 1, entries[at, 0], entries[at, 1]):
            return False
    return True


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
def _spread(entries: Words, known: Word, shift: Word, ends: Word32s, found: Words) -> None:
    """Write entries by the bits of their ids that follow the first ``known``; ``ends`` is told where those of each value end."""
    for value in range(len(ends)):
        ends[value] = 0
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
def _sort(entries: Words, known: Word, shift: Word, ends: Word32s, found: Words) -> bool:
    """Order entries into ``found``; say whether that was done before too many moves were made."""
    _spread(entries, known, shift, ends, found)
    moves, last_key, last_low = 0, _U64(0), _U64(0)
    for place in range(len(found)):
        at = _U64(place)
        key, low = found[at, 0], found[at, 1]
        if last_key < key or (last_key == key and last_low <= low):
            last_key, last_low = key, low
            continue
        row, to = found[at, 2], at
        while to > 0 and _is_above(found, to - _U64(1), key, low):
            for word in range(3):
                found[to, word] = found[to - _U64(1), word]
            to -= _U64(1)
        found[to, 0], found[to, 1], found[to, 2] = key, low, row
        moves += place - int(to)
        if moves > _MOST_MOVES * len(found):
            return False
    return True


@compiled_within
def _is_above(entries: Words, at: Word, key: Word, low: Word) -> bool:
    above: bool = entries[at, 0] > key or (entries[at, 0] == key and entries[at, 1] > low)
    return above


@compiled_lean
def _write_rows(entries: Words, rows: Bytes) -> None:
    for i in range(len(entries)):
        write_row(entries, i, rows, i * ROW_BYTES)


@compiled_within
def write_row(entries: Words, at: Word, rows: Bytes, out: Word) -> None:
    """Write an entry as a row of a leaf to ``rows[out:]``: the higher byte first, the part in four bytes and the row in eight."""
    store_word(rows, out, swapped_word(entries[at, 0]))
    store_word(rows, out + 8, swapped_word(entries[at, 1]))
    place = entries[at, 2]
    store_word(rows, out + 16, swapped_word((place >> _U64(_ROW_BITS)) << _U64(32)))
    store_word(rows, out + 20, swapped_word(place & _LOW))
