"""Checkpoints (C2SP tlog-checkpoint): the name, size and root of a log as the text of a signed note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from byleave.errors import FormatError, VerificationError
from byleave.log.lines import HASH_BYTES, MAX_SIZE, read_decimal, read_hash, write_base64
from byleave.log.merkle import EMPTY_ROOT
from byleave.log.notes import Sign, VerifierKey, Verify, check_text, open_note, sign_note
from byleave.log.proofs import verify_consistency

_REMEDY = "fetch the checkpoint again, whole"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at one size.

    origin
        Name of the log; the name of its key.
    size
        Number of entries, 0..2**63-1.
    root
        RFC 6962 root over them, 32 bytes.
    extensions
        Further lines, opaque. Ours writes none; they are kept so that signatures over them can be checked.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if any(not line or "\n" in line for line in lines):
            raise FormatError("a line of a checkpoint is empty", remedy=_REMEDY)
        check_text("\n".join(lines) + "\n")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise FormatError("a checkpoint's size or root is out of range", remedy=_REMEDY)
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise FormatError("the checkpoint of an empty log has the root of a filled one", remedy=_REMEDY)

    def text(self) -> str:
        """Return the note text: origin, size, base64 root and the extension lines."""
        lines = (self.origin, str(self.size), write_base64(self.root), *self.extensions)
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note text; only the text of a note that was opened with known keys means anything."""
        origin, *rest = text.removesuffix("\n").split("\n")
        if len(rest) < 2 or not text.endswith("\n"):
            raise FormatError("this is not a checkpoint: it needs at least three lines", remedy=_REMEDY)
        size = read_decimal(rest[0], what="the size of a checkpoint")
        return cls(origin, size, read_hash(rest[1], what="the root of a checkpoint"), tuple(rest[2:]))


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, sign: Sign) -> str:
    """Return the checkpoint as a note signed by the log's key, whose name must be the log's.

    A log signs one root for a size, ever; the caller answers for that.
    """
    if key.name != checkpoint.origin:
        raise FormatError(
            f"the key of {key.name!r} cannot sign for the log {checkpoint.origin!r}",
            remedy="use the log's own key",
        )
    return sign_note(checkpoint.text(), key, sign)


def open_checkpoint(
    note: str, keys: Sequence[VerifierKey], verify: Verify
) -> tuple[Checkpoint, tuple[VerifierKey, ...]]:
    """Return the checkpoint of a note and those known keys of this very log that signed it.

    Raises
    ------
    FormatError
        If it is no checkpoint.
    VerificationError
        If no key of the log that it names signed it, or a known key's signature does not hold.
    """
    text, signers = open_note(note, keys, verify)
    checkpoint = Checkpoint.parse(text)
    own = tuple(key for key in signers if key.name == checkpoint.origin)
    if not own:
        raise VerificationError(
            f"a key of {signers[0].name!r} signed for the log {checkpoint.origin!r}",
            remedy="use the checkpoint of the log whose key you trust",
        )
    return checkpoint, own


def verify_growth(old: Checkpoint | None, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Check that ``new`` keeps everything that ``old`` held; ``None`` stands for never having seen the log.

    Raises
    ------
    VerificationError
        If the log shrank, changed its past or its name, or the proof does not show that it did not.
    """
    if old is not None and old.origin != new.origin:
        raise VerificationError(
            f"{new.origin!r} is another log than {old.origin!r}", remedy="compare checkpoints of one log"
        )
    if old is None or old.size == 0:
        if proof:
            raise VerificationError(
                "a proof from an empty log holds no hashes", remedy="ask for the proof from the size you hold"
            )
        return
    if new.size < old.size:
        raise VerificationError(
            f"the log {new.origin!r} shrank from {old.size} to {new.size} entries",
            remedy="keep both checkpoints; if the newer one was cached, fetch it again",
        )
    verify_consistency(old.size, new.size, old.root, new.root, proof)
