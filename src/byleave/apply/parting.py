"""Entries on their way to a tree: parted by the first bits of their ids while they come, and written some at a time.

An entry is three words while it is sorted: the two of its item id, as numbers, and its place. What is written together is a chunk: how many
entries each partition has, and the entries, partition behind partition. So whoever sorts reads of each chunk one stretch at a time, and nothing
is moved twice, however many entries there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, Self

import numpy as np
import numpy.typing as npt

from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean
from byleave.errors import ConflictError
from byleave.urls.bulk.sha256 import Ints, Word, Word32s, Words
from byleave.urls.bulk.wide import swapped_word

PARTITION_BITS: Final = 9
PARTITIONS: Final = 2**PARTITION_BITS

PARTITION_ROWS: Final = 1281
"""Room in each partition: so much that stretches are worth reading, and such that no two begin at one place of a page."""

MOST_OPEN: Final = 256
"""Files that are held open."""

BEGIN_ANEW: Final = "remove what the unfinished run left at its output, and run the same command again"

ENTRY_BYTES: Final = 24
_SIZES: Final = np.dtype("<u4")
_HEAD_BYTES: Final = PARTITIONS * _SIZES.itemsize
_U64 = np.uint64

Stays = npt.NDArray[np.bool_]


class Parting:
    """Writes entries to a file as they come, chunk by chunk. Holds working memory: 16 MB."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._room = np.empty((PARTITIONS * PARTITION_ROWS, 3), _U64)
        self._begins = np.arange(PARTITIONS) * PARTITION_ROWS
        self._ends = self._begins.copy()

    def add(self, items: Words, stays: Stays, place: int) -> int:
        """Take those of some item ids, uint64 (n, 2) as they stand in memory, that stay, bool (n,), with places that count from ``place``; return the next one."""
        items, stays, begin = read_only(items), read_only(stays), 0
        while begin < len(items):
            begin, place = _take_items(items, stays, begin, _U64(place), self._ends, self._room)
            if begin < len(items):
                self._flush()
        return int(place)

    def add_entries(self, entries: Words) -> None:
        """Take entries, uint64 (n, 3)."""
        begin = 0
        while begin < len(entries):
            begin = _take_entries(entries, begin, self._ends, self._room)
            if begin < len(entries):
                self._flush()

    def finish(self) -> None:
        """Write what is held still."""
        if not np.array_equal(self._ends, self._begins):
            self._flush()

    def _flush(self) -> None:
        sizes = (self._ends - self._begins).astype(_SIZES)
        count = _put_together(sizes, self._room)
        self._file.write(sizes.data)
        self._file.write(self._room[:count].data)
        self._ends[:] = self._begins


@dataclass(frozen=True, slots=True)
class Source:
    """The chunks of one file.

    base
        What is to be added to the places of its entries.
    begins, ends
        int64 (n,): where in the file the entries of each chunk begin. uint32 (n, :data:`PARTITIONS`): how many there are up to the end of each partition.
    """

    path: Path
    base: int
    begins: Ints
    ends: Word32s

    @classmethod
    def of(cls, path: Path, base: int = 0) -> Source:
        """Read where the chunks of a file stand.

        Raises
        ------
        ConflictError
            If it does not end with one.
        """
        begins, ends, at = list[int](), list[Word32s](), 0
        with path.open("rb", buffering=0) as file:
            size = path.stat().st_size
            while at < size:
                file.seek(at)
                head = file.read(_HEAD_BYTES)
                if len(head) < _HEAD_BYTES:
                    raise _cut_off(path)
                begins.append(at + _HEAD_BYTES)
                ends.append(np.cumsum(np.frombuffer(head, _SIZES), dtype=np.uint32))
                at = begins[-1] + int(ends[-1][-1]) * ENTRY_BYTES
        if at != size:
            raise _cut_off(path)
        every = np.array(ends, np.uint32).reshape(-1, PARTITIONS)
        return cls(path, base, np.array(begins, np.int64), every)

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
        into, end = room.reshape(-1).view(np.uint8).data, 0
        for file, place, count in zip(self._files, places.tolist(), counts.tolist(), strict=True):
            self._fill(file, place, into[end : end + count * ENTRY_BYTES])
            end += count * ENTRY_BYTES
        _move_places(self._bases, counts, room)

    def _stretches(self, partitions: range) -> tuple[Ints, Ints]:
        """Return where the entries of some partitions begin in each chunk's file, and how many there are, int64 (n,)."""
        before = self._ends[:, partitions.start - 1].astype(np.int64) if partitions.start else np.int64(0)
        return self._begins + before * ENTRY_BYTES, self._ends[:, partitions.stop - 1] - before

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
    items: Words, stays: Stays, begin: int, place: Word, ends: Ints, room: Words
) -> tuple[int, Word]:
    """Write items from ``begin`` on into their partitions until one is full; return the item before which that was, and the next place."""
    for i in range(begin, len(items)):
        first = swapped_word(items[i, 0])
        partition = first >> _U64(64 - PARTITION_BITS)
        at = ends[partition]
        if at == (np.int64(partition) + 1) * PARTITION_ROWS:
            return i, place
        # Written in any case and counted if it stays: a row that goes is seldom, and no processor can tell when.
        room[at, 0], room[at, 1], room[at, 2] = first, swapped_word(items[i, 1]), place
        ends[partition] = at + np.int64(stays[i])
        place += _U64(stays[i])
    return len(items), place


@compiled_lean
def _take_entries(entries: Words, begin: int, ends: Ints, room: Words) -> int:
    """As :func:`_take_items`, entries as they are."""
    for i in range(begin, len(entries)):
        partition = entries[i, 0] >> _U64(64 - PARTITION_BITS)
        at = ends[partition]
        if at == (np.int64(partition) + 1) * PARTITION_ROWS:
            return i
        for word in range(3):
            room[at, word] = entries[i, word]
        ends[partition] = at + 1
    return len(entries)


@compiled_lean
def _move_places(bases: Words, counts: Ints, entries: Words) -> None:
    """Add to the places of so many entries, one stretch behind the other, the base of each."""
    at = 0
    for stretch in range(len(counts)):
        for _ in range(counts[stretch]):
            entries[at, 2] += bases[stretch]
            at += 1


@compiled_lean
def _put_together(sizes: Word32s, room: Words) -> int:
    """Move the entries of all partitions one behind the other; return how many there are."""
    count = 0
    for partition in range(PARTITIONS):
        begin = partition * PARTITION_ROWS
        for at in range(begin, begin + np.int64(sizes[partition])):
            for word in range(3):
                room[count, word] = room[at, word]
            count += 1
    return count
