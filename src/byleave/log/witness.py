"""What a witness does (C2SP tlog-witness): remember one checkpoint of each log and accept only what grows out of it.

Pure: the caller reads the remembered checkpoint, stores the accepted one and cosigns it, all under one lock for the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Self

from byleave.errors import FormatError, VerificationError
from byleave.log.checkpoints import Checkpoint, open_checkpoint, verify_growth
from byleave.log.lines import HASH_BYTES, MAX_PATH, MAX_SIZE, read_decimal, read_hash, text_of, write_base64
from byleave.log.notes import MAX_NOTE_BYTES, VerifierKey, Verify, split_note

MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 64 * (MAX_PATH + 1)
SIZE_TYPE = "text/x.tlog.size"
"""Content type of the answer to a conflict: the size held, in decimal, and a line feed."""

_OLD = "old "
_REMEDY = "send `old SIZE`, the proof's hashes, an empty line and the checkpoint"


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the witness is thought to hold, the consistency proof from there, and the signed checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def __post_init__(self) -> None:
        if not 0 <= self.old_size <= MAX_SIZE or len(self.proof) > MAX_PATH:
            raise FormatError("the old size or the length of the proof is out of range", remedy=_REMEDY)
        if any(len(one) != HASH_BYTES for one in self.proof):
            raise FormatError("a hash in the proof has the wrong length", remedy=_REMEDY)
        split_note(self.checkpoint)

    @property
    def origin(self) -> str:
        """Name of the log that the request is about, as it claims: for finding what is remembered of that log."""
        return self.checkpoint.partition("\n")[0]

    def to_bytes(self) -> bytes:
        """Write the body of the request."""
        lines = [f"{_OLD}{self.old_size}", *map(write_base64, self.proof)]
        return ("\n".join(lines) + "\n\n" + self.checkpoint).encode()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the body of a request.

        Raises
        ------
        FormatError
            To be answered with status 400.
        """
        text = text_of(body, limit=MAX_REQUEST_BYTES, what="the request")
        head, gap, checkpoint = text.partition("\n\n")
        first, *lines = head.split("\n")
        if not gap or not first.startswith(_OLD) or len(lines) > MAX_PATH:
            raise FormatError("this is no request to add a checkpoint", remedy=_REMEDY)
        old_size = read_decimal(first.removeprefix(_OLD), what="the old size")
        return cls(old_size, tuple(read_hash(line, what="a hash in the proof") for line in lines), checkpoint)


class Reason(Enum):
    """Why a witness does not cosign; the value says it to the sender."""

    MALFORMED = "the checkpoint cannot be read"
    OLD_SIZE = "the old size is larger than the checkpoint's"
    NOT_SIGNED = "no key of this log that is known here signed the checkpoint"
    UNKNOWN_LOG = "this log is not witnessed here"
    INCONSISTENT = "the proof does not show that the log kept what it held"


_STATUS = {
    Reason.MALFORMED: 400,
    Reason.OLD_SIZE: 400,
    Reason.NOT_SIGNED: 403,
    Reason.UNKNOWN_LOG: 404,
    Reason.INCONSISTENT: 422,
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Store ``checkpoint`` as what is remembered of its log, then answer with a cosignature over its text."""

    checkpoint: Checkpoint
    status: ClassVar[int] = 200


@dataclass(frozen=True, slots=True)
class Conflict:
    """The witness holds another size, 0 if none: answer with it."""

    size: int
    status: ClassVar[int] = 409

    def body(self) -> bytes:
        """Return the answer's body; its type is :data:`SIZE_TYPE`."""
        return f"{self.size}\n".encode()


@dataclass(frozen=True, slots=True)
class Fork:
    """The log signed two roots for one size. Keep both: this proves that it lied to somebody. Answered like a conflict."""

    held: Checkpoint
    offered: Checkpoint
    status: ClassVar[int] = 409

    def body(self) -> bytes:
        """Return the answer's body; its type is :data:`SIZE_TYPE`."""
        return f"{self.held.size}\n".encode()


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is remembered and nothing cosigned."""

    reason: Reason

    @property
    def status(self) -> int:
        """Return the HTTP status that the protocol gives this reason."""
        return _STATUS[self.reason]


Answer = Accepted | Conflict | Fork | Refused


def add_checkpoint(
    held: Checkpoint | None, request: AddCheckpoint, keys: Sequence[VerifierKey], verify: Verify
) -> Answer:
    """Decide on a checkpoint that a log sends.

    Parameters
    ----------
    held
        The last checkpoint accepted for ``request.origin``, or ``None``.
    keys
        The keys trusted for that log; none if it is not witnessed here.
    """
    if not keys:
        return Refused(Reason.UNKNOWN_LOG)
    try:
        offered, _ = open_checkpoint(request.checkpoint, keys, verify)
    except VerificationError:
        return Refused(Reason.NOT_SIGNED)
    except FormatError:
        return Refused(Reason.MALFORMED)
    if request.old_size > offered.size:
        return Refused(Reason.OLD_SIZE)
    held_size = held.size if held else 0
    if request.old_size != held_size:
        return Conflict(held_size)
    if held and held.size == offered.size and held.root != offered.root:
        return Fork(held, offered)
    try:
        verify_growth(held, offered, request.proof)
    except VerificationError:
        return Refused(Reason.INCONSISTENT)
    return Accepted(offered)
