"""Signed envelopes (DSSE, version 1): bytes of a named type and signatures over both. Pure: signing and checking are callables."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from byleave.errors import FormatError, UnfitError, VerificationError, as_format_error
from byleave.log.canonical import read_json
from byleave.log.lines import write_base64
from byleave.log.notes import ED25519, Sign, VerifierKey, Verify

MAX_ENVELOPE_BYTES: Final = 16 * 1024 * 1024
MAX_SIGNATURES: Final = 16
MAX_TYPE_CHARS: Final = 200

_FIRST: Final = b"{"
_REMEDY: Final = "fetch the signed statement again, whole; do not edit it"
_TO_STANDARD: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """One signature, and the name its maker gives to its key; the name is a hint and proves nothing."""

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, what kind of bytes it is, and who claims to have signed both. Nothing is checked yet."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...]

    def to_bytes(self) -> bytes:
        """Write the envelope as one line of JSON."""
        written = {
            "payload": write_base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": one.key_id, "sig": write_base64(one.signature)} for one in self.signatures
            ],
        }
        return json.dumps(written, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an envelope. Members that the format does not know are passed over, as it asks.

        Raises
        ------
        FormatError
            If it is none, or too long.
        """
        if len(data) > MAX_ENVELOPE_BYTES:
            raise FormatError(f"a signed statement has more than {MAX_ENVELOPE_BYTES} bytes", remedy=_REMEDY)
        with as_format_error("this is not a signed statement (DSSE)", remedy=_REMEDY):
            members: dict[str, Any] = read_json(data)
            payload_type, signatures = members["payloadType"], members["signatures"]
            if not (isinstance(payload_type, str) and 0 < len(payload_type) <= MAX_TYPE_CHARS):
                raise UnfitError("a type is text")
            if not (isinstance(signatures, list) and 0 < len(signatures) <= MAX_SIGNATURES):
                raise UnfitError("signatures are a short list")
            return cls(payload_type, _bytes(members["payload"]), tuple(map(_signature, signatures)))

    @property
    def payload_sha256(self) -> bytes:
        """SHA-256 of the payload: it names what is said, whoever signed it."""
        return hashlib.sha256(self.payload).digest()

    def check(self, keys: Sequence[VerifierKey], verify: Verify) -> tuple[VerifierKey, ...]:
        """Return those of ``keys`` that signed, at least one.

        Which key made a signature is found by trying: the name beside it may say anything.

        Raises
        ------
        VerificationError
            If none of them did.
        """
        message = encoded(self.payload_type, self.payload)
        signers = tuple(
            key
            for key in dict.fromkeys(keys)
            if key.kind == ED25519
            and any(verify(key.public, one.signature, message) for one in self.signatures)
        )
        if not signers:
            named = ", ".join(repr(one.key_id[:80]) for one in self.signatures)
            if any(_key_id(key) == one.key_id for key in keys for one in self.signatures):
                raise VerificationError(
                    f"the signature of {named} does not hold: this is not what was signed",
                    remedy="fetch the signed statement again, whole; do not believe this one",
                )
            known = ", ".join(str(key) for key in keys) or "none"
            raise VerificationError(
                f"no key that is trusted here signed this; its signatures are said to be of {named}",
                remedy=f"check the key you trust (known here: {known})",
            )
        return signers


def _key_id(key: VerifierKey) -> str:
    return f"{key.name}+{key.key_id.hex()}"


def looks_like_envelope(head: bytes) -> bool:
    """Whether a file that begins like this may be an envelope: JSON begins with a brace, and none of our other files does."""
    return head.lstrip().startswith(_FIRST)


def encoded(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding of DSSE, which binds the type to the bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, key: VerifierKey, sign: Sign) -> Envelope:
    """Sign a payload with one key."""
    signature = sign(encoded(payload_type, payload))
    return Envelope(payload_type, payload, (EnvelopeSignature(_key_id(key), signature),))


def _signature(members: Any) -> EnvelopeSignature:
    key_id = members.get("keyid", "")
    if not isinstance(key_id, str):
        raise UnfitError("the name of a key is text")
    return EnvelopeSignature(key_id, _bytes(members["sig"]))


def _bytes(text: Any) -> bytes:
    """Read base64 in either alphabet: the format lets writers choose."""
    if not isinstance(text, str):
        raise UnfitError("bytes are written as text")
    padded = text.translate(_TO_STANDARD) + "=" * (-len(text) % 4)
    return base64.b64decode(padded, validate=True)
