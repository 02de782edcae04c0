"""How a registry's key gave way to the next: a chain of announcements, each signed by the old key and by the new one.

Whoever trusts one key of the chain learns the others. An announcement also says how large the log was, so that an old key that is
lost later signs nothing new that anybody believes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from byleave.errors import FormatError, VerificationError
from byleave.log import Checkpoint, VerifierKey, open_note
from byleave.log.lines import read_decimal, read_hash, write_base64
from byleave.log.notes import sign_note, signature_line
from byleave.release.keys import SigningKey, verify_ed25519

HISTORY = "keys.history"
MAX_HISTORY_BYTES = 1_000_000
_REMEDY = "fetch the key history again, whole; do not edit it"


@dataclass(frozen=True, slots=True)
class Rotation:
    """One change of keys.

    number
        Counts from 1.
    size
        Entries of the log when the old key was laid down; it signs no larger log.
    previous
        SHA-256 of the announcement before, or of nothing.
    """

    number: int
    old: VerifierKey
    new: VerifierKey
    size: int
    at: datetime
    previous: bytes

    def text(self) -> str:
        """Return the note's text: ``<origin>/keys``, number, old key, new key, size, Unix time and what came before."""
        return "\n".join(
            [
                f"{self.new.name}/keys",
                str(self.number),
                str(self.old),
                str(self.new),
                str(self.size),
                str(int(self.at.timestamp())),
                write_base64(self.previous),
                "",
            ]
        )

    @classmethod
    def parse(cls, text: str) -> Rotation:
        """Read a note's text."""
        lines = text.split("\n")
        if len(lines) != 8:
            raise FormatError("an announcement of keys has seven lines", remedy=_REMEDY)
        old, new = VerifierKey.parse(lines[2]), VerifierKey.parse(lines[3])
        seconds = read_decimal(lines[5], what="the time of an announcement")
        rotation = cls(
            read_decimal(lines[1], what="the number of an announcement"),
            old,
            new,
            read_decimal(lines[4], what="the size in an announcement"),
            datetime.fromtimestamp(min(seconds, 253_402_300_799), UTC),
            read_hash(lines[6], what="the digest in an announcement"),
        )
        if rotation.text() != text or old.name != new.name:
            raise FormatError("an announcement of keys cannot be read", remedy=_REMEDY)
        return rotation


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """A checked chain, oldest change first; empty for a registry that still has its first key."""

    rotations: tuple[Rotation, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> KeyHistory:
        """Read and check a chain. It says nothing yet about whether one of its keys is to be believed.

        Raises
        ------
        FormatError
            If it cannot be read.
        VerificationError
            If an announcement is not signed by both keys, or does not follow from the one before.
        """
        if len(content) > MAX_HISTORY_BYTES:
            raise FormatError("the key history is too long", remedy=_REMEDY)
        try:
            blocks = content.decode().split("\n\n")
        except UnicodeDecodeError as error:
            raise FormatError("the key history is not text", remedy=_REMEDY) from error
        if len(blocks) == 1 and not blocks[0]:
            return cls()
        notes = [
            f"{text}\n\n{signatures.removesuffix(chr(10))}\n"
            for text, signatures in zip(blocks[::2], blocks[1::2], strict=False)
        ]
        history = cls()
        for note in notes:
            history = history._followed_by(note)
        if history.to_bytes() != content:
            raise FormatError("the key history cannot be read", remedy=_REMEDY)
        return history

    def to_bytes(self) -> bytes:
        """Write the chain: its notes with an empty line between them."""
        return "\n".join(self.notes).encode()

    def announce(self, old: SigningKey, new: SigningKey, *, size: int, at: datetime) -> KeyHistory:
        """Return the chain with one more change, signed by both keys."""
        rotation = Rotation(
            len(self.notes) + 1, old.verifier, new.verifier, size, at.astimezone(UTC), self._digest()
        )
        text = rotation.text()
        note = sign_note(text, old.verifier, old.private.sign)
        return self._followed_by(note + signature_line(text, new.verifier, new.private.sign))

    def trusted(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Return ``keys`` and, for each of them that is in the chain, all other keys of the chain."""
        found = list(keys)
        chain = [rotation.old for rotation in self.rotations[:1]]
        chain += [rotation.new for rotation in self.rotations]
        if any(key in chain for key in found):
            found += [key for key in chain if key not in found]
        return tuple(found)

    def check(self, checkpoint: Checkpoint, signers: Sequence[VerifierKey]) -> None:
        """Refuse a checkpoint that only keys signed which had been laid down at a smaller size.

        Raises
        ------
        VerificationError
            If that is so.
        """
        ends = {rotation.old: rotation.size for rotation in self.rotations}
        if all(checkpoint.size > ends.get(key, checkpoint.size) for key in signers):
            raise VerificationError(
                f"the checkpoint of {checkpoint.size} entries is signed by a key that was laid down before",
                remedy="do not believe it; ask the registry's operator in public",
            )

    def _digest(self) -> bytes:
        return hashlib.sha256(self.notes[-1].encode() if self.notes else b"").digest()

    def _followed_by(self, note: str) -> KeyHistory:
        rotation = Rotation.parse(note.rpartition("\n\n")[0] + "\n")
        _, signers = open_note(note, [rotation.old, rotation.new], verify_ed25519)
        before = self.rotations[-1] if self.rotations else None
        follows = (
            rotation.number == len(self.notes) + 1
            and rotation.previous == self._digest()
            and (before is None or (before.new == rotation.old and before.size <= rotation.size))
        )
        if not follows or len(set(signers)) != 2:
            raise VerificationError(
                f"change of keys number {rotation.number} does not follow from the ones before",
                remedy="ask the registry's operator for the whole key history",
            )
        return KeyHistory((*self.rotations, rotation), (*self.notes, note))
