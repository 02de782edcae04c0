"""The tree of a run's items as it stands on the disk: its root, each leaf's way to it, and proofs that an item is not there, or is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from byleave.apply.item_rows import OPEN_PLACE, rows_of
from byleave.apply.item_search import places_of
from byleave.apply.leaf_lanes import BRANCH_ROWS
from byleave.apply.leaf_pairs import branch_nodes, new_pair_work
from byleave.apply.parting import ENTRY_BYTES
from byleave.apply.proof_lines import Frame, proof_lines
from byleave.apply.tables import read_only
from byleave.apply.tree_hashing import TreeHasher, as_bytes, path_in, ways_in
from byleave.errors import VerificationError
from byleave.log.lines import HASH_BYTES
from byleave.log.merkle import EMPTY_ROOT
from byleave.release.commitments import Commitment
from byleave.release.items import LEAF_ROWS, ROW_BYTES, ItemRow, Leaf
from byleave.urls.bulk.sha256 import Bytes, Ints, Words
from byleave.urls.names import ID_BYTES

BRANCH_LEAVES: Final = BRANCH_ROWS // LEAF_ROWS
SUBTREE_BRANCHES: Final = 512
"""Branches above which the levels are held while leaves of theirs are asked for."""

AT_ONCE: Final = 256
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
        self._firsts = self._entries[:: SUBTREE_BRANCHES * BRANCH_ROWS, 0].astype(np.float64)
        self.commitment = Commitment(self._above[-1] if size else EMPTY_ROOT, size)

    def __len__(self) -> int:
        return len(self._entries)

    def row(self, place: int) -> ItemRow:
        """Return a row by its place in the order of all."""
        return ItemRow(rows_of(self._entries[place : place + 1]).tobytes())

    def not_compared(self) -> npt.NDArray[np.bytes_]:
        """Return the ids, S16 (n,), of what stands in the tree because it was compared with nothing."""
        rows = rows_of(self._entries[self._entries[:, 2] == OPEN_PLACE])
        return np.ascontiguousarray(rows[:, :ID_BYTES]).reshape(-1).view(f"S{ID_BYTES}")

    def proofs(
        self, attestation: bytes, items: Iterable[bytes], *, covering: bool = False
    ) -> Iterator[tuple[bytes, bool]]:
        """Yield for each of some items, in rising order, the line that proves that it is not in the tree, or that it is, and which of both; ``covering`` says which tree this is."""
        frame, rising = Frame.of(attestation, covering=covering), iter(items)
        while some := list(islice(rising, AT_ONCE)):
            lefts, rights = self._around(some)
            wanted = np.unique(np.concatenate([lefts, rights])) if len(self) else lefts[:0]
            leaves = self.leaves(wanted.tolist())
            yield from proof_lines(frame, some, leaves, *np.searchsorted(wanted, [lefts, rights + 1]))

    def leaves_with(self, item: bytes) -> list[int]:
        """Return the one or two leaves, by rising index, around the place where an item stands or would stand; none of an empty tree."""
        lefts, rights = self._around([item])
        return list(range(lefts[0], rights[0] + 1))

    def _around(self, items: Sequence[bytes]) -> tuple[Ints, Ints]:
        """Return for each of some items the first and the last leaf of what :meth:`leaves_with` returns, int64 (k,): 0 and -1 of an empty tree."""
        if not len(self):
            return np.zeros(len(items), np.int64), np.full(len(items), -1)
        words = np.frombuffer(b"".join(items), ">u8").astype(np.uint64).reshape(-1, 2)
        places = places_of(self._entries, words, self._nearly(words[:, 0]))
        return np.maximum(places - 1, 0) // LEAF_ROWS, np.minimum(places, len(self) - 1) // LEAF_ROWS

    def _nearly(self, keys: Words) -> Ints:
        """Return where items would stand if ids were spread evenly over their subtree, int64 (k,), by the first words of their ids, uint64 (k,)."""
        rows = SUBTREE_BRANCHES * BRANCH_ROWS
        subtrees = np.maximum(np.searchsorted(self._firsts, keys, side="right") - 1, 0)
        least, above = self._firsts[subtrees], np.append(self._firsts[1:], 2.0**64)[subtrees]
        sizes = np.minimum(len(self) - subtrees * rows, rows)
        shares = np.clip((keys - least) / np.maximum(above - least, 1.0), 0.0, 1.0)
        nearly: Ints = subtrees * rows + (shares * sizes).astype(np.int64)
        return nearly

    def leaves(self, indexes: Sequence[int]) -> list[Leaf]:
        """Return some leaves, given by rising index, with their ways to the root."""
        if not indexes:
            return []
        places = np.array(indexes, np.int64)
        branches, which = np.unique(places // BRANCH_LEAVES, return_inverse=True)
        above = self._ways_above(branches)
        within = self._ways_within(branches, which, places % BRANCH_LEAVES)
        ways = (way + above[branch] for way, branch in zip(within, which.tolist(), strict=True))
        return list(map(Leaf, indexes, self._rows_of_leaves(places), ways))

    def _rows_of_leaves(self, indexes: Ints) -> list[bytes]:
        """Return the rows of some leaves, as they are hashed."""
        places = np.add.outer(indexes * LEAF_ROWS, np.arange(LEAF_ROWS)).reshape(-1)
        written, width = rows_of(self._entries[places[places < len(self)]]).tobytes(), LEAF_ROWS * ROW_BYTES
        return [written[at : at + width] for at in range(0, len(written), width)]

    def _ways_within(self, branches: Ints, which: Ints, places: Ints) -> list[bytes]:
        """Return the ways of leaves to the roots of their branches, which are hashed from their entries: rising ``branches``, and for each leaf ``which`` it is in and where."""
        whole = branches[(branches + 1) * BRANCH_ROWS <= len(self)]
        nodes, roots = branch_nodes(self._entries, whole, self._work)
        if not np.array_equal(roots, self._hashes[whole]):
            raise self._changed()
        inside = which < len(whole)
        ways = ways_in(nodes, which[inside], places[inside])
        if len(whole) < len(branches):
            rest = as_bytes(self._hasher.levels(rows_of(self._entries[branches[-1] * BRANCH_ROWS :])))
            if rest[-1] != self._hashes[-1].tobytes():
                raise self._changed()
            ways += [b"".join(path_in(rest, place)) for place in places[~inside].tolist()]
        return ways

    def _ways_above(self, branches: Ints) -> list[bytes]:
        """Return the ways of some branches, rising, to the root."""
        subtrees, which = np.unique(branches // SUBTREE_BRANCHES, return_inverse=True)
        levels, places = list(map(self._subtree, subtrees.tolist())), branches % SUBTREE_BRANCHES
        whole = [np.concatenate(one) for one in levels if len(one[0]) == SUBTREE_BRANCHES]
        inside = which < len(whole)
        nodes = np.array(whole, np.uint8).reshape(-1, 2 * SUBTREE_BRANCHES - 1, HASH_BYTES)
        ways = ways_in(nodes, which[inside], places[inside])
        rest = as_bytes(levels[-1])
        ways += [b"".join(path_in(rest, place)) for place in places[~inside].tolist()]
        above = [b"".join(path_in(self._above, subtree)) for subtree in subtrees.tolist()]
        return [way + above[subtree] for way, subtree in zip(ways, which.tolist(), strict=True)]

    def _levels_of_subtree(self, place: int) -> list[Bytes]:
        return self._hasher.levels_above(self._hashes_of(place))

    def _hashes_of(self, place: int) -> Bytes:
        return self._hashes[place * SUBTREE_BRANCHES : (place + 1) * SUBTREE_BRANCHES]

    @property
    def _subtrees(self) -> int:
        return -(-len(self._hashes) // SUBTREE_BRANCHES)

    def _changed(self) -> VerificationError:
        return VerificationError(
            f"what {self._path.parent} holds is not what was bound", remedy="bind the items again"
        )


def _mapped(path: Path) -> Bytes:
    """Map a file, uint8 (n,)."""
    try:
        mapped = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    except OSError as error:
        raise VerificationError(f"{path} cannot be read", remedy="bind the items again") from error
    found: Bytes = mapped.view(np.ndarray)
    return found
