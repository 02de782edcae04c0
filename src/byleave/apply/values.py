"""Bind what rows state beside their links: entries made of whole batches, and the tree of a part, whose rows come in order, in constant memory.

The format is that of :mod:`byleave.release.values`. Nothing is hashed for a part none of whose rows states anything.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from byleave.apply.judging import Flags
from byleave.apply.sidecars.seen import Seen, Stated
from byleave.apply.tables import Ints, read_only
from byleave.apply.tree_hashing import RowHasher, TreeHasher, as_bytes, path_in
from byleave.compiled import compiled_lean
from byleave.fingerprints import PICTURE_VERSION
from byleave.log.lines import HASH_BYTES
from byleave.log.merkle import leaf_hash, root_of
from byleave.release.commitments import Commitment
from byleave.release.items import LEAF_ROWS
from byleave.release.values import ENTRY_BYTES, EntryLeaf, OpenedPart, PartRoot, States
from byleave.urls.bulk.sha256 import Bytes
from byleave.urls.bulk.wide import load_word, store_word

SUBTREE_LEAVES: Final = 1 << 11
"""Hashed together; of more only the roots are held."""

_SUBTREE_ROWS: Final = SUBTREE_LEAVES * LEAF_ROWS
_VERSION: Final = len(PICTURE_VERSION.encode()).to_bytes(2) + PICTURE_VERSION.encode()


class EntryMaker:
    """Makes the entries of rows. Holds working memory: one per thread."""

    def __init__(self) -> None:
        self._hashers: dict[int, RowHasher] = {}

    def entries(self, stated: Stated | None, seen: Seen | None, size: int) -> Bytes:
        """Return the entries of ``size`` rows, uint8 (n, 33), from the digests that they state and what stands beside them."""
        entries = np.zeros((size, ENTRY_BYTES), np.uint8)
        if stated is not None:
            entries[:, 1:], entries[:, 0] = stated.digests, stated.known * np.uint8(States.DIGEST)
        if seen is not None:
            entries[:, 0] |= _states(seen)
            for states in np.unique(entries[:, 0]).tolist():
                rows = np.flatnonzero(entries[:, 0] == states)
                content = _content(States(states), rows, entries, seen)
                entries[rows, 1:] = self._hash(content, seen, rows, reasons=bool(states & States.REASON))
        return entries

    def _hash(self, content: Bytes, seen: Seen, rows: Ints, *, reasons: bool) -> Bytes:
        if reasons:
            said = (reason.encode(errors="surrogatepass") for reason in seen.reasons.take(rows).to_pylist())
            pairs = zip(content, said, strict=True)
            hashes = b"".join(_sha256(row.tobytes() + reason) for row, reason in pairs)
            return np.frombuffer(hashes, np.uint8).reshape(-1, HASH_BYTES)
        width = content.shape[1]
        if width not in self._hashers:
            self._hashers[width] = RowHasher(b"", width)
        return self._hashers[width].hash(content)


@lru_cache(maxsize=64)
def _sha256(content: bytes) -> bytes:
    """Return the digest. Pictures that could not be fetched are many, and have nothing but a few reasons."""
    return hashlib.sha256(content).digest()


def _states(seen: Seen) -> Bytes:
    """Return what fingerprints say of rows as :class:`States`, uint8 (n,)."""
    flags = {
        States.PICTURE_DIGEST: seen.with_digest,
        States.FINGERPRINT: seen.with_print,
        States.REASON: seen.reasons.is_valid().to_numpy(zero_copy_only=False),
    }
    states = np.full(len(seen.with_digest), States.PICTURE, np.uint8)
    for state, there in flags.items():
        states |= there * np.uint8(state)
    return states


def _content(states: States, rows: Ints, entries: Bytes, seen: Seen) -> Bytes:
    """Return what rows that state the same kinds of things state, without reasons, uint8 (n, width)."""
    pieces = [np.zeros((len(rows), 0), np.uint8)]
    if States.DIGEST in states:
        pieces.append(entries[rows, 1:])
    if States.PICTURE_DIGEST in states:
        pieces.append(seen.digests[rows])
    if States.FINGERPRINT in states:
        version = np.broadcast_to(np.frombuffer(_VERSION, np.uint8), (len(rows), len(_VERSION)))
        pieces += [seen.plain[rows], seen.trimmed[rows], seen.quality[rows, None], version]
    return np.concatenate(pieces, axis=1)


class EntryTree:
    """An RFC 6962 tree over entries that come in order, sixteen to a leaf, in memory that hardly grows.

    Parameters
    ----------
    opened
        Rows whose leaves are asked for.
    """

    def __init__(self, opened: Collection[int] = ()) -> None:
        self._hasher, self._leaf_hasher = TreeHasher(b""), RowHasher(b"\0", LEAF_ROWS * ENTRY_BYTES)
        self._wanted = sorted({row // LEAF_ROWS for row in opened})
        self._found: list[EntryLeaf] = []
        self._held, self._holds = np.empty((_SUBTREE_ROWS, ENTRY_BYTES), np.uint8), 0
        self._roots: list[bytes] = []

    def add(self, entries: Bytes) -> None:
        """Take the entries that come next, uint8 (n, 33)."""
        while len(entries):
            taken = min(_SUBTREE_ROWS - self._holds, len(entries))
            self._held[self._holds : self._holds + taken] = entries[:taken]
            self._holds, entries = self._holds + taken, entries[taken:]
            if self._holds == _SUBTREE_ROWS:
                self._hash_held()

    def add_digests(self, stated: Stated, stays: Flags) -> None:
        """Take those of the next ``n`` rows that stay, bool (n,), which state digests and nothing else."""
        digests, known, stays = (read_only(one) for one in (*stated, stays))
        row, held = 0, self._held.reshape(-1)
        while row < len(stays):
            row, self._holds = _put_digests(digests.reshape(-1), known, stays, row, held, self._holds)
            if self._holds == _SUBTREE_ROWS:
                self._hash_held()

    def root(self) -> bytes:
        """Return the root, once all entries were added, of which there is one at least."""
        if self._holds:
            self._hash_held()
        return root_of(self._roots)

    def leaves(self) -> tuple[EntryLeaf, ...]:
        """Return the leaves that were asked for, by rising index, once :meth:`root` was."""
        roots = np.frombuffer(b"".join(self._roots), np.uint8).reshape(-1, HASH_BYTES)
        above = as_bytes(self._hasher.levels_above(roots))
        return tuple(
            EntryLeaf(one.index, one.entries, (*one.path, *path_in(above, one.index // SUBTREE_LEAVES)))
            for one in self._found
        )

    def _hash_held(self) -> None:
        held, begin = self._held[: self._holds], len(self._roots) * SUBTREE_LEAVES
        levels = self._hasher.levels_above(self._leaf_hashes(held))
        inside = slice(*(bisect_left(self._wanted, index) for index in (begin, begin + len(levels[0]))))
        written = as_bytes(levels) if self._wanted[inside] else []
        for index in self._wanted[inside]:
            first = (index - begin) * LEAF_ROWS
            entries = tuple(one.tobytes() for one in held[first : first + LEAF_ROWS])
            self._found.append(EntryLeaf(index, entries, tuple(path_in(written, index - begin))))
        self._roots.append(levels[-1][0].tobytes())
        self._holds = 0

    def _leaf_hashes(self, entries: Bytes) -> Bytes:
        whole = len(entries) // LEAF_ROWS * LEAF_ROWS
        hashes = self._leaf_hasher.hash(entries[:whole].reshape(-1, LEAF_ROWS * ENTRY_BYTES))
        if whole == len(entries):
            return hashes
        last = np.frombuffer(leaf_hash(entries[whole:].tobytes()), np.uint8)
        return np.concatenate([hashes, last.reshape(1, -1)])


@compiled_lean
def _put_digests(
    digests: Bytes, known: Flags, stays: Flags, row: int, held: Bytes, holds: int
) -> tuple[int, int]:
    """Write the entries of rows from ``row`` on that stay behind those that are held; return which row comes next, and how many are held."""
    room = len(held) // ENTRY_BYTES
    while row < len(stays) and holds < room:
        # Written in any case and counted if it stays, as item ids are.
        at = holds * ENTRY_BYTES
        held[at] = known[row]
        for word in range(0, HASH_BYTES, 8):
            store_word(held, at + 1 + word, load_word(digests, row * HASH_BYTES + word))
        holds += stays[row]
        row += 1
    return row, holds


class PartTree:
    """What the rows of one part state, as they come in order; it is hashed from the first row on that states anything."""

    def __init__(self, opened: Collection[int] = ()) -> None:
        self._opened = opened
        self._rows = 0
        self._tree: EntryTree | None = None

    @cached_property
    def _maker(self) -> EntryMaker:
        return EntryMaker()

    def add(self, stated: Stated | None, seen: Seen | None, stays: Flags) -> None:
        """Take those of the next ``n`` rows that stay, bool (n,)."""
        size = int(np.count_nonzero(stays))
        states = seen is not None or (stated is not None and bool((stated.known & stays).any()))
        if self._tree is None and states and size:
            self._tree = self._begun()
        if self._tree is not None:
            if not states:
                self._tree.add(np.zeros((size, ENTRY_BYTES), np.uint8))
            elif seen is None and stated is not None:
                self._tree.add_digests(stated, stays)
            else:
                self._tree.add(self._maker.entries(stated, seen, len(stays))[stays])
        self._rows += size

    def _begun(self) -> EntryTree:
        """Begin a tree with the rows so far, none of which states anything."""
        tree = EntryTree(self._opened)
        for begin in range(0, self._rows, _SUBTREE_ROWS):
            tree.add(np.zeros((min(_SUBTREE_ROWS, self._rows - begin), ENTRY_BYTES), np.uint8))
        return tree

    def root(self) -> PartRoot:
        """Return the root over all rows that were added."""
        return PartRoot(self._rows, self._tree.root() if self._tree is not None else None)

    def leaves(self) -> tuple[EntryLeaf, ...]:
        """Return the leaves of the rows that were asked for, once :meth:`root` was; none where no row states anything."""
        return self._tree.leaves() if self._tree is not None else ()


def commit_parts(parts: Sequence[PartRoot], salt: bytes) -> Commitment | None:
    """Return the root over the parts of an output, and how many these are; ``None`` where no row states anything."""
    if all(part.root is None for part in parts):
        return None
    return Commitment(root_of([part.leaf(salt) for part in parts]), len(parts))


def write_parts(path: Path, parts: Sequence[PartRoot]) -> None:
    """Write the roots of parts, 40 bytes each."""
    path.write_bytes(b"".join(part.to_bytes() for part in parts))


def read_parts(path: Path) -> list[PartRoot]:
    """Read what :func:`write_parts` wrote; nothing where there is no such file."""
    content, size = path.read_bytes() if path.exists() else b"", 8 + HASH_BYTES
    return [PartRoot.parse(content[at : at + size]) for at in range(0, len(content), size)]


def open_parts(
    parts: Sequence[PartRoot], salt: bytes, leaves: Mapping[int, tuple[EntryLeaf, ...]]
) -> Iterator[OpenedPart]:
    """Yield those parts of an output whose places ``leaves`` names, with their ways to the root of the tree of parts."""
    hashes = b"".join(part.leaf(salt) for part in parts)
    roots = np.frombuffer(hashes, np.uint8).reshape(-1, HASH_BYTES)
    levels = as_bytes(TreeHasher(b"").levels_above(roots))
    for place in sorted(leaves):
        yield OpenedPart(place, parts[place], tuple(path_in(levels, place)), leaves[place])
