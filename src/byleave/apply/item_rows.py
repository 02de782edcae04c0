"""The rows of a tree of items, sorted in memory that hardly grows.

They were parted by the first bits of their ids when they came, see :mod:`byleave.apply.parting`, and are sorted some partitions at a time. Item ids
are spread evenly, so a row is put straight where it nearly belongs; what is left is sorted among a few neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from byleave.apply.parting import (
    BEGIN_ANEW,
    PARTITION_BITS,
    PARTITION_ROWS,
    PARTITIONS,
    Parting,
    Reader,
    Source,
)
from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean, compiled_within
from byleave.errors import ConflictError, InputError
from byleave.release.items import NOT_COMPARED, PART_BITS, ROW_BITS, ROW_BYTES
from byleave.urls.bulk.sha256 import Bytes, Ints, Word, Word32s, Words
from byleave.urls.bulk.wide import store_word, swapped_word

SORTED_ROWS: Final = 2**16
"""Rows sorted at once, few enough for the processor's caches; of more the next bits part them first."""

FINER_BITS: Final = 9
"""By so many at most, and by no more than are needed: what is sorted and hashed in small pieces costs more."""

ALONE_ROWS: Final = 2**16
"""Of a file of fewer so little would be read at a time that it costs less to write them together with others."""

GATHERED_ROWS: Final = 2**20
"""Rows held twice, 25 megabytes at a time; of more the files are read twice."""

_MOST_MOVES: Final = 64
"""Moves for each row when neighbours are sorted: honest ids take less than one. Whoever made many ids alike gets the slower sort."""

OPEN_PLACE: Final = NOT_COMPARED[0] << ROW_BITS | NOT_COMPARED[1]
"""The place that stands for :data:`byleave.release.items.NOT_COMPARED`."""

_U64 = np.uint64

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
    try:
        with aside.open("wb") as file:
            parting = Parting(file)
            for place, items in _placed(pieces):
                parting.add(items, np.ones(len(items), np.bool_), place)
            parting.finish()
        yield from _sorted_by_ranges([Source.of(aside)])
    finally:
        aside.unlink(missing_ok=True)


def sorted_sources(sources: Iterable[Source], aside: Path) -> Iterator[Words]:
    """Yield the entries of some files in order, as :func:`sorted_entries` does. Those of small files are written together first."""
    try:
        yield from _sorted_by_ranges(_with_few_together(sources, aside))
    finally:
        aside.unlink(missing_ok=True)


def _with_few_together(sources: Iterable[Source], aside: Path) -> list[Source]:
    """Return large files, and one of what the others hold. Of these nothing is kept in memory: there may be very many."""
    large = []
    with aside.open("wb") as file:
        parting = Parting(file)
        for source in sources:
            if len(source) >= ALONE_ROWS:
                large.append(source)
                continue
            with Reader([source]) as reader:
                entries = np.empty((len(source), 3), _U64)
                reader.read(range(PARTITIONS), entries)
                parting.add_entries(entries)
        parting.finish()
    return [*large, Source.of(aside)]


def _bits_of(rows: int, most: int) -> int:
    """Return by how many bits, ``most`` or fewer, so many rows are parted before they are sorted."""
    usual = SORTED_ROWS * 15 // 16  # since chance makes some more of them
    return min(most, (rows // usual).bit_length())


def _sorted_by_ranges(sources: Sequence[Source]) -> Iterator[Words]:
    """Sort what is alike in the first bits of its ids, one value of these after the other."""
    bits = _bits_of(sum(map(len, sources)), PARTITION_BITS)
    step = PARTITIONS >> bits
    ranges = [range(first, first + step) for first in range(0, PARTITIONS, step)]
    with Reader(sources) as reader:
        sizes = [reader.rows(partitions) for partitions in ranges]
        most = max(sizes)
        gathered = np.empty((min(most, max(GATHERED_ROWS, step * PARTITION_ROWS)), 3), _U64)
        room = np.empty((most if most > len(gathered) else 0, 3), _U64)
        few = np.empty((SORTED_ROWS, 3), _U64)
        buckets = np.empty(2 ** SORTED_ROWS.bit_length() + 1, np.uint32)
        for partitions, size in zip(ranges, sizes, strict=True):
            if size <= len(gathered):
                reader.read(partitions, gathered[:size])
                yield from _sorted(gathered[:size], bits, few, buckets)
                continue
            finer = _bits_of(size, FINER_BITS)
            for piece in _read_by_bits(reader, partitions, bits, finer, gathered, room[:size]):
                yield from _sorted(piece, bits + finer, few, buckets)


def _read_by_bits(
    reader: Reader, partitions: range, known: int, bits: int, gathered: Words, room: Words
) -> Iterator[Words]:
    """Read the entries of some partitions to count them, and again to put them where they belong; yield those of each value of the ``bits`` that follow.

    Nothing but ``room`` holds all of them.

    Raises
    ------
    ConflictError
        If a file is cut off, or what was read is not what was counted.
    """
    ends, shift = np.zeros(2**bits + 1, np.uint32), _U64(64 - bits)
    for some in reader.pieces(partitions, gathered):
        _count(some, _U64(known), shift, ends)
    np.cumsum(ends, out=ends)
    begins = ends.copy()
    for some in reader.pieces(partitions, gathered):
        _place(some, _U64(known), shift, begins, room)
    if not np.array_equal(begins[:-1], ends[1:]):
        raise ConflictError("entries that were noted changed while they were sorted", remedy=BEGIN_ANEW)
    begin = 0
    for end in ends[1:].tolist():
        yield room[begin:end]
        begin = end


def rows_of(entries: Words) -> Bytes:
    """Return entries as the rows of leaves, uint8 (n, 24)."""
    return np.ascontiguousarray(entries).byteswap().view(np.uint8).reshape(-1, ROW_BYTES)


def _placed(pieces: Iterator[Piece]) -> Iterator[tuple[int, Words]]:
    """Yield the ids of some rows, uint64 (n, 2), with the place of the first."""
    part, row = -1, 0
    for number, items in pieces:
        part, row = number, row if number == part else 0
        words = read_only(np.ascontiguousarray(items).view(_U64).reshape(-1, 2))
        yield first_place(part, row + len(items)) + row, words
        row += len(items)


def first_place(part: int, rows: int) -> int:
    """Return the place of the first row of a part that has so many.

    Raises
    ------
    InputError
        If a place has no room for that.
    """
    if part >> PART_BITS or rows >> ROW_BITS:
        raise InputError(
            f"part {part} with {rows:,} rows is more than can be bound",
            remedy=f"spread the dataset over less than {2**PART_BITS:,} files",
        )
    return part << ROW_BITS


def placed(part: int, rows: Ints) -> Ints:
    """Return the places of rows, int64 (n,), of a part."""
    return rows + (part << ROW_BITS)


def entries_in_order(ids: Bytes, places: Ints) -> Words:
    """Return the entries of some item ids, uint8 (n, 16), at places, int64 (n,), in order: for as many as memory holds."""
    words = np.ascontiguousarray(ids).view(">u8").reshape(-1, 2)
    entries = np.empty((len(ids), 3), _U64)
    entries[:, :2], entries[:, 2] = words, places
    return np.ascontiguousarray(_by_comparing(entries))


def _sorted(entries: Words, known: int, few: Words, buckets: Word32s) -> Iterator[Words]:
    """Yield entries that are alike in the first ``known`` bits of their ids, in order; both they and ``few`` are written to."""
    if len(entries) <= SORTED_ROWS:
        yield ordered(entries, known, few[: len(entries)], buckets)
    elif known == 64 or _are_in_order(entries):
        found = _by_comparing(entries)
        yield from (found[at : at + SORTED_ROWS] for at in range(0, len(found), SORTED_ROWS))
    else:
        begin, bits = 0, _bits_of(len(entries), min(FINER_BITS, 64 - known))
        found, ends = np.empty_like(entries), np.zeros(2**bits + 1, np.uint32)
        _spread(entries, _U64(known), _U64(64 - bits), ends, found)
        for end in ends[:-1].tolist():
            yield from _sorted(found[begin:end], known + bits, few, buckets)
            begin = end


def ordered(entries: Words, known: int, room: Words, buckets: Word32s) -> Words:
    """Return entries that are alike in the first ``known`` bits in the order of their ids and places, in ``room`` as a rule.

    ``buckets`` is working memory, uint32, of one place more than the power of two above the number of entries.
    """
    bits = min(len(entries).bit_length(), 64 - known)
    if bits and _sort(entries, _U64(known), _U64(64 - bits), buckets[: 2**bits + 1], room):
        return room
    return _by_comparing(entries)


def _by_comparing(entries: Words) -> Words:
    if _are_in_order(entries):
        return entries
    found: Words = entries[np.lexsort((entries[:, 2], entries[:, 1], entries[:, 0]))]
    return found


@compiled_lean
def _are_in_order(entries: Words) -> bool:
    for at in range(1, len(entries)):
        if _is_above(entries, at - 1, entries[at, 0], entries[at, 1], entries[at, 2]):
            return False
    return True


@compiled_lean
def _count(entries: Words, known: Word, shift: Word, ends: Word32s) -> None:
    """Count entries by the bits of their ids that follow the first ``known``, each at the place above its value."""
    for i in range(len(entries)):
        ends[((entries[i, 0] << known) >> shift) + _U64(1)] += 1


@compiled_lean
def _place(entries: Words, known: Word, shift: Word, ends: Word32s, found: Words) -> None:
    """Write entries behind those of the same value, of which ``ends`` tells where they end so far; none beyond ``found``, if other ones were counted."""
    for i in range(len(entries)):
        value = (entries[i, 0] << known) >> shift
        at = ends[value]
        ends[value] = at + 1
        if at >= len(found):
            continue
        for word in range(3):
            found[at, word] = entries[i, word]


@compiled_lean
def _spread(entries: Words, known: Word, shift: Word, ends: Word32s, found: Words) -> None:
    """Write entries by the bits of their ids that follow the first ``known``; ``ends`` is told where those of each value end."""
    for value in range(len(ends)):
        ends[value] = 0
    _count(entries, known, shift, ends)
    for value in range(1, len(ends)):
        ends[value] += ends[value - 1]
    _place(entries, known, shift, ends, found)


@compiled_lean
def _sort(entries: Words, known: Word, shift: Word, ends: Word32s, found: Words) -> bool:
    """Order entries into ``found``; say whether that was done before too many moves were made."""
    _spread(entries, known, shift, ends, found)
    moves, last_key = 0, _U64(0)
    for place in range(len(found)):
        at = _U64(place)
        key, low, row = found[at, 0], found[at, 1], found[at, 2]
        if last_key < key or not place or not _is_above(found, at - _U64(1), key, low, row):
            last_key = key
            continue
        to = at
        while to > 0 and _is_above(found, to - _U64(1), key, low, row):
            for word in range(3):
                found[to, word] = found[to - _U64(1), word]
            to -= _U64(1)
        found[to, 0], found[to, 1], found[to, 2] = key, low, row
        moves += place - int(to)
        if moves > _MOST_MOVES * len(found):
            return False
    return True


@compiled_within
def _is_above(entries: Words, at: Word, key: Word, low: Word, place: Word) -> bool:
    """Whether an entry sorts behind another one: by its id, and by its place among those of one id."""
    if entries[at, 0] != key:
        return bool(entries[at, 0] > key)
    above: bool = entries[at, 1] > low or (entries[at, 1] == low and entries[at, 2] > place)
    return above


@compiled_within
def write_row(entries: Words, at: Word, rows: Bytes, out: Word) -> None:
    """Write an entry as a row of a leaf to ``rows[out:]``: the higher byte first."""
    for word in range(3):
        store_word(rows, out + 8 * word, swapped_word(entries[at, word]))
