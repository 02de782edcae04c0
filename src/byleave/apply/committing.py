"""Bind the items of a run: rows sorted by item id, eight to a leaf, and the RFC 6962 root over the leaves, in constant memory.

Rows are first parted by the first byte of their item ids, then sorted part by part, and hashed in whole subtrees. What comes is on the
disk: 28 bytes a row, from which any leaf's way to the root is made again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from byleave.apply.sha256 import Bytes, Ints, Sha256, Words, hash_two, new_sha256, pad
from byleave.compiled import compiled_lean
from byleave.log.merkle import EMPTY_ROOT, root_of
from byleave.log.proofs import inclusion_proof
from byleave.release.attestations import Commitment
from byleave.release.items import LEAF_ROWS, ROW_BYTES, Absence, ItemRow, Leaf, leaves_of
from byleave.urls.names import ID_BYTES

SUBTREE_LEVEL: Final = 14
SUBTREE_LEAVES: Final = 1 << SUBTREE_LEVEL
PARTITIONS: Final = 256
HELD_BYTES: Final = 128 * 1024 * 1024
"""Rows held before they go to their partitions."""

MOST_HASHED: Final = 300
_LANE: Final = 512
"""Room for one message with its padding, and for what :func:`pad` writes behind it."""


class _Lanes(NamedTuple):
    """Two messages of one length, padded once; only the bytes from ``at`` on change from hash to hash."""

    lines: Bytes
    starts: Ints
    ends: Ints
    at: int
    sha: Sha256
    two: Words


def hash_rows(prefix: bytes, rows: Bytes) -> Bytes:
    """Return SHA-256 of ``prefix`` and each row: uint8 (n, width) to uint8 (n, 32). Both together have at most :data:`MOST_HASHED` bytes."""
    size = len(prefix) + rows.shape[1]
    lines = np.zeros(2 * _LANE, np.uint8)
    starts = np.array([0, _LANE], np.int64)
    for start in (0, _LANE):
        lines[start : start + len(prefix)] = np.frombuffer(prefix, np.uint8)
        pad(lines, start, start + size)
    lanes = _Lanes(lines, starts, starts + size, len(prefix), new_sha256(), np.zeros((2, 4), np.uint64))
    digests = np.empty((len(rows), 4), np.uint64)
    _hash_rows(np.ascontiguousarray(rows), *lanes, digests)
    return digests.view(np.uint8)


@compiled_lean
def _hash_rows(
    rows: Bytes, lines: Bytes, starts: Ints, ends: Ints, at: int, sha: Sha256, two: Words, digests: Words
) -> None:
    size, width = rows.shape
    for one in range(0, size, 2):
        other = min(one + 1, size - 1)
        for i in range(width):
            lines[starts[0] + at + i] = rows[one, i]
            lines[starts[1] + at + i] = rows[other, i]
        hash_two(lines, starts, ends, 0, 1, sha, two)
        for i in range(4):
            digests[one, i] = two[0, i]
            digests[other, i] = two[1, i]


def levels_of(rows: Bytes, salt: bytes) -> list[Bytes]:
    """Return the hashes of all levels over rows (n, 28): first those of the leaves, last the root alone. An odd last one is carried up."""
    whole = len(rows) // LEAF_ROWS * LEAF_ROWS
    leaves = hash_rows(b"\0" + salt, rows[:whole].reshape(-1, LEAF_ROWS * ROW_BYTES))
    if whole < len(rows):
        last = hashlib.sha256(b"\0" + salt + rows[whole:].tobytes()).digest()
        leaves = np.concatenate([leaves, np.frombuffer(last, np.uint8).reshape(1, -1)])
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        even = len(below) // 2 * 2
        levels.append(np.concatenate([hash_rows(b"\1", below[:even].reshape(-1, 64)), below[even:]]))
    return levels


class ItemTree:
    """A tree whose sorted rows stand in a file.

    commitment
        Its root and its number of rows, as an attestation names them.
    """

    def __init__(self, path: Path, salt: bytes) -> None:
        size = path.stat().st_size // ROW_BYTES
        self._rows: Bytes = (
            np.memmap(path, np.uint8, "r", shape=(size, ROW_BYTES))
            if size
            else np.empty((0, ROW_BYTES), np.uint8)
        )
        self._salt = salt
        self._leaves = leaves_of(size)
        self._at: tuple[int, list[Bytes]] | None = None
        self._roots = [
            levels_of(self._subtree(place), salt)[-1][0].tobytes()
            for place in range(-(-self._leaves // SUBTREE_LEAVES))
        ]
        self.commitment = Commitment(root_of(self._roots) if size else EMPTY_ROOT, size)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, item: bytes) -> bool:
        at = self._find(item)
        return at < len(self) and self.row(at).item == item

    def row(self, place: int) -> ItemRow:
        """Return a row by its place in the order of all."""
        return ItemRow.parse(self._rows[place].tobytes())

    def leaf(self, index: int) -> Leaf:
        """Return a leaf with its way to the root."""
        rows = range(index * LEAF_ROWS, min((index + 1) * LEAF_ROWS, len(self)))
        path = inclusion_proof(index, self._leaves, self._read)
        return Leaf(index, tuple(self.row(place) for place in rows), path)

    def absence(self, attestation: bytes, item: bytes) -> Absence:
        """Return the proof that an item is not in the tree, or that it is."""
        at = self._find(item)
        around = {place // LEAF_ROWS for place in (at - 1, at) if 0 <= place < len(self)}
        return Absence(attestation, item, tuple(self.leaf(index) for index in sorted(around)))

    def _find(self, item: bytes) -> int:
        """Return the number of rows whose item id is below ``item``."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle, :ID_BYTES].tobytes() < item:
                low = middle + 1
            else:
                high = middle
        return low

    def _subtree(self, place: int) -> Bytes:
        width = SUBTREE_LEAVES * LEAF_ROWS
        return np.asarray(self._rows[place * width : (place + 1) * width])

    def _read(self, level: int, index: int) -> bytes:
        if level >= SUBTREE_LEVEL:
            width = 1 << (level - SUBTREE_LEVEL)
            return root_of(self._roots[index * width : (index + 1) * width])
        place = (index << level) >> SUBTREE_LEVEL
        if self._at is None or self._at[0] != place:
            self._at = (place, levels_of(self._subtree(place), self._salt))
        found: Bytes = self._at[1][level][index - (place << (SUBTREE_LEVEL - level))]
        return found.tobytes()


@dataclass(slots=True)
class RowWriter:
    """Takes items part by part and writes the sorted rows of their tree to ``path``. ``folder`` is for its own use, and goes."""

    path: Path
    folder: Path

    def write(self, parts: Iterator[Bytes]) -> None:
        """Take the item ids (uint8 (n, 16)) of each part, in the order of its rows; zeros stand for a row without one."""
        shutil.rmtree(self.folder, ignore_errors=True)  # what a killed run left there
        self.folder.mkdir(parents=True)
        held: list[Bytes] = []
        size = 0
        for place, items in enumerate(parts):
            held.append(rows_of(place, items))
            size += held[-1].nbytes
            if size >= HELD_BYTES:
                self._part(held)
                held, size = [], 0
        self._part(held)
        with self.path.open("wb") as file:
            for partition in range(PARTITIONS):
                path = self.folder / f"{partition:02x}"
                if path.exists():
                    file.write(sorted_rows(np.fromfile(path, np.uint8).reshape(-1, ROW_BYTES)).tobytes())
                    path.unlink()
        self.folder.rmdir()

    def _part(self, held: list[Bytes]) -> None:
        if not held:
            return
        rows = np.concatenate(held)
        parted = gathered(rows, np.argsort(rows[:, 0], kind="stable"))
        ends = np.cumsum(np.bincount(rows[:, 0], minlength=PARTITIONS))
        start = 0
        for partition, end in enumerate(ends.tolist()):
            if end > start:
                with (self.folder / f"{partition:02x}").open("ab") as file:
                    file.write(parted[start:end].tobytes())
            start = end


def rows_of(part: int, items: Bytes) -> Bytes:
    """Return the rows (n, 28) of the items (n, 16) of one part."""
    rows = np.empty((len(items), ROW_BYTES), np.uint8)
    rows[:, :ID_BYTES] = items
    rows[:, ID_BYTES : ID_BYTES + 4] = np.frombuffer(part.to_bytes(4), np.uint8)
    rows[:, ID_BYTES + 4 :] = np.arange(len(items), dtype=">u8").view(np.uint8).reshape(-1, 8)
    return rows


def sorted_rows(rows: Bytes) -> Bytes:
    """Sort rows (n, 28) by item, part and row. Those of one item must come in the order of part and row already."""
    words = np.ascontiguousarray(rows[:, :ID_BYTES]).view(">u8").astype(np.uint64)
    order = np.argsort(words[:, 0])
    found = words[order, 0]
    # Half an item id decides nearly always; only where it does not, the rest of it and the order of coming do.
    alike = np.zeros(len(order), np.bool_)
    alike[1:] = found[1:] == found[:-1]
    alike[:-1] |= alike[1:]
    tied = order[alike]
    order[alike] = tied[np.lexsort((tied, words[tied, 1], words[tied, 0]))]
    return gathered(rows, order)


def gathered(rows: Bytes, order: npt.NDArray[np.int64]) -> Bytes:
    """Return rows in another order; whole rows move at once, which numpy does faster than as lines of bytes."""
    whole = np.ascontiguousarray(rows).view(f"V{ROW_BYTES}").ravel()
    return whole[order].view(np.uint8).reshape(-1, ROW_BYTES)
