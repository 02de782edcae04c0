"""Bind the items of a run: rows sorted by item id, sixteen to a leaf, in memory that hardly grows.

What is kept is on the disk: the entries as :mod:`byleave.apply.item_rows` sorts them, 24 bytes a row, and the hash of each branch, from which
:class:`byleave.apply.item_tree.ItemTree` makes the root, and any leaf's way to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from byleave.apply.item_rows import Piece, rows_of, sorted_entries
from byleave.apply.item_tree import ItemTree, hashes_beside
from byleave.apply.leaf_lanes import BRANCH_ROWS, hash_branches_in_lanes, new_lane_work
from byleave.apply.leaf_pairs import hash_branches_in_pairs, new_pair_work
from byleave.apply.tables import read_only
from byleave.apply.tree_hashing import TreeHasher
from byleave.release.commitments import Commitment
from byleave.urls.bulk.sha256 import Words
from byleave.urls.bulk.sha_lanes import LANES

_TAKEN_ROWS: Final = LANES * BRANCH_ROWS


def commit_items(pieces: Iterator[Piece], aside: Path, salt: bytes, path: Path) -> Commitment:
    """Sort items, write their :class:`ItemTree` to ``path`` and return its root and size. ``aside`` is a file for the use of this alone, and goes."""
    return commit_entries(sorted_entries(pieces, aside), salt, path)


def commit_entries(entries: Iterable[Words], salt: bytes, path: Path) -> Commitment:
    """Write the tree of entries that come in order, uint64 (n, 3), some at a time, as :func:`commit_items` does."""
    with path.open("wb") as file, hashes_beside(path).open("wb") as hashes:
        branches = _Branches(salt, hashes)
        for some in entries:
            file.write(some.data)
            branches.add(some)
        branches.finish()
    return ItemTree(path, salt).commitment


class _Branches:
    """Writes the hash of each branch of a tree of some salt, whose entries come in order."""

    def __init__(self, salt: bytes, file: BinaryIO) -> None:
        self._file = file
        self._hasher = TreeHasher(salt)
        self._lanes, self._pairs = new_lane_work(salt), new_pair_work(salt)
        self._waiting, self._waits = np.empty((_TAKEN_ROWS, 3), np.uint64), 0

    def add(self, entries: Words) -> None:
        """Take the entries that come next, uint64 (n, 3)."""
        if self._waits:
            entries = self._wait(entries)
            if self._waits == _TAKEN_ROWS:
                self._write(self._waiting)
                self._waits = 0
        whole = len(entries) // _TAKEN_ROWS * _TAKEN_ROWS
        self._write(entries[:whole])
        self._wait(entries[whole:])

    def finish(self) -> None:
        """Write what waits; the last branch may be over fewer leaves."""
        whole = self._waits // BRANCH_ROWS * BRANCH_ROWS
        self._write_in_pairs(self._waiting[:whole])
        if whole < self._waits:
            self._file.write(self._hasher.root(rows_of(self._waiting[whole : self._waits])))

    def _wait(self, entries: Words) -> Words:
        """Let as many entries wait for the next ones as there is room for; return the others."""
        taken = min(_TAKEN_ROWS - self._waits, len(entries))
        self._waiting[self._waits : self._waits + taken] = entries[:taken]
        self._waits += taken
        return entries[taken:]

    def _write(self, entries: Words) -> None:
        """Hash entries of which there is a multiple of what is taken at once."""
        if hash_branches_in_lanes is None:
            self._write_in_pairs(entries)
            return
        hashes = np.empty((len(entries) // BRANCH_ROWS, 4), np.uint64)
        hash_branches_in_lanes(entries, self._lanes, hashes)
        self._file.write(hashes.data)

    def _write_in_pairs(self, entries: Words) -> None:
        hashes = np.empty((len(entries) // BRANCH_ROWS, 4), np.uint64)
        hash_branches_in_pairs(read_only(entries), self._pairs, hashes)
        self._file.write(hashes.data)
