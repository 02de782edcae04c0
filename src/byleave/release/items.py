"""Single items that an attestation binds: the leaves of its trees, and proofs that an item is not among those kept. Light.

A tree names every row by its item id, in rising order, sixteen rows to a leaf; so leaves that stand side by side show that nothing stands
between their rows. A row also names its place in the output, whose files the attestation names by digest: whatever else is to be known
of it follows from there. What decides about it besides its link is bound by its place, see :mod:`byleave.release.values`.
``docs/reference/attestation.md`` has every byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from byleave.errors import UnfitError, VerificationError, as_format_error
from byleave.log import JSON, canonical_json
from byleave.log.lines import HASH_BYTES
from byleave.log.merkle import leaf_hash
from byleave.log.proofs import verify_inclusion
from byleave.release.commitments import Commitment
from byleave.release.statements import sha256_of
from byleave.release.terms_said import count, of_format
from byleave.urls.names import ID_BYTES

LEAF_ROWS: Final = 16
"""Few enough that a proof tells of few strangers, and many enough that hashing them costs less than sorting them."""

PLACE_BYTES: Final = 8
PART_BITS: Final = 24
ROW_BITS: Final = 40
"""A place is one number: that of a part, and in the lower bits that of a row."""

ROW_BYTES: Final = ID_BYTES + PLACE_BYTES
ABSENCE_FORMAT: Final = "byleave/absence/1"
COVERING_TREE: Final = "covering"
"""What a proof names that is not about the tree of rows kept."""

NOT_COMPARED: Final = (2 ** (PART_BITS - 1) - 1, 2**ROW_BITS - 1)
"""Part and row that stand in the tree of targets for one that was compared with nothing, so that it cannot be shown to cover nothing. No row of an
output has this place."""

MAX_PROOF_BYTES: Final = 10_000
"""More than any proof of absence has: two leaves, and 49 hashes for each."""

_MOST_HASHES: Final = 49
"""Those of a tree of 2**53 rows, the most that JSON can count."""
_REMEDY: Final = "fetch the proof again, or ask whoever signed the attestation for it"


@dataclass(frozen=True, slots=True, order=True)
class ItemRow:
    """One row, as it is written: its 16-byte item id, then its place. Bytes sort as rows do."""

    data: bytes

    @classmethod
    def of(cls, item: bytes, part: int, row: int) -> Self:
        """Write it: item id, part (3 bytes), row (5 bytes), the higher byte first."""
        return cls(item + (part << ROW_BITS | row).to_bytes(PLACE_BYTES))

    @property
    def item(self) -> bytes:
        """Its item id."""
        return self.data[:ID_BYTES]

    @property
    def part(self) -> int:
        """The place of its part in the order of their names."""
        return self._place >> ROW_BITS

    @property
    def row(self) -> int:
        """Which of that part's rows it is, from 0."""
        return self._place & (1 << ROW_BITS) - 1

    @property
    def _place(self) -> int:
        return int.from_bytes(self.data[ID_BYTES:])

    @property
    def was_compared(self) -> bool:
        """Whether it names a row, as all do but those of targets that were compared with nothing."""
        return (self.part, self.row) != NOT_COMPARED


@dataclass(frozen=True, slots=True)
class Leaf:
    """Sixteen rows, fewer in the last leaf.

    index
        Its place in the tree.
    data
        The rows, one behind the other.
    way
        The hashes that lead from it to the root, one behind the other.
    """

    index: int
    data: bytes
    way: bytes

    @classmethod
    def of(cls, index: int, rows: Iterable[ItemRow], path: Iterable[bytes]) -> Self:
        """Make it of rows and hashes."""
        return cls(index, b"".join(row.data for row in rows), b"".join(path))

    @property
    def rows(self) -> tuple[ItemRow, ...]:
        """Its rows."""
        return tuple(map(ItemRow, _parts(self.data, ROW_BYTES)))

    @property
    def path(self) -> tuple[bytes, ...]:
        """The hashes that lead from it to the root."""
        return tuple(_parts(self.way, HASH_BYTES))

    def check(self, commitment: Commitment, salt: bytes) -> None:
        """Make sure that these rows stand there in the tree.

        Raises
        ------
        VerificationError
            If they do not, are fewer than they should be, or are not in rising order.
        """
        left, rows = commitment.size - self.index * LEAF_ROWS, list(self.rows)
        if len(rows) != min(LEAF_ROWS, left) or rows != sorted(set(rows)):
            raise VerificationError(
                "a leaf of the proof lacks rows, or has them out of order", remedy=_REMEDY
            )
        leaves, hashed = leaves_of(commitment.size), leaf_hash(salt + self.data)
        check_place(self.index, leaves, hashed, self.path, commitment.root)

    def members(self) -> dict[str, JSON]:
        """Write it."""
        return {
            "index": self.index,
            "path": [one.hex() for one in self.path],
            "rows": [row.data.hex() for row in self.rows],
        }

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        rows = [bytes.fromhex(row) for row in hex_list(members, "rows", LEAF_ROWS)]
        if not rows or any(len(row) != ROW_BYTES for row in rows):
            raise UnfitError(f"a leaf has rows of {ROW_BYTES} bytes")
        return cls(count(members, "index"), b"".join(rows), b"".join(path_of(members)))


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def path_of(members: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Read the hashes that lead from a leaf to the root; raises ValueError, KeyError or TypeError where they are none."""
    path = tuple(map(bytes.fromhex, hex_list(members, "path", _MOST_HASHES)))
    if any(len(one) != HASH_BYTES for one in path):
        raise UnfitError(f"a path has hashes of {HASH_BYTES} bytes")
    return path


def hex_list(members: Mapping[str, Any], name: str, most: int) -> list[str]:
    """Read a list of up to so many texts, which may be hex; raises ValueError, KeyError or TypeError where it is none."""
    found = members[name]
    if not isinstance(found, list) or len(found) > most:
        raise UnfitError(f"{name} is a list of up to {most}")
    return found


def check_place(index: int, leaves: int, hashed: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Make sure that a leaf with this hash stands at a place of a tree that an attestation names.

    Raises
    ------
    VerificationError
        If it does not.
    """
    try:
        verify_inclusion(index, leaves, hashed, path, root)
    except VerificationError as error:
        raise VerificationError(
            "what was shown does not stand in the tree that the attestation names", remedy=_REMEDY
        ) from error


def leaves_of(size: int) -> int:
    """Return how many leaves a tree of ``size`` rows has."""
    return -(-size // LEAF_ROWS)


@dataclass(frozen=True, slots=True)
class Absence:
    """A proof that an item is not in a tree, or is: the one or two neighbouring leaves around the place where it would stand, or stands.

    attestation
        SHA-256 of the attestation that names the tree.
    item
        The first half of the digest under which a list names a target; of a link that is its item id.
    leaves
        None if the tree is empty.
    covering
        Whether the tree is that of targets which cover a row, as for all targets but links.
    """

    attestation: bytes
    item: bytes
    leaves: tuple[Leaf, ...]
    covering: bool = False

    def check(self, commitment: Commitment, salt: bytes) -> None:
        """Make sure that the item is not in the tree.

        Raises
        ------
        VerificationError
            If the proof does not hold, or shows that the item is there.
        """
        if self.kept_as(commitment, salt) is not None:
            raise VerificationError(
                "the item is in the tree", remedy="it was kept: the attestation says so itself"
            )

    def kept_as(self, commitment: Commitment, salt: bytes) -> ItemRow | None:
        """Make sure that the proof holds, and return the row as which the item stands in the tree, or ``None`` if it does not.

        Raises
        ------
        VerificationError
            If a leaf does not stand in the tree, or other rows may be between them and the item.
        """
        for leaf in self.leaves:
            leaf.check(commitment, salt)
        indexes = [leaf.index for leaf in self.leaves]
        items = [row.item for leaf in self.leaves for row in leaf.rows]
        if items != sorted(items) or indexes != list(
            range(indexes[0], indexes[0] + len(indexes)) if indexes else ()
        ):
            raise VerificationError(
                "the leaves of the proof are not neighbours in rising order", remedy=_REMEDY
            )
        if self.has_item:
            return next(row for leaf in self.leaves for row in leaf.rows if row.item == self.item)
        last = leaves_of(commitment.size) - 1
        after = bool(items) and (items[0] < self.item or indexes[0] == 0)
        before = bool(items) and (items[-1] > self.item or indexes[-1] == last)
        if commitment.size and not (after and before):
            raise VerificationError("the item does not lie within the rows of the proof", remedy=_REMEDY)
        return None

    @property
    def has_item(self) -> bool:
        """Whether the item is among the rows that the proof shows."""
        return any(row.item == self.item for leaf in self.leaves for row in leaf.rows)

    def to_bytes(self) -> bytes:
        """Write the file of the proof: canonical JSON, at most :data:`MAX_PROOF_BYTES`."""
        members: dict[str, JSON] = {
            "attestation": self.attestation.hex(),
            "format": ABSENCE_FORMAT,
            "item": self.item.hex(),
            "leaves": [leaf.members() for leaf in self.leaves],
        }
        return canonical_json(members | {"tree": COVERING_TREE} if self.covering else members)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file of a proof.

        Raises
        ------
        FormatError
            If it is none.
        """
        with as_format_error("this is no proof of absence", remedy=_REMEDY):
            if len(data) > MAX_PROOF_BYTES:
                raise UnfitError("it is too large")
            said = of_format(data, ABSENCE_FORMAT)
            attestation, item = sha256_of(said["attestation"]), bytes.fromhex(said["item"])
            if len(item) != ID_BYTES:
                raise UnfitError("an item id has another length")
            if not isinstance(said["leaves"], list) or len(said["leaves"]) > 2:
                raise UnfitError("a proof has one or two leaves")
            leaves = tuple(map(Leaf.parse, said["leaves"]))
            if said.get("tree", COVERING_TREE) != COVERING_TREE:
                raise UnfitError("a tree that is not known")
        return cls(attestation, item, leaves, "tree" in said)
