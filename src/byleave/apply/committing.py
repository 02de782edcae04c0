"""Bind the items of a run: one leaf for each row, sorted by its key, and the RFC 6962 root over them, in constant memory.

Leaves are first parted by the first byte of their keys, then sorted part by part, and hashed in whole subtrees. What comes is on the disk:
28 bytes a row, from which any leaf's way to the root is made again.
"""

from __future__ import annotations

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
from byleave.release.items import KEY_BYTES, KEY_LABEL, LEAF_BYTES, Absence, Leaf, Standing, leaf_key
from byleave.urls.names import ID_BYTES

SUBTREE_LEVEL: Final = 16
SUBTREE_LEAVES: Final = 1 << SUBTREE_LEVEL
PARTITIONS: Final = 256
HELD_BYTES: Final = 128 * 1024 * 1024
"""Leaves held before they go to their partitions."""

_LANE: Final = 320
"""Room for one message of at most 65 bytes with its padding, and for what :func:`pad` writes behind it."""


class _Lanes(NamedTuple):
    """Two messages of one length, padded once; only the bytes from ``at`` on change from hash to hash."""

    lines: Bytes
    starts: Ints
    ends: Ints
    at: int
    sha: Sha256
    two: Words


def hash_rows(prefix: bytes, rows: Bytes) -> Bytes:
    """Return SHA-256 of ``prefix`` and each row: uint8 (n, width) to uint8 (n, 32). Both together have at most 65 bytes."""
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


def levels_of(leaves: Bytes) -> list[Bytes]:
    """Return the hashes of all levels over leaves (n, 28): first those of the leaves, last the root alone. An odd last one is carried up."""
    levels = [hash_rows(b"\0", leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        even = len(below) // 2 * 2
        levels.append(np.concatenate([hash_rows(b"\1", below[:even].reshape(-1, 64)), below[even:]]))
    return levels


class ItemTree:
    """A tree whose sorted leaves stand in a file.

    commitment
        Its root and size, as an attestation names them.
    """

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size // LEAF_BYTES
        self._leaves: Bytes = (
            np.memmap(path, np.uint8, "r", shape=(size, LEAF_BYTES))
            if size
            else np.empty((0, LEAF_BYTES), np.uint8)
        )
        self._at: tuple[int, list[Bytes]] | None = None
        self._roots = [
            levels_of(self._subtree(place))[-1][0].tobytes() for place in range(-(-size // SUBTREE_LEAVES))
        ]
        self.commitment = Commitment(root_of(self._roots) if size else EMPTY_ROOT, size)

    def __len__(self) -> int:
        return len(self._leaves)

    def leaf(self, index: int) -> Leaf:
        """Return a leaf."""
        return Leaf.parse(self._leaves[index].tobytes())

    def standing(self, index: int) -> Standing | None:
        """Return a leaf with its way to the root, ``None`` beyond either end."""
        if not 0 <= index < len(self):
            return None
        return Standing(index, self.leaf(index), inclusion_proof(index, len(self), self._read))

    def absence(self, attestation: bytes, item: bytes, salt: bytes) -> Absence | None:
        """Return the proof that an item is not in the tree, or ``None`` if it is."""
        key = leaf_key(salt, item)
        at = self._find(key)
        if at < len(self) and self.leaf(at).key == key:
            return None
        return Absence(attestation, item, self.standing(at - 1), self.standing(at))

    def _find(self, key: bytes) -> int:
        """Return the number of leaves whose key is below ``key``."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            low, high = (
                (middle + 1, high) if self._leaves[middle, :KEY_BYTES].tobytes() < key else (low, middle)
            )
        return low

    def _subtree(self, place: int) -> Bytes:
        return np.asarray(self._leaves[place * SUBTREE_LEAVES : (place + 1) * SUBTREE_LEAVES])

    def _read(self, level: int, index: int) -> bytes:
        if level >= SUBTREE_LEVEL:
            width = 1 << (level - SUBTREE_LEVEL)
            return root_of(self._roots[index * width : (index + 1) * width])
        place = (index << level) >> SUBTREE_LEVEL
        if self._at is None or self._at[0] != place:
            self._at = (place, levels_of(self._subtree(place)))
        found: Bytes = self._at[1][level][index - (place << (SUBTREE_LEVEL - level))]
        return found.tobytes()


@dataclass(slots=True)
class LeafWriter:
    """Takes items part by part and writes the sorted leaves of their tree to ``path``. ``folder`` is for its own use, and is emptied."""

    path: Path
    folder: Path
    salt: bytes

    def write(self, parts: Iterator[Bytes]) -> None:
        """Take the item ids (uint8 (n, 16)) of each part, in the order of its rows; zeros stand for a row without one."""
        shutil.rmtree(self.folder, ignore_errors=True)  # what a killed run left there
        self.folder.mkdir(parents=True)
        held: list[Bytes] = []
        size = 0
        for place, items in enumerate(parts):
            held.append(self._leaves(place, items))
            size += held[-1].nbytes
            if size >= HELD_BYTES:
                self._part(held)
                held, size = [], 0
        self._part(held)
        with self.path.open("wb") as file:
            for partition in range(PARTITIONS):
                path = self.folder / f"{partition:02x}"
                if path.exists():
                    file.write(sorted_leaves(np.fromfile(path, np.uint8).reshape(-1, LEAF_BYTES)).tobytes())
                    path.unlink()
        self.folder.rmdir()

    def _leaves(self, place: int, items: Bytes) -> Bytes:
        leaves = np.empty((len(items), LEAF_BYTES), np.uint8)
        leaves[:, :KEY_BYTES] = hash_rows(KEY_LABEL + self.salt, items.reshape(-1, ID_BYTES))[:, :KEY_BYTES]
        leaves[:, KEY_BYTES : KEY_BYTES + 4] = np.frombuffer(place.to_bytes(4), np.uint8)
        leaves[:, KEY_BYTES + 4 :] = np.arange(len(items), dtype=">u8").view(np.uint8).reshape(-1, 8)
        return leaves

    def _part(self, held: list[Bytes]) -> None:
        if not held:
            return
        leaves = np.concatenate(held)
        order = np.argsort(leaves[:, 0], kind="stable")
        parted = gathered(leaves, order)
        ends = np.cumsum(np.bincount(leaves[:, 0], minlength=PARTITIONS))
        start = 0
        for partition, end in enumerate(ends.tolist()):
            if end > start:
                with (self.folder / f"{partition:02x}").open("ab") as file:
                    file.write(parted[start:end].tobytes())
            start = end


def sorted_leaves(leaves: Bytes) -> Bytes:
    """Sort leaves (n, 28) by key, part and row. Those of one key must come in the order of part and row already."""
    words = np.ascontiguousarray(leaves[:, :KEY_BYTES]).view(">u8").astype(np.uint64)
    order = np.argsort(words[:, 0])
    found = words[order, 0]
    # Half a key decides nearly always; only where it does not, the rest of it and the order of coming do.
    alike = np.zeros(len(order), np.bool_)
    alike[1:] = found[1:] == found[:-1]
    alike[:-1] |= alike[1:]
    tied = order[alike]
    order[alike] = tied[np.lexsort((tied, words[tied, 1], words[tied, 0]))]
    return gathered(leaves, order)


def gathered(leaves: Bytes, order: npt.NDArray[np.int64]) -> Bytes:
    """Return leaves in another order; whole leaves move at once, which numpy does faster than rows of bytes."""
    whole = np.ascontiguousarray(leaves).view(f"V{LEAF_BYTES}").ravel()
    return whole[order].view(np.uint8).reshape(-1, LEAF_BYTES)
