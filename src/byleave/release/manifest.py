"""Manifests: a JSON file that names every other file by size and SHA-256, and the signed note that vouches for it.

A release and a coverage file are both a manifest, a note and some files; they differ in kind and members. The note's text has
three lines: ``<origin>/<kind>``, what it is about, and the SHA-256 of the manifest in base64.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from byleave.errors import FormatError, VerificationError
from byleave.log import JSON, VerifierKey, canonical_json, open_note, read_json
from byleave.release.keys import SigningKey, verify_ed25519

MANIFEST = "manifest.json"
NOTE = "manifest.note"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
"""Names of files in a release: relative, below its folder, and the same on every file system."""

_AGAIN = "fetch it again from the registry; do not use this copy"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file that a manifest names: size in bytes and SHA-256."""

    name: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A manifest whose signature holds: its members, its own SHA-256 and who signed it."""

    members: Mapping[str, JSON]
    sha256: bytes
    signers: tuple[VerifierKey, ...]

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The files it names."""
        return tuple(_entry(row) for row in sequence(self.members, "files"))


@dataclass(frozen=True, slots=True)
class ReleaseName:
    """Which release is meant, beyond doubt: its number and the SHA-256 of its manifest."""

    number: int
    manifest_digest: bytes

    def members(self) -> dict[str, JSON]:
        """Write it as a manifest names it."""
        return {"manifest_sha256": self.manifest_digest.hex(), "number": self.number}

    @classmethod
    def parse(cls, members: Mapping[str, JSON]) -> Self:
        """Read what :meth:`members` wrote."""
        return cls(whole(members, "number"), digest_of(members, "manifest_sha256"))


def file_entry(name: str, content: bytes) -> JSON:
    """Return the manifest's row for one small file."""
    return {"bytes": len(content), "name": name, "sha256": hashlib.sha256(content).hexdigest()}


def file_entry_of(path: Path, name: str) -> JSON:
    """Return the manifest's row for a file of any size."""
    with path.open("rb") as file:
        return {
            "bytes": path.stat().st_size,
            "name": name,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


def sign_manifest(
    members: Mapping[str, JSON], *, kind: str, subject: str, key: SigningKey
) -> tuple[bytes, bytes]:
    """Return the bytes of a manifest and of the note that vouches for it."""
    manifest = canonical_json({**members, "format": f"byleave/{kind}/1", "origin": key.verifier.name}) + b"\n"
    return manifest, key.sign_note(_note_text(key.verifier.name, kind, subject, manifest)).encode()


def open_manifest(manifest: bytes, note: bytes, *, kind: str, keys: Sequence[VerifierKey]) -> SignedManifest:
    """Check a manifest against its note and the keys one trusts.

    Raises
    ------
    FormatError
        If either cannot be read, or they are of another kind.
    VerificationError
        If the signature does not hold, or the note speaks of other bytes.
    """
    members = _read(manifest)
    if members.get("format") != f"byleave/{kind}/1":
        raise FormatError(
            f"this is {members.get('format')!r}, not a {kind} of format 1",
            remedy=f"name a {kind}, or update Byleave",
        )
    try:
        text, signers = open_note(note.decode(), keys, verify_ed25519)
    except UnicodeDecodeError as error:
        raise FormatError(f"the signature of the {kind} is not text", remedy=_AGAIN) from error
    lines = text.splitlines()
    said = text == _note_text(str(members.get("origin")), kind, lines[1] if len(lines) == 3 else "", manifest)
    if not said or all(signer.name != members.get("origin") for signer in signers):
        raise VerificationError(f"the signature is not about this {kind}", remedy=_AGAIN)
    if lines[1] != subject_of(members, kind):
        raise VerificationError(f"the signature names another {kind}", remedy=_AGAIN)
    return SignedManifest(members, hashlib.sha256(manifest).digest(), signers)


def subject_of(members: Mapping[str, JSON], kind: str) -> str:
    """Return what the note's second line must say: what the manifest is about, in one line."""
    match kind:
        case "release" | "redaction" | "standing":
            return str(whole(members, "number"))
        case "delta":
            return f"{whole(mapping(members, 'from'), 'number')}-{whole(mapping(members, 'to'), 'number')}"
        case _:
            return _coverage_subject(members)


def _coverage_subject(members: Mapping[str, JSON]) -> str:
    return f"{text_of(members, 'dataset')} {text_of(members, 'dataset_version')} {whole(members, 'release')}"


def check_bytes(entry: FileEntry, size: int, sha256: bytes) -> None:
    """Refuse a file whose size or SHA-256 is not what the manifest says."""
    if size != entry.size or sha256 != entry.sha256:
        raise VerificationError(f"{entry.name} is not what the signed manifest says", remedy=_AGAIN)


def text_of(members: Mapping[str, JSON], name: str) -> str:
    """Return a member that must be text."""
    value = members.get(name)
    if not isinstance(value, str):
        raise FormatError(f"the manifest lacks {name!r}", remedy=_AGAIN)
    return value


def whole(members: Mapping[str, JSON], name: str) -> int:
    """Return a member that must be a whole number of at least 0."""
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FormatError(f"the manifest lacks {name!r}", remedy=_AGAIN)
    return value


def sequence(members: Mapping[str, JSON], name: str) -> Sequence[JSON]:
    """Return a member that must be a list."""
    value = members.get(name)
    if not isinstance(value, list):
        raise FormatError(f"the manifest lacks {name!r}", remedy=_AGAIN)
    return value


def mapping(members: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    """Return a member that must be an object."""
    value = members.get(name)
    if not isinstance(value, dict):
        raise FormatError(f"the manifest lacks {name!r}", remedy=_AGAIN)
    return value


def digest_of(members: Mapping[str, JSON], name: str) -> bytes:
    """Return a member that must be 32 bytes in hex."""
    try:
        value = bytes.fromhex(text_of(members, name))
    except ValueError:
        value = b""
    if len(value) != hashlib.sha256().digest_size:
        raise FormatError(f"the manifest's {name!r} is no SHA-256", remedy=_AGAIN)
    return value


def _read(manifest: bytes) -> Mapping[str, JSON]:
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise FormatError("the manifest is too long", remedy=_AGAIN)
    try:
        members = read_json(manifest)
    except (ValueError, RecursionError) as error:
        raise FormatError("the manifest is not JSON", remedy=_AGAIN) from error
    if not isinstance(members, dict):
        raise FormatError("the manifest is not an object", remedy=_AGAIN)
    return members


def _entry(row: JSON) -> FileEntry:
    if not isinstance(row, dict):
        raise FormatError("the manifest names a file in a way that cannot be read", remedy=_AGAIN)
    name = text_of(row, "name")
    if not _NAME.fullmatch(name):
        raise FormatError(f"the manifest names a file outside its folder: {name!r}", remedy=_AGAIN)
    try:
        digest = bytes.fromhex(text_of(row, "sha256"))
    except ValueError as error:
        raise FormatError(f"the manifest's digest of {name!r} is not hex", remedy=_AGAIN) from error
    return FileEntry(name, whole(row, "bytes"), digest)


def _note_text(origin: str, kind: str, subject: str, manifest: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(manifest).digest()).decode()
    return f"{origin}/{kind}\n{subject}\n{digest}\n"
