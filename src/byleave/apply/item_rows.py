"""The rows of a tree of items, sorted on the disk in memory that hardly grows.

They are parted by the first byte of their item ids, some at a time, and sorted part by part. Item ids are spread evenly, so a row is put
straight where it nearly belongs; what is left is sorted among a few neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from byleave.compiled import compiled_lean, compiled_within
from byleave.release.items import ROW_BYTES
from byleave.urls.bulk.sha256 import Bytes, Ints, Word, Words
from byleave.urls.bulk.wide import swapped_word
from byleave.urls.names import ID_BYTES

PARTITIONS: Final = 256
HELD_ROWS: Final = 2**18
"""Rows held before they go to their partitions: as many as the processor's caches hold."""

GATHERED_ROWS: Final = 2**16
_ROW_WORDS: Final = ROW_BYTES // 4
_ID_WORDS: Final = ID_BYTES // 4
_ROWS_A_BUCKET: Final = 2
_MOST_MOVES: Final = 64
"""Moves for each row when neighbours are sorted: honest ids take about one. Whoever made many ids alike gets the slower sort."""

Quads = npt.NDArray[np.uint32]
_U32, _U64 = np.uint32, np.uint64

Piece = tuple[int, Bytes]
"""The number of a part, and the item ids, uint8 (n, 16), of its next rows; zeros stand for a row without one."""


@dataclass(frozen=True, slots=True)
class RowWriter:
    """Takes items part by part and writes the sorted rows of their tree to ``path``; ``aside`` is a file for its own use, and goes."""

    path: Path
    aside: Path

    def write(self, pieces: Iterator[Piece]) -> None:
        """Take pieces, those of one part in the order of its rows."""
        room, every = np.empty((2 * HELD_ROWS, _ROW_WORDS), _U32), [np.zeros(PARTITIONS, np.int64)]
        with self.aside.open("wb") as parted:
            for held in _held(pieces):
                rows, sizes = _parted(held, room)
                parted.write(rows.data)
                every.append(sizes)
        sizes = np.stack(every)
        with self.path.open("wb") as out:
            if sizes.any():
                rows = np.memmap(self.aside, _U32, "r").reshape(-1, _ROW_WORDS)
                ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
                for place in np.flatnonzero(sizes.any(axis=0)).tolist():
                    spans = zip(ends[:, place] - sizes[:, place], ends[:, place], strict=True)
                    _write_sorted(np.concatenate([rows[begin:end] for begin, end in spans]), out)
        self.aside.unlink()


def _held(pieces: Iterator[Piece]) -> Iterator[list[tuple[int, int, Bytes]]]:
    """Yield some pieces at a time, each with its part and the place of its first row in it."""
    held: list[tuple[int, int, Bytes]] = []
    size, part, row = 0, -1, 0
    for place, items in pieces:
        part, row = place, row if place == part else 0
        for at in range(0, len(items), HELD_ROWS):
            held.append((part, row, np.ascontiguousarray(items[at : at + HELD_ROWS])))
            row += len(held[-1][2])
            size += len(held[-1][2])
            if size >= HELD_ROWS:
                yield held
                held, size = [], 0
    if held:
        yield held


def _parted(held: list[tuple[int, int, Bytes]], room: Quads) -> tuple[Quads, Ints]:
    """Return the rows of some pieces, in ``room``, by the first byte of their ids, and how many there are of each."""
    sizes = np.zeros(PARTITIONS, np.int64)
    for _, _, items in held:
        sizes += np.bincount(items[:, 0], minlength=PARTITIONS)
    ends = np.cumsum(sizes) - sizes
    rows = room[: int(sizes.sum())]
    for part, first, items in held:
        _place(items.view(_U32), part, first, ends, rows)
    return rows, sizes


@compiled_lean
def _place(items: Quads, part: int, first: int, ends: Ints, rows: Quads) -> None:
    """Write each item as a row at the end of its partition; ``ends``, int64 (256,), moves on."""
    part_word = _U32(swapped_word(_U64(part)) >> _U64(32))
    for i in range(len(items)):
        row = swapped_word(_U64(first + i))
        partition = items[i, 0] & _U32(0xFF)
        at = ends[partition]
        ends[partition] = at + 1
        for word in range(_ID_WORDS):
            rows[at, word] = items[i, word]
        rows[at, 4] = part_word
        rows[at, 5] = _U32(row)
        rows[at, 6] = _U32(row >> _U64(32))


def _write_sorted(rows: Quads, out: object) -> None:
    order = sorted_order(rows)
    gathered = np.empty((min(len(rows), GATHERED_ROWS), _ROW_WORDS), _U32)
    for at in range(0, len(rows), GATHERED_ROWS):
        some = gathered[: min(GATHERED_ROWS, len(rows) - at)]
        _gather(rows, order, at, some)
        out.write(some.data)  # type: ignore[attr-defined]  # a file


def sorted_order(rows: Quads) -> npt.NDArray[np.uint32]:
    """Return the order of rows, uint32 (n, 7), by item. Those of one item must come in the order of part and row already."""
    bits = max(1, (len(rows) // _ROWS_A_BUCKET).bit_length())
    keys, order = np.empty(len(rows), _U64), np.empty(len(rows), _U32)
    ends = np.zeros(2**bits + 1, np.int64)
    if not _sort(rows, bits, ends, keys, order):
        words = np.ascontiguousarray(rows[:, :_ID_WORDS]).byteswap()
        order = np.lexsort(words.T[::-1]).astype(_U32)
    return order


@compiled_within
def _key(rows: Quads, row: Word, word: int) -> Word:
    return swapped_word(_U64(rows[row, word]) | (_U64(rows[row, word + 1]) << _U64(32)))


@compiled_lean
def _sort(rows: Quads, bits: int, ends: Ints, keys: Words, order: Quads) -> bool:
    """Order rows whose ids share the first byte; say whether that was done before too many moves were made."""
    size, shift = len(rows), _U64(64 - bits)
    for i in range(size):
        ends[((_key(rows, i, 0) << _U64(8)) >> shift) + _U64(1)] += 1
    for bucket in range(1, len(ends)):
        ends[bucket] += ends[bucket - 1]
    for i in range(size):
        key = _key(rows, i, 0)
        bucket = (key << _U64(8)) >> shift
        place = ends[bucket]
        ends[bucket] = place + 1
        keys[place], order[place] = key, _U32(i)
    moves = 0
    for at in range(1, size):
        key, row = keys[at], order[at]
        to = at
        while to > 0 and (
            keys[to - 1] > key or (keys[to - 1] == key and _key(rows, order[to - 1], 2) > _key(rows, row, 2))
        ):
            keys[to], order[to] = keys[to - 1], order[to - 1]
            to -= 1
        keys[to], order[to] = key, row
        moves += at - to
        if moves > _MOST_MOVES * size:
            return False
    return True


@compiled_lean
def _gather(rows: Quads, order: Quads, first: int, found: Quads) -> None:
    for at in range(len(found)):
        row = order[first + at]
        for word in range(_ROW_WORDS):
            found[at, word] = rows[row, word]
