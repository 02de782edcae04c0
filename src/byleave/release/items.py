"""Single items that an attestation binds: the leaves of its trees, and proofs that an item is not among those kept. Light.

A tree has one leaf for each row, sorted by a key that is made of the item id and the run's salt, so two leaves that stand side by side show
that nothing stands between them. The leaf names the place of its row in the output, whose files the attestation names by digest: whatever
else is to be known of the row follows from there. ``docs/reference/attestation.md`` has every byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from byleave.errors import FormatError, VerificationError
from byleave.log import JSON, canonical_json
from byleave.log.merkle import leaf_hash
from byleave.log.proofs import verify_inclusion
from byleave.release.attestations import Commitment
from byleave.urls.names import ID_BYTES

KEY_LABEL: Final = b"byleave/leaf-key/1\0"
KEY_BYTES: Final = 16
LEAF_BYTES: Final = KEY_BYTES + 4 + 8
SALT_BYTES: Final = 16
ABSENCE_FORMAT: Final = "byleave/absence/1"
MAX_PROOF_BYTES: Final = 10_000
"""More than any proof of absence has: two leaves, and 63 hashes for each."""

_MOST_HASHES: Final = 63
_REMEDY: Final = "fetch the proof again, or ask whoever signed the attestation for it"


def leaf_key(salt: bytes, item: bytes) -> bytes:
    """Return the 16 bytes by which an item (16-byte id) is sorted under a run's salt (16 bytes)."""
    return hashlib.sha256(KEY_LABEL + salt + item).digest()[:KEY_BYTES]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row: its key, the place of its part in the order of their names, and its row there, from 0."""

    key: bytes
    part: int
    row: int

    def to_bytes(self) -> bytes:
        """Write it: key, part (4 bytes), row (8 bytes), the higher byte first."""
        return self.key + self.part.to_bytes(4) + self.row.to_bytes(8)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read it; raises ValueError where it is none."""
        if len(data) != LEAF_BYTES:
            raise ValueError(f"a leaf has {LEAF_BYTES} bytes")
        return cls(data[:KEY_BYTES], int.from_bytes(data[KEY_BYTES:-8]), int.from_bytes(data[-8:]))


@dataclass(frozen=True, slots=True)
class Standing:
    """A leaf, its index in the tree, and the hashes that lead from it to the root."""

    index: int
    leaf: Leaf
    path: tuple[bytes, ...]

    def check(self, commitment: Commitment) -> None:
        """Raise VerificationError unless the leaf stands there in the tree."""
        verify_inclusion(
            self.index, commitment.size, leaf_hash(self.leaf.to_bytes()), self.path, commitment.root
        )

    def members(self) -> dict[str, JSON]:
        """Write it."""
        return {
            "index": self.index,
            "leaf": self.leaf.to_bytes().hex(),
            "path": [one.hex() for one in self.path],
        }

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        index, path = members["index"], members["path"]
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise ValueError("an index is a whole number")
        if not isinstance(path, list) or len(path) > _MOST_HASHES:
            raise ValueError("a path is a list of hashes")
        return cls(
            index, Leaf.parse(bytes.fromhex(members["leaf"])), tuple(bytes.fromhex(one) for one in path)
        )


@dataclass(frozen=True, slots=True)
class Absence:
    """A proof that an item is not in a tree: the leaves between which it would stand.

    attestation
        SHA-256 of the attestation that names the tree.
    item
        16-byte item id: the first half of the digest under which a list names a link.
    left, right
        Its neighbours; ``None`` beyond the first and the last leaf.
    """

    attestation: bytes
    item: bytes
    left: Standing | None
    right: Standing | None

    def check(self, commitment: Commitment, salt: bytes) -> None:
        """Make sure that the item is not in the tree.

        Raises
        ------
        VerificationError
            If a neighbour does not stand in the tree, the two are not next to each other, or the item is not between them.
        """
        for one in (self.left, self.right):
            if one is not None:
                one.check(commitment)
        key = leaf_key(salt, self.item)
        first = self.left.index + 1 if self.left is not None else 0
        last = self.right.index if self.right is not None else commitment.size
        if first != last:
            raise VerificationError(
                "the two entries of the proof are not neighbours, so others may stand between them",
                remedy=_REMEDY,
            )
        if (self.left is not None and self.left.leaf.key >= key) or (
            self.right is not None and self.right.leaf.key <= key
        ):
            raise VerificationError("the entry does not lie between those of the proof", remedy=_REMEDY)

    def to_bytes(self) -> bytes:
        """Write the file of the proof: canonical JSON, at most :data:`MAX_PROOF_BYTES`."""
        return canonical_json(
            {
                "attestation": self.attestation.hex(),
                "format": ABSENCE_FORMAT,
                "item": self.item.hex(),
                "left": self.left.members() if self.left else None,
                "right": self.right.members() if self.right else None,
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file of a proof.

        Raises
        ------
        FormatError
            If it is none.
        """
        try:
            if len(data) > MAX_PROOF_BYTES:
                raise ValueError("it is too large")
            said: Mapping[str, Any] = json.loads(data)
            if said["format"] != ABSENCE_FORMAT:
                raise ValueError("it is of another format")
            attestation, item = bytes.fromhex(said["attestation"]), bytes.fromhex(said["item"])
            if (len(attestation), len(item)) != (32, ID_BYTES):
                raise ValueError("a digest or an item id has another length")
            left, right = (
                Standing.parse(said[side]) if said[side] is not None else None for side in ("left", "right")
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise FormatError(f"this is no proof of absence: {str(error)[:200]}", remedy=_REMEDY) from error
        return cls(attestation, item, left, right)
