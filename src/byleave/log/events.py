"""What a claim event puts into the public log: a random id, an operation, a time and a salted commitment. Nothing personal.

The record behind the commitment stays in the registry and with the claimant. Whoever holds record and salt can show that the
commitment is theirs; whoever holds only the log learns nothing, and after an erasure nobody can.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from byleave.errors import FormatError, UnfitError
from byleave.log.canonical import JSON, canonical_json
from byleave.log.merkle import root_of

SALT_BYTES = 32
CLAIM_ID_BYTES = 16
_TARGET_SALT = b"byleave/target-salt/1\0"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_UPDATE = "update Byleave, and fetch the log again"


@dataclass(frozen=True, slots=True)
class ClaimEvent:
    """One operation on a claim as the log carries it. ``number`` counts from 1; the leaf index is one less."""

    number: int
    claim: bytes
    operation: str
    commitment: bytes
    recorded_at: datetime

    def entry(self) -> bytes:
        """Return the leaf data: canonical JSON with the six members of the entry format, version 1."""
        commit, claim, seconds = _text(self.commitment), _text(self.claim), int(self.recorded_at.timestamp())
        # Ten million entries are made when a log is built again, and this is what canonical JSON comes to.
        if self.operation.isascii() and self.operation.isalpha():
            return f'{{"commit":"{commit}","id":"{claim}","op":"{self.operation}","t":"claim","ts":{seconds},"v":1}}'.encode()
        return canonical_json(
            {"commit": commit, "id": claim, "op": self.operation, "t": "claim", "ts": seconds, "v": 1}
        )

    @classmethod
    def parse(cls, number: int, entry: bytes) -> Self:
        """Read the entry of event ``number``; it must be written in the one way that :meth:`entry` writes it.

        Raises
        ------
        FormatError
            If it is not the entry of a claim event.
        """
        try:
            members = json.loads(entry)
            at = datetime.fromtimestamp(members["ts"], UTC)
            event = cls(number, _bytes(members["id"]), _word(members["op"]), _bytes(members["commit"]), at)
            is_it = event.entry() == entry
        except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError) as error:
            raise FormatError(f"entry {number - 1} of the log cannot be read", remedy=_UPDATE) from error
        if not is_it:
            raise FormatError(f"entry {number - 1} of the log is not that of a claim event", remedy=_UPDATE)
        return event


def commitment(salt: bytes, record: Mapping[str, JSON]) -> bytes:
    """Return SHA-256 over a 32-byte random salt and the canonical record.

    The salt makes the value random-looking: without it, a record that can be guessed cannot be tested against the log.
    """
    _check_salt(salt)
    return hashlib.sha256(salt + canonical_json(record)).digest()


def targets_root(salt: bytes, digests: Sequence[bytes]) -> bytes:
    """Return the Merkle root over salted target leaves, in order, so that one target can be shown without the others."""
    _check_salt(salt)
    sha256, named = hashlib.sha256, _TARGET_SALT + salt
    # leaf_hash and target_salt written out: a list may have a million targets, and calls would take longer than the hashing.
    return root_of(
        [
            sha256(b"\0" + sha256(named + index.to_bytes(8)).digest() + digest).digest()
            for index, digest in enumerate(digests)
        ]
    )


def target_salt(salt: bytes, index: int) -> bytes:
    """Return the 32-byte salt of one target leaf, derived from the event's salt."""
    _check_salt(salt)
    return hashlib.sha256(_TARGET_SALT + salt + index.to_bytes(8)).digest()


def _check_salt(salt: bytes) -> None:
    if len(salt) != SALT_BYTES:
        raise FormatError(
            f"a salt has {SALT_BYTES} bytes, not {len(salt)}", remedy="draw it from the system's randomness"
        )


def _text(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise UnfitError("an operation is text")
    return value
