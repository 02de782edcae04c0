"""Cosignatures (C2SP tlog-cosignature, Ed25519): a witness states when it saw a checkpoint that keeps all it had seen before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from byleave.errors import FormatError, VerificationError
from byleave.log.notes import (
    COSIGNATURE,
    MAX_NOTE_BYTES,
    Sign,
    SignatureLine,
    VerifierKey,
    Verify,
    check_text,
    split_note,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_SECOND = timedelta(seconds=1)
_LAST_SECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A checked cosignature: whose it is and the time that it states, in whole seconds UTC."""

    key: VerifierKey
    time: datetime


def cosign(text: str, key: VerifierKey, sign: Sign, *, now: datetime) -> str:
    """Return the signature line with which a witness cosigns a checkpoint text at ``now``.

    Only for a checkpoint that the witness accepted and has stored: see :func:`byleave.log.witness.add_checkpoint`.
    """
    if key.kind != COSIGNATURE:
        raise FormatError(
            f"the key of {key.name!r} is not for cosigning", remedy="use its verifier key of type 4"
        )
    check_text(text)
    seconds = (now - _EPOCH) // _SECOND
    if seconds < 0:
        raise FormatError("a cosignature's time lies before 1970", remedy="set the machine's clock")
    signature = seconds.to_bytes(_TIME_BYTES) + sign(_message(text, seconds))
    return str(SignatureLine(key.name, key.key_id, signature))


def open_cosignatures(note: str, witnesses: Sequence[VerifierKey], verify: Verify) -> tuple[Cosignature, ...]:
    """Return the cosignatures of known witnesses below a checkpoint: the latest of each, none if there are none.

    Lines of unknown keys and types are passed over; whether those found suffice is for a policy to say. The log's own signature
    is not looked at.

    Raises
    ------
    FormatError
        If the bytes are no note.
    VerificationError
        If a known witness's cosignature does not hold.
    """
    text, lines = split_note(note)
    latest: dict[VerifierKey, Cosignature] = {}
    for line, key in _known(lines, witnesses):
        found = _checked(text, line, key, verify)
        if key not in latest or latest[key].time < found.time:
            latest[key] = found
    return tuple(latest.values())


def add_cosignatures(note: str, answer: str, witnesses: Sequence[VerifierKey], verify: Verify) -> str:
    """Return a checkpoint note with the cosignature lines of a witness's answer below it.

    Lines of unknown witnesses are left out, and those that the note has already.

    Raises
    ------
    FormatError
        If the answer is not made of signature lines.
    VerificationError
        If a known witness's cosignature does not hold.
    """
    if not answer.endswith("\n") or len(answer) > MAX_NOTE_BYTES:
        raise FormatError("a witness's answer is not made of signature lines", remedy="ask the witness again")
    text, held = split_note(note)
    offered = [SignatureLine.parse(line) for line in answer[:-1].split("\n")]
    added: list[SignatureLine] = []
    for line, key in _known(offered, witnesses):
        _checked(text, line, key, verify)
        if line not in held and line not in added:
            added.append(line)
    return note + "".join(map(str, added))


def _known(
    lines: Sequence[SignatureLine], witnesses: Sequence[VerifierKey]
) -> Iterator[tuple[SignatureLine, VerifierKey]]:
    for line in lines:
        for key in witnesses:
            if key.kind == COSIGNATURE and line.is_by(key):
                yield line, key


def _checked(text: str, line: SignatureLine, key: VerifierKey, verify: Verify) -> Cosignature:
    seconds = int.from_bytes(line.signature[:_TIME_BYTES])
    signature = line.signature[_TIME_BYTES:]
    if (
        len(signature) != _SIGNATURE_BYTES
        or seconds > _LAST_SECOND
        or not verify(key.public, signature, _message(text, seconds))
    ):
        raise VerificationError(
            f"the cosignature of {key.name!r} does not hold", remedy="fetch the file again; do not use it"
        )
    return Cosignature(key, _EPOCH + seconds * _SECOND)


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
