"""Signed notes (C2SP signed-note, Ed25519): a text, an empty line, and one line per signature.

Pure: signing and checking of bytes are callables given by the caller.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from byleave.errors import FormatError, VerificationError

ED25519 = 1
"""Signature type byte of Ed25519 in key ids and verifier keys."""

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100

_DASH = "— "

Sign = Callable[[bytes], bytes]
"""Signs a message with Ed25519; returns 64 bytes."""

Verify = Callable[[bytes, bytes, bytes], bool]
"""Checks ``(public key of 32 bytes, signature, message)``."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name and a public key, written ``name+<key id, 8 hex>+<base64 of type and key>``."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256 over name, line feed, type and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([ED25519]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key; its key id must fit its name and bytes."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            material = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            material = b""
        if not _is_name(name) or len(material) != 33 or material[0] != ED25519:
            raise FormatError(
                f"{text[:80]!r} is not an Ed25519 verifier key", remedy="copy it whole: name+key id+base64"
            )
        key = cls(name, material[1:])
        if key.key_id.hex() != key_id:
            raise FormatError(
                f"the key id of {name!r} does not fit its key", remedy="copy the verifier key again, whole"
            )
        return key


def sign_note(text: str, key: VerifierKey, sign: Sign) -> str:
    """Return ``text`` as a note signed by one key. The text must end in a line feed."""
    _check_text(text)
    return f"{text}\n{signature_line(text, key, sign)}"


def signature_line(text: str, key: VerifierKey, sign: Sign) -> str:
    """Return the one line that a key adds below a note's text."""
    signature = sign(text.encode())
    return f"{_DASH}{key.name} {base64.b64encode(key.key_id + signature).decode()}\n"


def open_note(note: str, keys: Sequence[VerifierKey], verify: Verify) -> tuple[str, tuple[VerifierKey, ...]]:
    """Return the text of a note and the known keys that signed it.

    Signatures of unknown keys are passed over, as the format asks; a bad signature of a known key condemns the note.

    Raises
    ------
    FormatError
        If the bytes are no note.
    VerificationError
        If no known key signed it, or a known key's signature does not hold.
    """
    text, lines = _split(note)
    signers: list[VerifierKey] = []
    for line in lines:
        name, blob = _signature(line)
        for key in keys:
            if key.name == name and key.key_id == blob[:4]:
                if not verify(key.public, blob[4:], text.encode()):
                    raise VerificationError(
                        f"the signature of {name!r} does not hold",
                        remedy="fetch the file again; do not use it",
                    )
                if key not in signers:
                    signers.append(key)
    if not signers:
        known = ", ".join(str(key) for key in keys) or "none"
        raise VerificationError(
            "no known key signed this", remedy=f"check the key you trust (known here: {known})"
        )
    return text, tuple(signers)


def signer_names(note: str) -> tuple[str, ...]:
    """Return the names that claim to have signed a note, unchecked: for telling a person what to look for."""
    return tuple(_signature(line)[0] for line in _split(note)[1])


def _split(note: str) -> tuple[str, list[str]]:
    if len(note.encode("utf-8", "surrogatepass")) > MAX_NOTE_BYTES:
        raise FormatError("a signed note is too long", remedy=f"use at most {MAX_NOTE_BYTES} bytes")
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise FormatError("this is not a signed note", remedy="fetch the file again, whole")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise FormatError("a signed note has too many signatures", remedy=f"use at most {MAX_SIGNATURES}")
    text += "\n"
    _check_text(text)
    return text, lines


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        blob = b""
    if not line.startswith(_DASH) or not _is_name(name) or len(blob) < 5:
        raise FormatError("a signature line cannot be read", remedy="fetch the file again, whole")
    return name, blob


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(ord(char) < 0x20 and char != "\n" for char in text):
        raise FormatError(
            "a note's text ends in a line feed and holds no control characters",
            remedy="write it as plain lines",
        )


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)
