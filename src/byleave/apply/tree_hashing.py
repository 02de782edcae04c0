"""SHA-256 of many rows of one width, and of what stands above the leaves of a tree (RFC 6962)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from byleave.apply.leaf_pairs import hash_levels, new_node_work
from byleave.apply.tables import read_only
from byleave.compiled import compiled_lean
from byleave.log.lines import HASH_BYTES
from byleave.release.items import LEAF_ROWS, ROW_BYTES
from byleave.urls.bulk.sha256 import Bytes, Ints, Words, padded_blocks
from byleave.urls.bulk.sha_many import MOST_BLOCKS, ROOM, ManyLines, hash_lines, new_many_lines
from byleave.urls.bulk.wide import load_word, store_word

MOST_HASHED: Final = 64 * MOST_BLOCKS - 9
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
        self._nodes = new_node_work()

    def root(self, rows: Bytes) -> bytes:
        """Return the root over sorted rows, uint8 (n, 24), of which there is one at least."""
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
        sizes = [len(hashes)]
        while sizes[-1] > 1:
            sizes.append((sizes[-1] + 1) // 2)
        every = np.empty((sum(sizes), HASH_BYTES), np.uint8)
        every[: len(hashes)] = hashes
        hash_levels(every.reshape(-1), len(hashes), self._nodes)
        ends = np.cumsum(sizes).tolist()
        return [every[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    def _hash_leaves(self, rows: Bytes) -> Bytes:
        whole = len(rows) // LEAF_ROWS * LEAF_ROWS
        hashes = self._leaves.hash(rows[:whole].reshape(-1, LEAF_ROWS * ROW_BYTES))
        if whole == len(rows):
            return hashes
        last = hashlib.sha256(self._prefix + rows[whole:].tobytes()).digest()
        return np.concatenate([hashes, np.frombuffer(last, np.uint8).reshape(1, -1)])


def as_bytes(levels: Sequence[Bytes]) -> list[bytes]:
    """Return the levels of a tree as :func:`path_in` takes them: all hashes of one behind each other."""
    return [level.tobytes() for level in levels]


def path_in(levels: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from one of the lowest level to the root; what has no neighbour was carried up."""
    path = []
    for level in levels:
        begin = (index ^ 1) * HASH_BYTES
        if begin < len(level):
            path.append(level[begin : begin + HASH_BYTES])
        index >>= 1
    return path


def ways_in(nodes: Bytes, trees: Ints, places: Ints) -> list[bytes]:
    """Return, as :func:`path_in` does but joined, the ways of some leaves of whole trees of one size.

    Parameters
    ----------
    nodes
        uint8 (k, m, 32): the hashes of all levels of each tree, the lowest first. A last one for the root may be there.
    trees, places
        int64 (n,): the tree of each leaf, and where in it the leaf stands.
    """
    neighbours = _neighbours((nodes.shape[1] + 2).bit_length() - 2)
    found = nodes[trees[:, np.newaxis], neighbours[places]]
    width, data = found.shape[1] * HASH_BYTES, found.tobytes()
    return [data[at : at + width] for at in range(0, len(data), width)] if width else [b""] * len(places)


@cache
def _neighbours(depth: int) -> Ints:
    """Return where the hashes on the way of each leaf stand in a tree of ``2**depth`` of them, level behind level: int64 (leaves, depth)."""
    leaves, levels = np.arange(1 << depth)[:, np.newaxis], np.arange(depth)
    found: Ints = (2 << depth) - (2 << (depth - levels)) + ((leaves >> levels) ^ 1)
    return found
