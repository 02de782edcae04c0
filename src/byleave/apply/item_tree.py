"""The tree of a run's items as it stands on the disk: its root, each leaf's way to it, and proofs that an item is not there, or is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
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

BRANCH_LEAVES: Final = BRANCH_ROWS // LEAF_ROWS
SUBTREE_BRANCHES: Final = 512
"""Branches above which the levels are held while leaves of theirs are asked for."""

NEAR_ROWS: Final = 512
"""An item of a subtree seldom stands farther from where it would if ids were spread quite evenly: it is nearly three times what is to be expected."""

AT_ONCE: Final = 64
"""Proofs made together."""


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
        self._subtree = lru_cache(maxsize=1)(self._levels_of_subtree)
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

    def absences(
        self, attestation: bytes, items: Iterable[bytes], *, covering: bool = False
    ) -> Iterator[Absence]:
        """Yield for each of some items, in rising order, the proof that it is not in the tree, or that it is; ``covering`` says which tree this is."""
        rising = iter(items)
        while some := list(islice(rising, AT_ONCE)):
            around = list(map(self.leaves_with, some))
            wanted = sorted({index for indexes in around for index in indexes})
            leaves = dict(zip(wanted, self.leaves(wanted), strict=True))
            for item, indexes in zip(some, around, strict=True):
                yield Absence(attestation, item, tuple(leaves[index] for index in indexes), covering)

    def leaves_with(self, item: bytes) -> list[int]:
        """Return the one or two leaves, by rising index, around the place where an item stands or would stand; none of an empty tree."""
        at = self._find(item)
        return sorted({place // LEAF_ROWS for place in (at - 1, at) if 0 <= place < len(self)})

    def _find(self, item: bytes) -> int:
        """Return the number of rows whose item id is below ``item``."""
        if not self._firsts:
            return 0
        first, second = (np.uint64(int.from_bytes(half)) for half in (item[:8], item[8:]))
        low = self._search(first, max(bisect_left(self._firsts, item) - 1, 0))
        while low < len(self) and self._entries[low, 0] == first and self._entries[low, 1] < second:
            low += 1
        return low

    def _search(self, first: np.uint64, subtree: int) -> int:
        """Return the number of rows whose id has a first word below ``first``, if that is one of a subtree."""
        rows = SUBTREE_BRANCHES * BRANCH_ROWS
        begin, end = subtree * rows, min((subtree + 1) * rows, len(self))
        least = _first_word(self._firsts[subtree])
        above = _first_word(self._firsts[subtree + 1]) if subtree + 1 < len(self._firsts) else 2**64
        # Ids are digests and spread evenly, so an item is looked for where it nearly stands, and everywhere if it is not there.
        nearly = begin + (int(first) - least) * (end - begin) // max(above - least, 1)
        near = max(nearly - NEAR_ROWS, begin), min(nearly + NEAR_ROWS, end)
        keys = self._entries[slice(*near), 0]
        at = int(keys.searchsorted(first))
        if 0 < at < len(keys):
            return near[0] + at
        return begin + int(self._entries[begin:end, 0].searchsorted(first))

    def leaves(self, indexes: Sequence[int]) -> list[Leaf]:
        """Return some leaves, given by rising index, with their ways to the root."""
        rows = self._rows_of_leaves(indexes)
        levels, above = dict[int, list[bytes]](), dict[int, tuple[bytes, ...]]()
        for branch, below in self._levels_of(sorted({index // BRANCH_LEAVES for index in indexes})):
            levels[branch], above[branch] = below, self._path_above(branch)
        found = []
        for index, written in zip(indexes, rows, strict=True):
            branch, within = divmod(index, BRANCH_LEAVES)
            shown = tuple(ItemRow(written[at : at + ROW_BYTES]) for at in range(0, len(written), ROW_BYTES))
            found.append(Leaf(index, shown, (*path_in(levels[branch], within), *above[branch])))
        return found

    def _rows_of_leaves(self, indexes: Sequence[int]) -> list[bytes]:
        """Return the rows of some leaves, as they are hashed."""
        places = np.add.outer(np.array(indexes, np.int64) * LEAF_ROWS, np.arange(LEAF_ROWS)).reshape(-1)
        written, width = rows_of(self._entries[places[places < len(self)]]).tobytes(), LEAF_ROWS * ROW_BYTES
        return [written[at : at + width] for at in range(0, len(written), width)]

    def _levels_of(self, branches: Sequence[int]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield some branches with the hashes of all their levels below the root, as their entries make them."""
        whole = np.array([one for one in branches if (one + 1) * BRANCH_ROWS <= len(self)], np.int64)
        levels, roots = branch_levels(self._entries, whole, self._work)
        if not np.array_equal(roots, self._hashes[whole]):
            raise self._changed()
        yield from zip(whole.tolist(), levels, strict=True)
        if len(whole) < len(branches):
            rest = as_bytes(self._hasher.levels(rows_of(self._entries[branches[-1] * BRANCH_ROWS :])))
            if rest[-1] != self._hashes[-1].tobytes():
                raise self._changed()
            yield branches[-1], rest

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


def _first_word(item: bytes) -> int:
    return int.from_bytes(item[:8])


def _mapped(path: Path) -> Bytes:
    """Map a file, uint8 (n,)."""
    try:
        mapped = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    except OSError as error:
        raise VerificationError(f"{path} cannot be read", remedy="bind the items again") from error
    found: Bytes = mapped.view(np.ndarray)
    return found
