"""What an attestation binds of a row beside its link: the digest that it states, and what fingerprints say of its picture. Light.

Every part of an output has a tree over its rows in their order, sixteen entries to a leaf; the roots of the parts, in the order of the
parts, are the leaves of one more. So the place of a row leads to one entry. ``docs/reference/attestation.md`` has every byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING, Any, Final, Self

from byleave.errors import UnfitError, VerificationError
from byleave.log import JSON
from byleave.log.lines import HASH_BYTES
from byleave.log.merkle import leaf_hash
from byleave.release.commitments import Commitment
from byleave.release.items import LEAF_ROWS, check_place, hex_list, leaves_of, path_of
from byleave.release.statements import sha256_of
from byleave.release.terms_said import count

if TYPE_CHECKING:
    from byleave.fingerprints import PictureFingerprint
    from byleave.release.openings import OpenedPicture

ENTRY_BYTES: Final = 1 + HASH_BYTES
NOTHING_STATED: Final = bytes(HASH_BYTES)
"""Stands for the root of a part none of whose rows states anything, so that nothing is hashed for it."""

_MOST_ROWS: Final = 2**40
_REMEDY: Final = "ask whoever signed the attestation for the openings again"


class States(IntFlag):
    """What a row states: the first byte of its entry.

    ``PICTURE`` says that fingerprints stand beside the part of the row, and ``REASON`` that they say why they have none of it.
    """

    DIGEST = 1
    PICTURE = 2
    PICTURE_DIGEST = 4
    FINGERPRINT = 8
    REASON = 16


def entry_of(digest: bytes | None, picture: OpenedPicture | None) -> bytes:
    """Return the entry of a row, 33 bytes: what it states, then that digest itself where it is all, else SHA-256 of all of it.

    Parameters
    ----------
    digest
        The 32-byte digest that the row states.
    picture
        What fingerprints beside its part say of it.
    """
    states, pieces = States(0), list[bytes]()
    if digest is not None:
        states, pieces = States.DIGEST, [digest]
    if picture is not None:
        states |= States.PICTURE
        if picture.digest is not None:
            states, pieces = states | States.PICTURE_DIGEST, [*pieces, picture.digest]
        if picture.fingerprint is not None:
            states, pieces = states | States.FINGERPRINT, [*pieces, fingerprint_bytes(picture.fingerprint)]
        if picture.reason is not None:
            states, pieces = states | States.REASON, [*pieces, picture.reason.encode(errors="surrogatepass")]
    if states == States.DIGEST or not states:
        return bytes([states]) + (digest or bytes(HASH_BYTES))
    return bytes([states]) + hashlib.sha256(b"".join(pieces)).digest()


def fingerprint_bytes(seen: PictureFingerprint) -> bytes:
    """Write a fingerprint: plain, trimmed, quality in one byte, and the version behind its length in two."""
    version = seen.version.encode()
    return seen.plain + seen.trimmed + bytes([seen.quality]) + len(version).to_bytes(2) + version


@dataclass(frozen=True, slots=True)
class PartRoot:
    """The root of the tree over the rows of a part, ``None`` where none of them states anything, and how many rows it has."""

    rows: int
    root: bytes | None

    def to_bytes(self) -> bytes:
        """Write it, 40 bytes: the number of rows in eight, the higher byte first, and the root."""
        return self.rows.to_bytes(8) + (self.root or NOTHING_STATED)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read what :meth:`to_bytes` wrote."""
        return cls(int.from_bytes(data[:8]), data[8:] if data[8:] != NOTHING_STATED else None)

    def leaf(self, salt: bytes) -> bytes:
        """Return the hash of this part's leaf in the tree of parts."""
        return leaf_hash(salt + self.to_bytes())


@dataclass(frozen=True, slots=True)
class EntryLeaf:
    """Eight entries, fewer in the last leaf, with the leaf's index in the tree of its part and the hashes that lead to the root of that."""

    index: int
    entries: tuple[bytes, ...]
    path: tuple[bytes, ...]

    def check(self, part: PartRoot) -> None:
        """Make sure that these entries stand there; raises VerificationError if not."""
        if part.root is None or len(self.entries) != min(LEAF_ROWS, part.rows - self.index * LEAF_ROWS):
            raise VerificationError("a leaf of what rows state has too few or too many", remedy=_REMEDY)
        hashed = leaf_hash(b"".join(self.entries))
        check_place(self.index, leaves_of(part.rows), hashed, self.path, part.root)

    def members(self) -> dict[str, JSON]:
        """Write it."""
        return {
            "entries": [one.hex() for one in self.entries],
            "index": self.index,
            "path": [one.hex() for one in self.path],
        }

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        entries = tuple(map(bytes.fromhex, hex_list(members, "entries", LEAF_ROWS)))
        if not entries or any(len(one) != ENTRY_BYTES for one in entries):
            raise UnfitError(f"a leaf has entries of {ENTRY_BYTES} bytes")
        return cls(count(members, "index"), entries, path_of(members))


@dataclass(frozen=True, slots=True)
class OpenedPart:
    """A part of which rows are opened: its root, its place, the hashes that lead to the root of the tree of parts, and the leaves with those rows."""

    place: int
    root: PartRoot
    path: tuple[bytes, ...]
    leaves: tuple[EntryLeaf, ...]

    def check(self, parts: Commitment, salt: bytes) -> None:
        """Make sure that the part stands there in the tree of parts, and the leaves in its own; raises VerificationError if not."""
        check_place(self.place, parts.size, self.root.leaf(salt), self.path, parts.root)
        for leaf in self.leaves:
            leaf.check(self.root)

    def members(self) -> dict[str, JSON]:
        """Write it."""
        return {
            "leaves": [leaf.members() for leaf in self.leaves],
            "part": self.place,
            "path": [one.hex() for one in self.path],
            "root": self.root.root.hex() if self.root.root is not None else None,
            "rows": self.root.rows,
        }

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        rows, root = count(members, "rows"), members["root"]
        if rows >= _MOST_ROWS:
            raise UnfitError("no part has so many rows")
        found = PartRoot(rows, sha256_of(root) if root is not None else None)
        leaves = tuple(map(EntryLeaf.parse, members["leaves"]))
        return cls(count(members, "part"), found, path_of(members), leaves)


class BoundValues:
    """What was bound of the rows that are opened, by their parts and rows.

    Raises
    ------
    VerificationError
        If a part or a leaf that is opened does not stand in its tree.
    """

    def __init__(self, opened: Iterable[OpenedPart], parts: Commitment, salt: bytes) -> None:
        self._roots: dict[int, PartRoot] = {}
        self._entries: dict[tuple[int, int], bytes] = {}
        for part in opened:
            part.check(parts, salt)
            self._roots[part.place] = part.root
            for leaf in part.leaves:
                for row, entry in enumerate(leaf.entries, leaf.index * LEAF_ROWS):
                    self._entries[part.place, row] = entry

    def entry(self, part: int, row: int) -> bytes:
        """Return the entry of a row; raises VerificationError if it is not opened."""
        root = self._roots.get(part)
        if root is not None and root.root is None and row < root.rows:
            return bytes(ENTRY_BYTES)
        if (part, row) not in self._entries:
            raise VerificationError(
                f"what row {row} of part {part} states is not shown as bound", remedy=_REMEDY
            )
        return self._entries[part, row]
