"""Bind the items of a run: rows sorted by item id, eight to a leaf, and the RFC 6962 root over the leaves, in constant memory.

Leaves are hashed in whole subtrees. What is kept is on the disk: 28 bytes a row, sorted by :mod:`byleave.apply.item_rows`, from which any
leaf's way to the root is made again.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from byleave.apply.item_rows import Piece, rows_of, sorted_entries
from byleave.apply.leaf_lanes import BRANCH_LEVEL, BRANCH_ROWS, hash_branches, new_lane_work
from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean
from byleave.log.lines import HASH_BYTES
from byleave.log.merkle import EMPTY_ROOT, root_of
from byleave.release.commitments import Commitment
from byleave.release.items import LEAF_ROWS, ROW_BYTES, Absence, ItemRow, Leaf
from byleave.urls.bulk.sha256 import Bytes, Ints, Words, padded_blocks
from byleave.urls.bulk.sha_lanes import LANES
from byleave.urls.bulk.sha_many import MOST_BLOCKS, ROOM, ManyLines, hash_lines, new_many_lines
from byleave.urls.bulk.wide import load_word, store_word
from byleave.urls.names import ID_BYTES

SUBTREE_LEAVES: Final = 1 << 14
MOST_HASHED: Final = 64 * MOST_BLOCKS - 9
_TAKEN_ROWS: Final = LANES * BRANCH_ROWS
_AT_ONCE: Final = 1024
"""Messages padded and hashed together."""


class RowHasher:
    """SHA-256 of ``prefix`` and each of many rows of ``width`` bytes; both together have at most :data:`MOST_HASHED`. For one thread."""

    def __init__(self, prefix: bytes, width: int) -> None:
        size = len(prefix) + width
        slot = 64 * padded_blocks(0, size)
        self._prefix = prefix
        self._lines, self._starts = np.zeros(_AT_ONCE * slot + ROOM, np.uint8), np.arange(_AT_ONCE) * slot
        self._ends = self._starts + size
        self._many = new_many_lines(_AT_ONCE)
        padded = self._lines[: _AT_ONCE * slot].reshape(_AT_ONCE, slot)
        padded[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
        padded[:, size] = 0x80
        padded[:, -8:] = np.frombuffer((8 * size).to_bytes(8), np.uint8)

    def hash(self, rows: Bytes) -> Bytes:
        """Return the digests of rows: uint8 (n, width) to uint8 (n, 32)."""
        digests = np.empty((len(rows), 4), np.uint64)
        if len(rows):
            flat, at = read_only(rows).reshape(-1), len(self._prefix)
            _hash_rows(flat, at, self._lines, self._starts, self._ends, self._many, digests)
        return digests.view(np.uint8)


@compiled_lean
def _hash_rows(
    rows: Bytes, at: int, lines: Bytes, starts: Ints, ends: Ints, many: ManyLines, digests: Words
) -> None:
    size = len(digests)
    width = len(rows) // size
    words = width // 8 * 8
    for first in range(0, size, _AT_ONCE):
        count = min(_AT_ONCE, size - first)
        for line in range(count):
            source, target = (first + line) * width, starts[line] + at
            for i in range(0, words, 8):
                store_word(lines, target + i, load_word(rows, source + i))
            for i in range(words, width):
                lines[target + i] = rows[source + i]
        hash_lines(lines, starts, ends, count, many, digests[first : first + count])


class TreeHasher:
    """Hashes the leaves of a tree of some salt, and what stands above them. For one thread."""

    def __init__(self, salt: bytes) -> None:
        self._prefix = b"\0" + salt
        self._leaves = RowHasher(self._prefix, LEAF_ROWS * ROW_BYTES)
        self._nodes = RowHasher(b"\1", 64)

    def root(self, rows: Bytes) -> bytes:
        """Return the root over sorted rows, uint8 (n, 28), of which there is one at least."""
        return self.root_above(self._hash_leaves(rows))

    def levels(self, rows: Bytes) -> list[Bytes]:
        """Return the hashes of all levels over rows: first the leaves, last the root alone."""
        return self.levels_above(self._hash_leaves(rows))

    def root_above(self, hashes: Bytes) -> bytes:
        """Return the root above the hashes of whole subtrees of one size, uint8 (n, 32), of which the last may be over fewer leaves."""
        root: bytes = self.levels_above(hashes)[-1][0].tobytes()
        return root

    def levels_above(self, hashes: Bytes) -> list[Bytes]:
        """Return such hashes and all levels above them. An odd last one is carried up."""
        levels = [hashes]
        while len(levels[-1]) > 1:
            below = levels[-1]
            even = len(below) // 2 * 2
            levels.append(np.concatenate([self._nodes.hash(below[:even].reshape(-1, 64)), below[even:]]))
        return levels

    def _hash_leaves(self, rows: Bytes) -> Bytes:
        whole = len(rows) // LEAF_ROWS * LEAF_ROWS
        hashes = self._leaves.hash(rows[:whole].reshape(-1, LEAF_ROWS * ROW_BYTES))
        if whole == len(rows):
            return hashes
        last = hashlib.sha256(self._prefix + rows[whole:].tobytes()).digest()
        return np.concatenate([hashes, np.frombuffer(last, np.uint8).reshape(1, -1)])


class GrowingTree:
    """A tree over entries that come in order: its root and size, in memory that hardly grows. Hashes are held of branches, and of whole subtrees."""

    def __init__(self, salt: bytes) -> None:
        self._hasher = TreeHasher(salt)
        self._lanes = new_lane_work(salt)
        self._waiting, self._waits = np.empty((_TAKEN_ROWS, 3), np.uint64), 0
        self._branches, self._hashed = np.empty((SUBTREE_LEAVES >> BRANCH_LEVEL, 4), np.uint64), 0
        self._roots: list[bytes] = []
        self._size = 0

    def add(self, entries: Words) -> None:
        """Take the entries that come next, uint64 (n, 3)."""
        self._size += len(entries)
        if self._waits:
            entries = self._wait(entries)
            if self._waits == _TAKEN_ROWS:
                self._take(self._waiting)
                self._waits = 0
        whole = len(entries) // _TAKEN_ROWS * _TAKEN_ROWS
        self._take(entries[:whole])
        self._wait(entries[whole:])

    def commitment(self) -> Commitment:
        """Return the root over all that was taken, and how many rows that are."""
        roots, branches = list(self._roots), self._branches[: self._hashed].view(np.uint8)
        if self._waits:
            levels = self._hasher.levels(rows_of(self._waiting[: self._waits]))
            branches = np.concatenate([branches, levels[min(BRANCH_LEVEL, len(levels) - 1)]])
        if len(branches):
            roots.append(self._hasher.root_above(branches))
        return Commitment(root_of(roots) if roots else EMPTY_ROOT, self._size)

    def _wait(self, entries: Words) -> Words:
        """Let as many entries wait for the next ones as there is room for; return the others."""
        taken = min(_TAKEN_ROWS - self._waits, len(entries))
        self._waiting[self._waits : self._waits + taken] = entries[:taken]
        self._waits += taken
        return entries[taken:]

    def _take(self, entries: Words) -> None:
        """Hash entries of which there is a multiple of what is taken at once."""
        at = 0
        while at < len(entries):
            count = min((len(entries) - at) // BRANCH_ROWS, len(self._branches) - self._hashed)
            end = at + count * BRANCH_ROWS
            self._hash(entries[at:end], self._branches[self._hashed : self._hashed + count])
            self._hashed, at = self._hashed + count, end
            if self._hashed == len(self._branches):
                self._roots.append(self._hasher.root_above(self._branches.view(np.uint8)))
                self._hashed = 0

    def _hash(self, entries: Words, branches: Words) -> None:
        if hash_branches is not None:
            hash_branches(entries, self._lanes, branches)
        else:
            branches[:] = self._hasher.levels(rows_of(entries))[BRANCH_LEVEL].view(np.uint64)


def commit_items(pieces: Iterator[Piece], aside: Path, salt: bytes, path: Path | None = None) -> Commitment:
    """Sort items and return the root and size of their tree, whose :class:`ItemTree` is written to ``path`` if one is given.

    ``aside`` is a file for the use of this alone, and goes.
    """
    return commit_entries(sorted_entries(pieces, aside), salt, path)


def commit_entries(entries: Iterable[Words], salt: bytes, path: Path | None = None) -> Commitment:
    """Return the root and size of the tree over entries that come in order, some at a time, as :func:`commit_items` does."""
    tree = GrowingTree(salt)
    with path.open("wb") if path is not None else nullcontext() as file:
        for some in entries:
            if file is not None:
                file.write(rows_of(some).data)
            tree.add(some)
    return tree.commitment()


class ItemTree:
    """A tree whose sorted rows stand in a file.

    commitment
        Its root and its number of rows, as an attestation names them.
    """

    def __init__(self, path: Path, salt: bytes) -> None:
        size = path.stat().st_size // ROW_BYTES
        content = np.memmap(path, np.uint8, "r", shape=(size * ROW_BYTES,)) if size else np.empty(0, np.uint8)
        self._content: Bytes = content.view(np.ndarray)
        self._size = size
        hasher = TreeHasher(salt)
        # Whoever asks in the order of the items, as for all targets of a list, has each subtree hashed once.
        self._subtree = lru_cache(maxsize=1)(
            lambda place: [level.tobytes() for level in hasher.levels(self._rows_of_subtree(place))]
        )
        self.leaf = lru_cache(maxsize=2)(self._leaf)
        subtrees = range(-(-size // (SUBTREE_LEAVES * LEAF_ROWS)))
        roots = [hasher.root(self._rows_of_subtree(place)) for place in subtrees]
        above = hasher.levels_above(np.frombuffer(b"".join(roots), np.uint8).reshape(-1, HASH_BYTES))
        self._above = [level.tobytes() for level in above]
        self.commitment = Commitment(self._above[-1] if size else EMPTY_ROOT, size)

    def __len__(self) -> int:
        return self._size

    def row(self, place: int) -> ItemRow:
        """Return a row by its place in the order of all."""
        return ItemRow(self._content[place * ROW_BYTES : (place + 1) * ROW_BYTES].tobytes())

    def _leaf(self, index: int) -> Leaf:
        """Return a leaf with its way to the root."""
        rows = range(index * LEAF_ROWS, min((index + 1) * LEAF_ROWS, self._size))
        subtree, within = divmod(index, SUBTREE_LEAVES)
        path = (*_path(self._subtree(subtree), within), *_path(self._above, subtree))
        return Leaf(index, tuple(map(self.row, rows)), path)

    def absence(self, attestation: bytes, item: bytes, *, covering: bool = False) -> Absence:
        """Return the proof that an item is not in the tree, or that it is; ``covering`` says which tree this is."""
        return Absence(attestation, item, tuple(map(self.leaf, self.leaves_with(item))), covering)

    def leaves_with(self, item: bytes) -> list[int]:
        """Return the one or two leaves, by rising index, around the place where an item stands or would stand; none of an empty tree."""
        at = self._find(item)
        return sorted({place // LEAF_ROWS for place in (at - 1, at) if 0 <= place < self._size})

    def _find(self, item: bytes) -> int:
        """Return the number of rows whose item id is below ``item``."""
        return bisect_left(range(self._size), item, key=self._item)

    def _item(self, place: int) -> bytes:
        return self._content[place * ROW_BYTES : place * ROW_BYTES + ID_BYTES].tobytes()

    def _rows_of_subtree(self, place: int) -> Bytes:
        width = SUBTREE_LEAVES * LEAF_ROWS * ROW_BYTES
        return self._content[place * width : (place + 1) * width].reshape(-1, ROW_BYTES)


def _path(levels: Sequence[bytes], index: int) -> Iterator[bytes]:
    """Yield the hashes that lead from one of the lowest level to the root; what has no neighbour was carried up."""
    for level in levels:
        begin = (index ^ 1) * HASH_BYTES
        if begin < len(level):
            yield level[begin : begin + HASH_BYTES]
        index >>= 1
