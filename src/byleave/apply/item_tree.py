"""The tree of a run's items as it stands on the disk: its root, each leaf's way to it, and proofs that an item is not there, or is."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from byleave.apply.item_rows import ENTRY_BYTES, rows_of
from byleave.apply.leaf_lanes import BRANCH_ROWS
from byleave.apply.leaf_pairs import branch_levels, new_pair_work
from byleave.apply.tables import read_only
from byleave.apply.tree_hashing import TreeHasher, as_bytes, path_in
from byleave.errors import VerificationError
from byleave.log.lines import HASH_BYTES
from byleave.log.merkle import EMPTY_ROOT
from byleave.release.commitments import Commitment
from byleave.release.items import LEAF_ROWS, ROW_BYTES, Absence, ItemRow, Leaf
from byleave.urls.bulk.sha256 import Bytes, Words

SUBTREE_BRANCHES: Final = 512
"""Branches whose levels are held while leaves of theirs are asked for."""


def hashes_beside(path: Path) -> Path:
    """Return where the hashes of a tree's branches stand, 32 bytes each, beside its entries."""
    return path.with_name(f"{path.name}.hashes")


class ItemTree:
    """A tree whose sorted entries stand in a file, and the hashes of its branches in another.

    commitment
        Its root and its number of rows, as an attestation names them. It follows from the hashes; entries are held to these when they are shown.

    Raises
    ------
    VerificationError
        If a file is missing, or there are not as many hashes as entries need; and later, if the entries of a leaf that is asked for
        are not those that were hashed.
    """

    def __init__(self, path: Path, salt: bytes) -> None:
        self._path = path
        entries, hashes = _mapped(path), _mapped(hashes_beside(path))
        size, rest = divmod(len(entries), ENTRY_BYTES)
        if rest or len(hashes) != -(-size // BRANCH_ROWS) * HASH_BYTES:
            raise self._changed()
        self._entries: Words = read_only(entries.view(np.uint64).reshape(-1, ENTRY_BYTES // 8))
        self._hashes: Bytes = hashes.reshape(-1, HASH_BYTES)
        self._hasher, self._work = TreeHasher(salt), new_pair_work(salt)
        # Whoever asks in the order of the items, as for all targets of a list, has each part of the tree read once.
        self._branch = lru_cache(maxsize=2)(self._levels_of_branch)
        self._subtree = lru_cache(maxsize=1)(self._levels_of_subtree)
        self._keys = lru_cache(maxsize=1)(lambda place: np.ascontiguousarray(self._entries[_span(place), 0]))
        self._way_above = lru_cache(maxsize=2)(self._path_above)
        self.leaf = lru_cache(maxsize=2)(self._leaf)
        roots = [self._hasher.root_above(self._hashes_of(place)) for place in range(self._subtrees)]
        self._above = as_bytes(
            self._hasher.levels_above(np.frombuffer(b"".join(roots), np.uint8).reshape(-1, HASH_BYTES))
        )
        self._firsts = [
            self.row(place * SUBTREE_BRANCHES * BRANCH_ROWS).item for place in range(self._subtrees)
        ]
        self.commitment = Commitment(self._above[-1] if size else EMPTY_ROOT, size)

    def __len__(self) -> int:
        return len(self._entries)

    def row(self, place: int) -> ItemRow:
        """Return a row by its place in the order of all."""
        return ItemRow(rows_of(self._entries[place : place + 1]).tobytes())

    def absence(self, attestation: bytes, item: bytes, *, covering: bool = False) -> Absence:
        """Return the proof that an item is not in the tree, or that it is; ``covering`` says which tree this is."""
        return Absence(attestation, item, tuple(map(self.leaf, self.leaves_with(item))), covering)

    def leaves_with(self, item: bytes) -> list[int]:
        """Return the one or two leaves, by rising index, around the place where an item stands or would stand; none of an empty tree."""
        at = self._find(item)
        return sorted({place // LEAF_ROWS for place in (at - 1, at) if 0 <= place < len(self)})

    def _find(self, item: bytes) -> int:
        """Return the number of rows whose item id is below ``item``."""
        subtree = max(bisect_left(self._firsts, item) - 1, 0)
        keys, first = self._keys(subtree), np.uint64(int.from_bytes(item[:8]))
        begin = subtree * SUBTREE_BRANCHES * BRANCH_ROWS
        low = int(keys.searchsorted(first))
        if low == len(keys) or keys[low] != first:
            return begin + low
        alike = self._entries[begin + low : begin + int(keys.searchsorted(first, "right")), 1]
        return begin + low + int(alike.searchsorted(np.uint64(int.from_bytes(item[8:]))))

    def _leaf(self, index: int) -> Leaf:
        """Return a leaf with its way to the root."""
        branch, within = divmod(index, BRANCH_ROWS // LEAF_ROWS)
        written = rows_of(self._entries[index * LEAF_ROWS : (index + 1) * LEAF_ROWS]).tobytes()
        rows = tuple(ItemRow(written[at : at + ROW_BYTES]) for at in range(0, len(written), ROW_BYTES))
        return Leaf(index, rows, (*path_in(self._branch(branch), within), *self._way_above(branch)))

    def _levels_of_branch(self, branch: int) -> list[bytes]:
        """Return the hashes of all levels of a branch, the root last, as its entries make them."""
        begin = branch * BRANCH_ROWS
        entries = self._entries[begin : begin + BRANCH_ROWS]
        if len(entries) == BRANCH_ROWS:
            levels = branch_levels(entries, self._work)
        else:
            levels = as_bytes(self._hasher.levels(rows_of(entries)))
        if levels[-1] != self._hashes[branch].tobytes():
            raise self._changed()
        return levels

    def _path_above(self, branch: int) -> tuple[bytes, ...]:
        """Return the hashes that lead from a branch to the root."""
        subtree, within = divmod(branch, SUBTREE_BRANCHES)
        return (*path_in(self._subtree(subtree), within), *path_in(self._above, subtree))

    def _levels_of_subtree(self, place: int) -> list[bytes]:
        return as_bytes(self._hasher.levels_above(self._hashes_of(place)))

    def _hashes_of(self, place: int) -> Bytes:
        return self._hashes[place * SUBTREE_BRANCHES : (place + 1) * SUBTREE_BRANCHES]

    @property
    def _subtrees(self) -> int:
        return -(-len(self._hashes) // SUBTREE_BRANCHES)

    def _changed(self) -> VerificationError:
        return VerificationError(
            f"what {self._path.parent} holds is not what was bound", remedy="bind the items again"
        )


def _span(subtree: int) -> slice:
    """Return the places of the rows of a subtree."""
    rows = SUBTREE_BRANCHES * BRANCH_ROWS
    return slice(subtree * rows, (subtree + 1) * rows)


def _mapped(path: Path) -> Bytes:
    """Map a file, uint8 (n,)."""
    try:
        mapped = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    except OSError as error:
        raise VerificationError(f"{path} cannot be read", remedy="bind the items again") from error
    found: Bytes = mapped.view(np.ndarray)
    return found
