"""The one index for fingerprints: exact, memory-mapped, published by one rename."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from byleave.errors import InputError
from byleave.hamming import kernel
from byleave.hamming.file import read_tables, write_tables
from byleave.hamming.kernel import BANDS, KEYS, WORDS, HitBuffer, Tables
from byleave.hamming.lanes import LANES

VALUE_BYTES = 32
MOST_ROWS = 2**32 - 1
LARGEST_RADIUS = 255

BANDS_FROM_ROWS = 4096
"""Smaller indexes are scanned: their tables would be larger than the values and no faster."""

HITS_AT_ONCE = 1 << 18
"""Hits held in memory at a time while iterating, unless a single query has more."""

JOINED_AT_ONCE = 1 << 18
"""Queries taken through one band after the other together."""

JOIN_FROM = 64
"""Queries are joined where there is at least one for so many rows: putting a band's values side by side costs a pass over all of them."""

Values = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Pairs within the radius, ordered by query and then by row; three arrays of one length.

    query, row: int64 positions in the queries and in the index. distance: uint8, 0..255.
    """

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    distance: NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.row.size)


@dataclass(frozen=True, slots=True, eq=False)
class HammingIndex:
    """All values of one set, ready to be searched. Made by :meth:`build` or :meth:`load`; safe to share between threads."""

    tables: Tables

    def __len__(self) -> int:
        return int(self.tables.words.shape[0])

    @classmethod
    def build(cls, values: Values) -> Self:
        """Index values, uint8 (n, 32), n from 0 to 2**32 - 1. Takes 96 bytes of memory a row, and twice that while building.

        Raises
        ------
        InputError
            For another shape or type.
        """
        words, keys = _packed(values)
        if len(words) < BANDS_FROM_ROWS:
            rows, starts = np.empty((0, 0), np.uint32), np.empty((0, 0), np.uint32)
        else:
            rows, starts = _bands(keys)
        return cls(_locked(Tables(words, keys, rows, starts)))

    def search(self, queries: Values, radius: int) -> Hits:
        """Find every row within ``radius`` (0..255) of each query, uint8 (m, 32). Exact.

        Up to a radius of 63 tables are used where they are cheaper than looking at every row. All hits are held in memory;
        :meth:`hits` gives them piece by piece.

        Raises
        ------
        InputError
            For another shape, type or radius.
        """
        pieces = list(self.hits(queries, radius))
        if len(pieces) == 1:
            return pieces[0]
        return Hits(
            np.concatenate([piece.query for piece in pieces] or [np.empty(0, np.int64)]),
            np.concatenate([piece.row for piece in pieces] or [np.empty(0, np.int64)]),
            np.concatenate([piece.distance for piece in pieces] or [np.empty(0, np.uint8)]),
        )

    def hits(self, queries: Values, radius: int, *, at_once: int = HITS_AT_ONCE) -> Iterator[Hits]:
        """Give the same hits in pieces of whole queries, about ``at_once`` hits or fewer in memory at a time."""
        if not 0 <= radius <= LARGEST_RADIUS:
            raise InputError(
                f"a radius of {radius} bits cannot be searched", remedy=f"give 0 to {LARGEST_RADIUS}"
            )
        words, keys = _packed(queries)
        none = np.empty((0, 0), np.uint32)
        wanted = _locked(Tables(words, keys, none, none))
        return self._pieces(wanted, radius, at_once)

    def _pieces(self, wanted: Tables, radius: int, at_once: int) -> Iterator[Hits]:
        flips = kernel.flips_per_band(radius) if self.tables.rows.size else np.empty(0, np.int64)
        crowds = None
        if flips.size and len(wanted.words) * JOIN_FROM >= len(self):
            crowds = np.empty((BANDS, KEYS), np.uint32)
            kernel.crowds(self.tables, flips, crowds)
        for first in range(0, len(wanted.words), JOINED_AT_ONCE):
            last = min(first + JOINED_AT_ONCE, len(wanted.words))
            part = Tables(wanted.words[first:last], wanted.keys[first:last], wanted.rows, wanted.starts)
            joined = self._joined(part, flips, crowds, radius, at_once) if crowds is not None else None
            pieces = self._one_by_one(part, flips, radius, at_once) if joined is None else iter([joined])
            for hits in pieces:
                if len(hits):
                    yield Hits(hits.query + first, hits.row, hits.distance)

    def _joined(
        self, wanted: Tables, flips: NDArray[np.int64], crowds: NDArray[np.uint32], radius: int, at_once: int
    ) -> Hits | None:
        """Take all queries through each band in turn; ``None`` if there are more than ``at_once`` hits."""
        scans = np.empty(len(wanted.words), np.bool_)
        kernel.scanned(wanted, self.tables, crowds, scans)
        buffer = _room_for(at_once)
        near = np.zeros((2, len(self) + LANES), np.uint64)
        filled = kernel.scan_all(wanted, self.tables, radius, scans, buffer, 0)
        for band in np.flatnonzero(flips >= 0).tolist():
            if filled != kernel.FULL:
                kernel.neighbours(self.tables, band, near)
                order = np.argsort(wanted.keys[:, band], kind="stable")
                order = order[~scans[order]]
                filled = kernel.join_band(
                    wanted, self.tables, near, band, flips, radius, order, buffer, filled
                )
        return None if filled == kernel.FULL else _ordered(buffer, filled)

    def _one_by_one(
        self, wanted: Tables, flips: NDArray[np.int64], radius: int, at_once: int
    ) -> Iterator[Hits]:
        room = max(1, min(at_once, max(1, len(self)) * max(1, len(wanted.words))))
        first = 0
        while first < len(wanted.words):
            buffer = _room_for(room)
            after, found = kernel.search(wanted, self.tables, flips, radius, first, buffer)
            if after == first:
                room = min(2 * room, max(room, len(self)))
                continue
            first = after
            yield _ordered(buffer, found)

    def save(self, folder: Path) -> Path:
        """Write the index into ``folder`` as one file that appears complete or not at all, replacing an older one."""
        return write_tables(folder, self.tables)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the index that :meth:`save` wrote into memory, after checking every byte of it.

        Raises
        ------
        NotFoundError
            When there is none.
        FormatError
            When it is no such file or of another format version.
        VerificationError
            When a byte has changed or is missing.
        """
        return cls(read_tables(folder))


def _packed(values: Values) -> tuple[NDArray[np.uint64], NDArray[np.uint16]]:
    if values.dtype != np.uint8 or values.ndim != 2 or values.shape[1] != VALUE_BYTES:
        raise InputError(
            f"an array of {values.dtype} with shape {values.shape} holds no fingerprints",
            remedy="give uint8 values of shape (n, 32)",
        )
    if len(values) > MOST_ROWS:
        raise InputError(
            f"{len(values)} rows do not fit one index", remedy="split the values over several indexes"
        )
    own = np.array(values, dtype=np.uint8, order="C")
    return own.view("<u8").reshape(-1, WORDS), own.view("<u2").reshape(-1, BANDS)


def _bands(keys: NDArray[np.uint16]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    rows = np.empty((BANDS, len(keys)), np.uint32)
    starts = np.zeros((BANDS, KEYS + 1), np.uint32)
    for band in range(BANDS):
        column = np.ascontiguousarray(keys[:, band])
        rows[band] = np.argsort(column, kind="stable")
        np.cumsum(np.bincount(column, minlength=KEYS), out=starts[band, 1:], dtype=np.uint32)
    return rows, starts


def _locked(tables: Tables) -> Tables:
    array: NDArray[Any]
    for array in tables:
        array.flags.writeable = False
    return tables


def _room_for(hits: int) -> HitBuffer:
    return HitBuffer(np.empty(hits, np.int64), np.empty(hits, np.int64), np.empty(hits, np.uint8))


def _ordered(buffer: HitBuffer, found: int) -> Hits:
    order = np.lexsort((buffer.row[:found], buffer.query[:found]))
    return Hits(buffer.query[order], buffer.row[order], buffer.distance[order])
