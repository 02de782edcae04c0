"""Entries on their way to a tree: parted by the first bits of their ids while they come, and written some at a time.

An entry is three words while it is sorted: the two of its item id, as numbers, and its place. In a file its place takes half a word where it is a
row of one shard. What is written together is a chunk: how many bytes an entry takes, how many of them each partition has, and the entries, partition
behind partition. So whoever sorts reads of each chunk one stretch at a time, and nothing is moved twice, however many entries there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, Self

import numpy as np
import numpy.typing as npt

from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean
from byleave.errors import ConflictError, InputError
from byleave.urls.bulk.sha256 import Bytes, Ints, Word, Word32s, Words
from byleave.urls.bulk.wide import load_word, shift_bytes, store_word, swapped_word

PARTITION_BITS: Final = 8
PARTITIONS: Final = 2**PARTITION_BITS
"""As many places are written to at a time as the nearest cache of a processor has room for, beside what is read."""

PARTITION_ROWS: Final = 1281
"""Room in each partition: so much that stretches are worth reading, and such that no two begin at one place of a page."""

MOST_OPEN: Final = 256
"""Files that are held open."""

BEGIN_ANEW: Final = "remove what the unfinished run left at its output, and run the same command again"

ENTRY_BYTES: Final = 24
NARROW_BYTES: Final = 20
"""What an entry takes, and what it takes in a file if its place has 32 bits."""

MOST_NARROW: Final = 2**32
_NUMBERS: Final = np.dtype("<u4")
HEAD_BYTES: Final = (1 + PARTITIONS) * _NUMBERS.itemsize
_SPARE: Final = ENTRY_BYTES - NARROW_BYTES
"""Bytes behind each partition, since whole words are written."""
_U64 = np.uint64

Stays = npt.NDArray[np.bool_]


class Parting:
    """Writes entries to a file as they come, chunk by chunk, ``width`` bytes of each. Holds working memory: 7 or 8 MB."""

    def __init__(self, file: BinaryIO, width: int = ENTRY_BYTES) -> None:
        self._file = file
        self._width = width
        self._room = np.empty(PARTITIONS * (PARTITION_ROWS * width + _SPARE), np.uint8)
        self._counts = np.zeros(PARTITIONS, np.int64)

    def add(self, items: Words, stays: Stays, place: int) -> int:
        """Take those of some item ids, uint64 (n, 2) as they stand in memory, that stay, bool (n,), with places that count from ``place``; return the next one.

        Raises
        ------
        InputError
            If places are too large for the width.
        """
        if self._width == NARROW_BYTES and place + len(items) > MOST_NARROW:
            raise InputError(
                f"a file of more than {MOST_NARROW:,} rows cannot be bound", remedy="cut it into several"
            )
        items, stays, begin = read_only(items), read_only(stays), 0
        while begin < len(items):
            begin, place = _take_items(
                items, stays, begin, _U64(place), self._width, self._counts, self._room
            )
            if begin < len(items):
                self._flush()
        return int(place)

    def add_entries(self, entries: Words) -> None:
        """Take entries, uint64 (n, 3), with their whole places."""
        begin = 0
        while begin < len(entries):
            begin = _take_entries(entries, begin, self._counts, self._room)
            if begin < len(entries):
                self._flush()

    def finish(self) -> None:
        """Write what is held still."""
        if self._counts.any():
            self._flush()

    def _flush(self) -> None:
        written = _put_together(self._counts, self._width, self._room)
        self._file.write(np.array([self._width, *self._counts], _NUMBERS).data)
        self._file.write(self._room[:written].data)
        self._counts[:] = 0


@dataclass(frozen=True, slots=True)
class Source:
    """The chunks of one file.

    base
        What is to be added to the places of its entries.
    begins, widths, ends
        int64 (n,): where in the file the entries of each chunk begin, and how many bytes each takes. uint32 (n, :data:`PARTITIONS`): how many
        there are up to the end of each partition.
    """

    path: Path
    base: int
    begins: Ints
    widths: Ints
    ends: Word32s

    @classmethod
    def of(cls, path: Path, base: int = 0) -> Source:
        """Read where the chunks of a file stand.

        Raises
        ------
        ConflictError
            If it does not end with one.
        """
        begins, widths, ends, at = list[int](), list[int](), list[Word32s](), 0
        with path.open("rb", buffering=0) as file:
            size = path.stat().st_size
            while at < size:
                file.seek(at)
                content = file.read(HEAD_BYTES)
                width, *counts = np.frombuffer(content[: len(content) // 4 * 4], _NUMBERS).tolist() or [0]
                if len(counts) < PARTITIONS or width not in (NARROW_BYTES, ENTRY_BYTES):
                    raise _cut_off(path)
                begins.append(at + HEAD_BYTES)
                widths.append(width)
                ends.append(np.cumsum(counts, dtype=np.uint32))
                at = begins[-1] + int(ends[-1][-1]) * width
        if at != size:
            raise _cut_off(path)
        every = np.array(ends, np.uint32).reshape(-1, PARTITIONS)
        return cls(path, base, np.array(begins, np.int64), np.array(widths, np.int64), every)

    def __len__(self) -> int:
        return int(self.ends[:, -1].sum(dtype=np.int64))


class Reader:
    """Reads the chunks of some files, of which as many as may be are held open; as context manager it closes them."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._paths = [source.path for source in sources]
        chunks = [len(source.begins) for source in sources]
        self._files = np.repeat(np.arange(len(sources)), chunks).tolist()
        self._bases = np.repeat(np.array([source.base for source in sources], _U64), chunks)
        self._begins = np.concatenate([np.zeros(0, np.int64), *(source.begins for source in sources)])
        self._widths = np.concatenate([np.zeros(0, np.int64), *(source.widths for source in sources)])
        self._ends = np.concatenate([np.zeros((0, PARTITIONS), np.uint32), *(one.ends for one in sources)])
        self._held: list[FileIO] = []

    def __enter__(self) -> Self:
        self._held = [_opened(path) for path in self._paths[:MOST_OPEN]]
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._held:
            file.close()

    def rows(self, partitions: range) -> int:
        """Return how many entries are in some partitions."""
        return int(self._stretches(partitions)[1].sum())

    def read(self, partitions: range, room: Words) -> None:
        """Read the entries of some partitions, chunk behind chunk, into ``room``, uint64 (n, 3), which is as large as these are.

        Raises
        ------
        ConflictError
            If a file is cut off.
        """
        places, counts = self._stretches(partitions)
        self._read(slice(0, len(counts)), places, counts, room)

    def pieces(self, partitions: range, room: Words) -> Iterator[Words]:
        """Yield what :meth:`read` reads, as much at a time as ``room`` has place for: :data:`PARTITION_ROWS` for each partition at least.

        Raises
        ------
        ConflictError
            If a file is cut off, or a chunk has more.
        """
        places, counts = self._stretches(partitions)
        ends, begin, before = np.cumsum(counts), 0, 0
        while begin < len(counts):
            end = int(np.searchsorted(ends, before + len(room), side="right"))
            if end == begin:
                raise _cut_off(self._paths[self._files[begin]])
            some = room[: ends[end - 1] - before]
            self._read(slice(begin, end), places, counts, some)
            yield some
            begin, before = end, int(ends[end - 1])

    def _read(self, chunks: slice, places: Ints, counts: Ints, room: Words) -> None:
        counts, widths, content = counts[chunks], self._widths[chunks], room.reshape(-1).view(np.uint8)
        ends = np.cumsum(counts) * ENTRY_BYTES
        begins = ends - counts * widths
        for file, place, begin, end in zip(
            self._files[chunks], places[chunks].tolist(), begins.tolist(), ends.tolist(), strict=True
        ):
            # Narrow ones stand at the end of their room, so that they can be widened from its begin on.
            self._fill(file, place, content.data[begin:end])
        _widen(self._bases[chunks], counts, widths, content)

    def _stretches(self, partitions: range) -> tuple[Ints, Ints]:
        """Return where the entries of some partitions begin in each chunk's file, and how many there are, int64 (n,)."""
        before = self._ends[:, partitions.start - 1].astype(np.int64) if partitions.start else np.int64(0)
        return self._begins + before * self._widths, self._ends[:, partitions.stop - 1] - before

    def _fill(self, file: int, place: int, into: memoryview) -> None:
        with (
            nullcontext(self._held[file]) if file < len(self._held) else _opened(self._paths[file]) as opened
        ):
            opened.seek(place)
            # What is asked for is read at once, unless the file is cut off.
            if opened.readinto(into) != len(into):
                raise _cut_off(self._paths[file])


def _opened(path: Path) -> FileIO:
    return path.open("rb", buffering=0)


def _cut_off(path: Path) -> ConflictError:
    return ConflictError(
        f"the entries noted in {path} are cut off, or another version wrote them",
        remedy=BEGIN_ANEW,
    )


@compiled_lean
def _take_items(
    items: Words, stays: Stays, begin: int, place: Word, width: int, counts: Ints, room: Bytes
) -> tuple[int, Word]:
    """Write items from ``begin`` on into their partitions until one is full; return the item before which that was, and the next place."""
    step = PARTITION_ROWS * width + _SPARE
    for i in range(begin, len(items)):
        first = swapped_word(items[i, 0])
        partition = np.int64(first >> _U64(64 - PARTITION_BITS))
        count = counts[partition]
        if count == PARTITION_ROWS:
            return i, place
        # Written in any case and counted if it stays: a row that goes is seldom, and no processor can tell when.
        at = partition * step + count * width
        store_word(room, at, first)
        store_word(room, at + 8, swapped_word(items[i, 1]))
        store_word(room, at + 16, place)
        counts[partition] = count + np.int64(stays[i])
        place += _U64(stays[i])
    return len(items), place


@compiled_lean
def _take_entries(entries: Words, begin: int, counts: Ints, room: Bytes) -> int:
    """As :func:`_take_items`, entries as they are."""
    for i in range(begin, len(entries)):
        partition = np.int64(entries[i, 0] >> _U64(64 - PARTITION_BITS))
        count = counts[partition]
        if count == PARTITION_ROWS:
            return i
        at = partition * (PARTITION_ROWS * ENTRY_BYTES + _SPARE) + count * ENTRY_BYTES
        for word in range(3):
            store_word(room, at + 8 * word, entries[i, word])
        counts[partition] = count + 1
    return len(entries)


@compiled_lean
def _widen(bases: Words, counts: Ints, widths: Ints, content: Bytes) -> None:
    """Let each entry take three words, and add to its place the base of its stretch; narrow ones stand at the end of their stretch's room."""
    begin = 0
    for stretch in range(len(counts)):
        width, end = widths[stretch], begin + counts[stretch] * ENTRY_BYTES
        at, shift = end - counts[stretch] * width, _U64(8 * (ENTRY_BYTES - width))
        for to in range(begin, end, ENTRY_BYTES):
            first, second = load_word(content, at), load_word(content, at + 8)
            place = load_word(content, at + width - 8) >> shift
            store_word(content, to, first)
            store_word(content, to + 8, second)
            store_word(content, to + 16, place + bases[stretch])
            at += width
        begin = end


@compiled_lean
def _put_together(counts: Ints, width: int, room: Bytes) -> Word:
    """Move the entries of all partitions one behind the other; return how many bytes they take."""
    out = counts[0] * width
    for partition in range(1, PARTITIONS):
        size = counts[partition] * width
        shift_bytes(room, out, partition * (PARTITION_ROWS * width + _SPARE), size)
        out += size
    return out
