"""Transparency log proofs (C2SP tlog-proof, version 1): one text file that shows an entry in a log without asking anybody.

Our receipts are such files; their extra data holds the record and the salt from which the holder can make the entry again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from byleave.errors import FormatError
from byleave.log.checkpoints import Checkpoint
from byleave.log.lines import (
    HASH_BYTES,
    MAX_PATH,
    MAX_SIZE,
    read_base64,
    read_decimal,
    read_hash,
    text_of,
    write_base64,
)
from byleave.log.merkle import leaf_hash
from byleave.log.notes import MAX_NOTE_BYTES, Verify, split_note
from byleave.log.policy import Policy, WitnessedCheckpoint
from byleave.log.proofs import verify_inclusion

MAX_EXTRA_BYTES = 262_144
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES

_HEADER = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = "index "
_REMEDY = "fetch the receipt again, whole; do not edit it"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """The place of one entry in a log, and what shows it.

    index
        Place of the entry, from 0.
    hashes
        Inclusion proof, from the leaf's neighbour up; 32 bytes each.
    checkpoint
        The signed note, as the log published it.
    extra
        Opaque, at least one byte, authenticated by nothing; or ``None``.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE or len(self.hashes) > MAX_PATH:
            raise FormatError("a log proof's index or length is out of range", remedy=_REMEDY)
        if any(len(one) != HASH_BYTES for one in self.hashes):
            raise FormatError("a hash in a log proof has the wrong length", remedy=_REMEDY)
        if self.extra is not None and not 0 < len(self.extra) <= MAX_EXTRA_BYTES:
            raise FormatError(
                f"a log proof carries 1 to {MAX_EXTRA_BYTES} bytes of extra data", remedy="give less, or none"
            )
        split_note(self.checkpoint)

    def to_bytes(self) -> bytes:
        """Write the file."""
        head = [_HEADER]
        if self.extra is not None:
            head.append(_EXTRA + write_base64(self.extra))
        head.append(f"{_INDEX}{self.index}")
        return ("\n".join([*head, *map(write_base64, self.hashes)]) + "\n\n" + self.checkpoint).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a file; nothing in it is checked yet.

        Raises
        ------
        FormatError
            If it is not one, or too long.
        """
        text = text_of(data, limit=MAX_PROOF_BYTES, what="a log proof")
        head, gap, checkpoint = text.partition("\n\n")
        header, *lines = head.split("\n")
        if not gap or header != _HEADER or not lines:
            raise FormatError("this is not a log proof, version 1", remedy=_REMEDY)
        extra = None
        if lines[0].startswith(_EXTRA):
            extra = read_base64(lines.pop(0).removeprefix(_EXTRA), what="the extra data of a log proof")
        if not lines or not lines[0].startswith(_INDEX) or len(lines) > MAX_PATH + 1:
            raise FormatError("a log proof's index or length is out of range", remedy=_REMEDY)
        index = read_decimal(lines[0].removeprefix(_INDEX), what="the index of a log proof")
        hashes = tuple(read_hash(line, what="a hash in a log proof") for line in lines[1:])
        return cls(index, hashes, checkpoint, extra)

    def check_place(self, entry: bytes) -> Checkpoint:
        """Check that ``entry`` stands in the log that the checkpoint tells of; return that. Who signed it is for :meth:`verify`.

        Raises
        ------
        FormatError
            If the note is no checkpoint.
        VerificationError
            If the inclusion does not hold.
        """
        checkpoint = Checkpoint.parse(split_note(self.checkpoint)[0])
        verify_inclusion(self.index, checkpoint.size, leaf_hash(entry), self.hashes, checkpoint.root)
        return checkpoint

    def verify(self, entry: bytes, policy: Policy, verify: Verify) -> WitnessedCheckpoint:
        """Check that ``entry`` stands in a log that the policy accepts; return the checkpoint it stands in.

        Raises
        ------
        FormatError
            If the note is no checkpoint.
        VerificationError
            If a signature, the quorum of witnesses or the inclusion does not hold.
        """
        witnessed = policy.open_checkpoint(self.checkpoint, verify)
        self.check_place(entry)
        return witnessed
