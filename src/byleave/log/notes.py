"""Signed notes (C2SP signed-note): a text, an empty line, and one line per signature.

Pure: signing and checking of bytes are callables given by the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from byleave.errors import FormatError, VerificationError
from byleave.log.lines import read_base64, write_base64

ED25519 = 1
"""Type byte of Ed25519 signatures of a note's text, in key ids and verifier keys."""

COSIGNATURE = 4
"""Type byte of Ed25519 cosignatures with a time (C2SP tlog-cosignature, version 1)."""

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
MAX_KEY_CHARS = 8192
"""A verifier key of ML-DSA-44, the longest type in use, has about 1,800."""

_DASH = "— "
_KINDS = {ED25519: "Ed25519 key", COSIGNATURE: "Ed25519 cosignature key"}
_PUBLIC_BYTES = 32
_KEY_REMEDY = "copy it whole: name+key id+base64"

Sign = Callable[[bytes], bytes]
"""Signs a message with Ed25519; returns 64 bytes."""

Verify = Callable[[bytes, bytes, bytes], bool]
"""Checks ``(public key of 32 bytes, signature, message)``."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A name and a public key, written ``name+<key id, 8 hex>+<base64 of type and key>``.

    ``kind`` is the type byte: what the key's signatures are made over. One public key under two kinds is two verifier keys.
    """

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256 over name, line feed, type and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def checkable(self) -> bool:
        """Whether we can check signatures of this type."""
        return self.kind in _KINDS

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{write_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key of a type we can check; its key id must fit its name and bytes."""
        key = cls.parse_any(text)
        if not key.checkable:
            raise FormatError(
                f"the key of {key.name!r} has type {key.kind}, which we cannot check",
                remedy="use an Ed25519 key of the same party (type 1, or 4 for a witness)",
            )
        return key

    @classmethod
    def parse_any(cls, text: str) -> Self:
        """Read a verifier key of any type, for files that name keys of types other than ours beside them.

        How a key id is made is up to its type, so it is compared for the types we know.
        """
        text = text.strip()
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        if not _is_name(name) or len(text) > MAX_KEY_CHARS:
            raise FormatError(f"{text[:80]!r} is not a verifier key", remedy=_KEY_REMEDY)
        material = read_base64(encoded, what=f"the verifier key of {name[:80]!r}")
        if len(material) < 2:
            raise FormatError(f"{text[:80]!r} is not a verifier key", remedy=_KEY_REMEDY)
        key = cls(name, material[1:], material[0])
        if key.checkable and len(key.public) != _PUBLIC_BYTES:
            raise FormatError(f"{text[:80]!r} is not an {_KINDS[key.kind]}", remedy=_KEY_REMEDY)
        if key.checkable and key.key_id.hex() != key_id:
            raise FormatError(
                f"the key id of {name!r} does not fit its key", remedy="copy the verifier key again, whole"
            )
        return key


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line below a note: who claims to have signed, and the bytes. Nothing about it is checked yet."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {write_base64(self.key_id + self.signature)}\n"

    def is_by(self, key: VerifierKey) -> bool:
        """Whether name and key id are those of ``key``."""
        return self.name == key.name and self.key_id == key.key_id

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a signature line without its line feed."""
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not _is_name(name):
            raise FormatError("a signature line cannot be read", remedy="fetch the file again, whole")
        blob = read_base64(encoded, what="a signature")
        if len(blob) < 5:
            raise FormatError("a signature line cannot be read", remedy="fetch the file again, whole")
        return cls(name, blob[:4], blob[4:])


def sign_note(text: str, key: VerifierKey, sign: Sign) -> str:
    """Return ``text`` as a note signed by one key. The text must end in a line feed."""
    check_text(text)
    return f"{text}\n{signature_line(text, key, sign)}"


def signature_line(text: str, key: VerifierKey, sign: Sign) -> str:
    """Return the one line that a key adds below a note's text."""
    return str(SignatureLine(key.name, key.key_id, sign(text.encode())))


def open_note(note: str, keys: Sequence[VerifierKey], verify: Verify) -> tuple[str, tuple[VerifierKey, ...]]:
    """Return the text of a note and the known keys that signed it.

    Signatures of unknown keys, and of keys of other types than :data:`ED25519`, are passed over, as the format asks; a bad
    signature of a known key condemns the note.

    Raises
    ------
    FormatError
        If the bytes are no note.
    VerificationError
        If no known key signed it, or a known key's signature does not hold.
    """
    text, lines = split_note(note)
    signers: list[VerifierKey] = []
    for line in lines:
        for key in keys:
            if key.kind == ED25519 and line.is_by(key):
                if not verify(key.public, line.signature, text.encode()):
                    raise VerificationError(
                        f"the signature of {line.name!r} does not hold",
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
    return tuple(line.name for line in split_note(note)[1])


@lru_cache(maxsize=4)  # the receipts of a batch all carry the same note
def split_note(note: str) -> tuple[str, tuple[SignatureLine, ...]]:
    """Return a note's text and its signature lines, none of them checked."""
    if len(_encoded(note)) > MAX_NOTE_BYTES:
        raise FormatError("a signed note is too long", remedy=f"use at most {MAX_NOTE_BYTES} bytes")
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise FormatError("this is not a signed note", remedy="fetch the file again, whole")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise FormatError("a signed note has too many signatures", remedy=f"use at most {MAX_SIGNATURES}")
    text += "\n"
    check_text(text)
    return text, tuple(map(SignatureLine.parse, lines))


def check_text(text: str) -> None:
    """Refuse what cannot be the text of a note."""
    if not text.endswith("\n") or any(ord(char) < 0x20 and char != "\n" for char in text):
        raise FormatError(
            "a note's text ends in a line feed and holds no control characters",
            remedy="write it as plain lines",
        )
    _encoded(text)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise FormatError(
            "a note holds a character that is not Unicode", remedy="write it as plain lines"
        ) from error


def _is_name(name: str) -> bool:
    spaced = any(char.isspace() or char < " " or "\ud800" <= char <= "\udfff" for char in name)
    return bool(name) and "+" not in name and not spaced
