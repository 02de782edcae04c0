"""Openings: the rows that a lottery drew from those an attestation binds, each with its link and its way to the root. Light."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from byleave.errors import UnfitError, VerificationError, as_format_error
from byleave.fingerprints import PictureFingerprint
from byleave.log import JSON, Policy, WitnessedCheckpoint, canonical_json
from byleave.log.lottery import drawn, lottery_seed
from byleave.log.notes import MAX_NOTE_BYTES
from byleave.release.commitments import Commitment, Commitments
from byleave.release.items import LEAF_ROWS, ItemRow, Leaf
from byleave.release.keys import verify_ed25519
from byleave.release.receipts import Receipt
from byleave.release.statements import check_shown, sha256_of
from byleave.release.terms_said import count, of_format, word
from byleave.release.values import BoundValues, OpenedPart, entry_of

OPENINGS_FORMAT: Final = "byleave/openings/1"
MAX_OPENINGS_BYTES: Final = 1024 * 1024 * 1024
_REMEDY: Final = "ask whoever signed the attestation for the openings again"


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """What the fingerprints beside an output say of one row: the SHA-256 of its picture's bytes, its fingerprint, or why there is none."""

    digest: bytes | None
    fingerprint: PictureFingerprint | None
    reason: str | None

    def members(self) -> dict[str, JSON]:
        """Write it."""
        seen = self.fingerprint
        said: dict[str, JSON] = {
            "digest": self.digest.hex() if self.digest is not None else None,
            "reason": self.reason,
        }
        if seen is not None:
            said["pdq"], said["pdq_trimmed"] = seen.plain.hex(), seen.trimmed.hex()
            said["quality"], said["version"] = seen.quality, seen.version
        return said

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError, or FormatError for the fingerprint, where it is none."""
        digest, reason, seen = members["digest"], members["reason"], None
        if reason is not None and not isinstance(reason, str):
            raise UnfitError("a reason is text")
        if "pdq" in members:
            plain, trimmed = bytes.fromhex(members["pdq"]), bytes.fromhex(members["pdq_trimmed"])
            seen = PictureFingerprint(plain, trimmed, count(members, "quality"), word(members, "version"))
        return cls(sha256_of(digest) if digest is not None else None, seen, reason)


@dataclass(frozen=True, slots=True)
class Opened:
    """What stands in the output at the place of one row: the file or unit, the link, and the SHA-256 of its bytes where it is stated.

    picture
        What the output's fingerprints say of it, where its part has some.
    """

    place: int
    part: str
    link: str | None
    digest: bytes | None
    picture: OpenedPicture | None = None

    @property
    def bytes_digest(self) -> bytes | None:
        """The SHA-256 by which a row without a link is named: the one that it states, or else that of its picture."""
        if self.digest is not None or self.picture is None:
            return self.digest
        return self.picture.digest

    @property
    def entry(self) -> bytes:
        """What is bound of it beside its link, see :mod:`byleave.release.values`."""
        return entry_of(self.digest, self.picture)

    def members(self) -> dict[str, JSON]:
        """Write it."""
        said: dict[str, JSON] = {"picture": self.picture.members()} if self.picture is not None else {}
        return said | {
            "digest": self.digest.hex() if self.digest is not None else None,
            "link": self.link,
            "part": self.part,
            "place": self.place,
        }

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError, TypeError or FormatError where it is none."""
        place, part, link = count(members, "place"), members["part"], members["link"]
        if not isinstance(part, str):
            raise UnfitError("a part is text")
        check_shown(part)
        if link is not None and not isinstance(link, str):
            raise UnfitError("a link is text")
        digest, picture = members["digest"], members.get("picture")
        return cls(
            place,
            part,
            link,
            sha256_of(digest) if digest is not None else None,
            OpenedPicture.parse(picture) if picture is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Openings:
    """The answer to one draw.

    attestation
        SHA-256 of the attestation.
    note
        The cosigned checkpoint that seeds the draw.
    count
        How many rows were to be drawn.
    rows
        The rows drawn, by rising place.
    leaves
        The leaves in which they stand, by rising index.
    covering
        The leaves in which those targets stand that cover one of them, by rising index.
    values
        The parts in which they stand, by rising place, with what is bound of their rows beside the links.
    """

    attestation: bytes
    note: str
    count: int
    rows: tuple[Opened, ...]
    leaves: tuple[Leaf, ...]
    covering: tuple[Leaf, ...] = ()
    values: tuple[OpenedPart, ...] = ()

    def check(
        self, attestation: bytes, commitments: Commitments, policy: Policy
    ) -> tuple[WitnessedCheckpoint, list[tuple[Opened, ItemRow]]]:
        """Make sure that these are the rows that were drawn, all of them, and that each stands in the tree of what was kept.

        Returns the checkpoint, and each row beside what the tree binds it to.

        Raises
        ------
        VerificationError
            If they belong to another attestation, a witness is missing, a row is not opened, or a leaf does not stand in the tree.
        """
        if self.attestation != attestation:
            raise VerificationError("these openings are for another attestation", remedy=_REMEDY)
        witnessed = policy.open_checkpoint(self.note, verify_ed25519)
        seed = lottery_seed(attestation, self.note, witnessed.cosignatures)
        wanted = drawn(seed, commitments.kept.size, self.count)
        if tuple(row.place for row in self.rows) != wanted:
            raise VerificationError(
                "the rows that are opened are not those that the checkpoint draws", remedy=_REMEDY
            )
        return witnessed, list(self._bound(commitments.kept, commitments.salt))

    def _bound(self, kept: Commitment, salt: bytes) -> Iterator[tuple[Opened, ItemRow]]:
        leaves = {leaf.index: leaf for leaf in self.leaves}
        for leaf in leaves.values():
            leaf.check(kept, salt)
        for row in self.rows:
            found = leaves.get(row.place // LEAF_ROWS)
            if found is None:
                raise VerificationError(f"the leaf of row {row.place} is not opened", remedy=_REMEDY)
            yield row, found.rows[row.place % LEAF_ROWS]

    def first_rows(self, commitments: Commitments) -> dict[bytes, ItemRow]:
        """Return, of the targets whose leaves are opened, by the first half of the digest, the first row kept that each covers.

        Raises
        ------
        VerificationError
            If a leaf does not stand in the tree of targets that cover a row.
        """
        found: dict[bytes, ItemRow] = {}
        for leaf in self.covering:
            if commitments.covering is None:
                raise VerificationError("the attestation binds no targets", remedy=_REMEDY)
            leaf.check(commitments.covering.tree, commitments.salt)
            found |= {row.item: row for row in leaf.rows}
        return found

    def check_values(self, commitments: Commitments, rows: Sequence[tuple[Opened, ItemRow]]) -> list[Opened]:
        """Return those of some rows, each beside what the tree binds it to, that show another digest or picture than was bound.

        Raises
        ------
        VerificationError
            If it is not shown of each row what was bound, or what is shown does not stand in the trees.
        """
        if commitments.values is None:
            return []
        values = BoundValues(self.values, commitments.values, commitments.salt)
        return [row for row, bound in rows if values.entry(bound.part, bound.row) != row.entry]

    def to_bytes(self) -> bytes:
        """Write the file: canonical JSON."""
        members: dict[str, JSON] = {
            "attestation": self.attestation.hex(),
            "checkpoint": self.note,
            "count": self.count,
            "covering": [leaf.members() for leaf in self.covering],
            "format": OPENINGS_FORMAT,
            "leaves": [leaf.members() for leaf in self.leaves],
            "rows": [row.members() for row in self.rows],
        }
        values: list[JSON] = [part.members() for part in self.values]
        return canonical_json(members | ({"values": values} if values else {}))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file.

        Raises
        ------
        FormatError
            If it is none.
        """
        with as_format_error("these are no openings", remedy=_REMEDY):
            said = of_format(data, OPENINGS_FORMAT)
            note = said["checkpoint"]
            if not isinstance(note, str) or len(note) > MAX_NOTE_BYTES:
                raise UnfitError("a checkpoint is a note")
            return cls(
                sha256_of(said["attestation"]),
                note,
                count(said, "count"),
                tuple(map(Opened.parse, said["rows"])),
                tuple(map(Leaf.parse, said["leaves"])),
                tuple(map(Leaf.parse, said.get("covering", []))),
                tuple(map(OpenedPart.parse, said.get("values", []))),
            )


def check_order(receipt: Receipt, attestation: bytes, policy: Policy, draw: WitnessedCheckpoint) -> None:
    """Make sure that a draw could not be known when an attestation, named by its SHA-256, was logged.

    Raises
    ------
    VerificationError
        If the receipt is for something else or does not hold, or the checkpoint that draws is another log's, or from before.
    """
    if receipt.record.get("statement_sha256") != attestation.hex():
        raise VerificationError(
            "the receipt is for something else than this attestation",
            remedy="name the receipt that `byleave attest submit` wrote for it",
        )
    held, size = receipt.verify(Policy(policy.logs)).checkpoint, draw.checkpoint.size
    if draw.checkpoint.origin != held.origin:
        raise VerificationError(
            f"the checkpoint of the draw is of {draw.checkpoint.origin}, and the attestation is in the log of {held.origin}",
            remedy="draw by a checkpoint of the log that holds the attestation",
        )
    if size <= receipt.proof.index:
        raise VerificationError(
            f"the checkpoint of the draw is not one after the attestation was logged: it ends before entry {size}, "
            f"and the attestation is entry {receipt.proof.index}",
            remedy="take a later checkpoint of the same log, once a witness has cosigned one",
        )
