"""Signed statements: in-toto Statement v1 in an envelope, about files named by their digests. Light, and nothing is fetched.

The payload is canonical JSON. Its SHA-256 names the statement: signing it again, or wrapping it differently, leaves that as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar

from byleave.errors import FormatError, UnfitError, as_format_error
from byleave.log import JSON, VerifierKey, canonical_json, read_json
from byleave.log.envelopes import Envelope, seal
from byleave.release.keys import SigningKey, verify_ed25519

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
PREDICATES: Final = "https://byleave.example/statement/"
"""What the types of our predicates begin with: names, not addresses, below a host that nobody can ever own."""

MOST_FILES: Final = 10_000
"""Files that one statement names by themselves; of more it names one that lists them (:mod:`byleave.release.file_lists`)."""

MAX_NAME_CHARS: Final = 4096
_NOT_SHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHA256: Final = re.compile("[0-9a-f]{64}")
_REMEDY: Final = "ask whoever made the statement for it again; do not edit it"


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file by its name, relative and with slashes, and the SHA-256 of its bytes (32 bytes).

    Raises
    ------
    FormatError
        If the name cannot be shown to whoever checks a statement about it.
    """

    name: str
    sha256: bytes

    def __post_init__(self) -> None:
        check_shown(self.name)

    def members(self) -> dict[str, JSON]:
        """Write it as in-toto does."""
        return {"digest": {"sha256": self.sha256.hex()}, "name": self.name}

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        name = members["name"]
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS:
            raise UnfitError("a file has a name")
        return cls(name, sha256_of(members["digest"]["sha256"]))


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said about which files: a predicate of a named type."""

    subjects: tuple[FileDigest, ...]
    predicate_type: str
    predicate: Mapping[str, JSON]

    def payload(self) -> bytes:
        """Write it as canonical JSON."""
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "predicate": self.predicate,
                "predicateType": self.predicate_type,
                "subject": [subject.members() for subject in self.subjects],
            }
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload. Members that are not known are passed over, as in-toto asks.

        Raises
        ------
        FormatError
            If it is no statement, or names too many files.
        """
        with as_format_error("this is not an in-toto statement of version 1 about files", remedy=_REMEDY):
            members: dict[str, Any] = read_json(payload)
            if members["_type"] != STATEMENT_TYPE:
                raise UnfitError("another type")
            predicate_type, predicate = members["predicateType"], members["predicate"]
            shown = isinstance(predicate_type, str) and predicate_type and predicate_type.isprintable()
            if not shown or not isinstance(predicate, dict):
                raise UnfitError("a predicate is an object of a named type")
            return cls(files_of(members["subject"], at_least=1), predicate_type, predicate)

    def predicate_of(self, predicate_type: str, kind: str) -> Mapping[str, Any]:
        """Return the predicate if it is of this type; ``kind`` is what people call such a statement.

        Raises
        ------
        FormatError
            If it is of another type.
        """
        if self.predicate_type != predicate_type:
            raise FormatError(
                f"this is no {kind}: its type is {self.predicate_type[:200]}", remedy=f"name a file of {kind}"
            )
        return self.predicate


Content = TypeVar("Content")
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Signed(Generic[Content]):
    """What was said under a signature that holds, the SHA-256 of the payload that names it, and the trusted keys that signed it."""

    said: Content
    sha256: bytes
    signers: tuple[VerifierKey, ...]

    def read(self, parse: Callable[[Content], Read]) -> Signed[Read]:
        """Return the same with what is said read as what it is, such as an attestation; raises as ``parse`` does."""
        return Signed(parse(self.said), self.sha256, self.signers)


def sign_statement(statement: Statement, key: SigningKey) -> bytes:
    """Return the envelope of a statement, signed by one key."""
    return seal(PAYLOAD_TYPE, statement.payload(), key.verifier, key.private.sign).to_bytes()


def open_statement(data: bytes, keys: Sequence[VerifierKey]) -> Signed[Statement]:
    """Read a signed statement whose signature holds.

    Raises
    ------
    FormatError
        If it is none.
    VerificationError
        If no key of ``keys`` signed it.
    """
    envelope = Envelope.parse(data)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise FormatError(f"the envelope holds {envelope.payload_type!r}, no statement", remedy=_REMEDY)
    signers = envelope.check(keys, verify_ed25519)
    return Signed(Statement.parse(envelope.payload), envelope.payload_sha256, signers)


def files_of(rows: Any, *, at_least: int = 0) -> tuple[FileDigest, ...]:
    """Read a list of files; each name stands there once. Raises as :meth:`FileDigest.parse`."""
    if not isinstance(rows, list) or not at_least <= len(rows) <= MOST_FILES:
        raise UnfitError("files are a list that is not too long")
    files = tuple(map(FileDigest.parse, rows))
    if len({file.name for file in files}) != len(files):
        raise UnfitError("a file stands there twice")
    return files


def check_shown(name: str) -> None:
    """Refuse a name that a terminal would obey, or that would begin a line of its own.

    Raises
    ------
    FormatError
        If it is one.
    """
    if _NOT_SHOWN.search(name):
        raise FormatError(
            f"the name {name[:80]!r} cannot be shown: it holds control characters",
            remedy="rename that file, and make what names it again",
        )


def sha256_of(text: Any) -> bytes:
    """Read 64 hex digits in lower case; raises ValueError for anything else."""
    if not isinstance(text, str) or not _SHA256.fullmatch(text):
        raise UnfitError("a SHA-256 has 64 hex digits in lower case")
    return bytes.fromhex(text)
