"""Open a release that stands in a folder: nothing is believed before signature, sizes and digests hold. Light: no Arrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from byleave.errors import FormatError, VerificationError, as_format_error
from byleave.log import VerifierKey
from byleave.release.folders import CLAIMS, check_folder, read_limited
from byleave.release.manifest import (
    MANIFEST,
    NOTE,
    FileEntry,
    ReleaseName,
    SignedManifest,
    digest_of,
    mapping,
    open_manifest,
    text_of,
    whole,
)
from byleave.release.patched import PATCHED, Patched, open_patched

if TYPE_CHECKING:
    import pyarrow as pa

REDACTION = "redaction.json"
REDACTION_NOTE = "redaction.note"
REDACTED = "redacted.bin"
"""Of a redacted release: what was taken out, as 40 bytes a row: its place (int64, big-endian) and its leaf hash, sorted by place."""

REDACTED_BYTES = 40
LATEST = "latest.json"


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release: published list no. N.

    redaction
        There where the registry took rows out of it later.
    patched
        There where it was reached by deltas: its folder then holds no ``claims.parquet`` of its own.
    """

    folder: Path
    signed: SignedManifest
    redaction: SignedManifest | None = None
    patched: Patched | None = None

    @property
    def number(self) -> int:
        """N: the number of the last claim event it contains."""
        return whole(self.signed.members, "number")

    @property
    def origin(self) -> str:
        """The registry that published it."""
        return text_of(self.signed.members, "origin")

    @property
    def manifest_digest(self) -> bytes:
        """SHA-256 of its manifest: the one value that stands for all of it."""
        return self.signed.sha256

    @property
    def name(self) -> ReleaseName:
        """Its number and manifest digest."""
        return ReleaseName(self.number, self.manifest_digest)

    @property
    def previous(self) -> ReleaseName | None:
        """The release before it, or ``None`` for a registry's first."""
        if self.signed.members.get("previous") is None:
            return None
        return ReleaseName.parse(mapping(self.signed.members, "previous"))

    @property
    def rows(self) -> int:
        """How many rows it was published with."""
        return whole(mapping(self.signed.members, "rows"), "count")

    @property
    def rows_root(self) -> bytes:
        """Merkle root over the rows it was published with, 32 bytes."""
        return digest_of(mapping(self.signed.members, "rows"), "root")

    @property
    def redacted(self) -> int:
        """How many of its rows were taken out later."""
        return whole(self.redaction.members, "rows") if self.redaction else 0

    @property
    def redacted_at(self) -> datetime | None:
        """When rows were last taken out of it, in UTC; ``None`` for a release that stands as it was published."""
        return _moment(self.redaction, "made_at") if self.redaction else None

    @property
    def published_at(self) -> datetime:
        """When it was published, in UTC."""
        return _moment(self.signed, "published_at")

    @property
    def fingerprint_version(self) -> str:
        """Version of the picture fingerprints it carries."""
        return text_of(self.signed.members, "fingerprint_version")

    def claims(self) -> pa.Table:
        """Return its rows. Needs the extra ``apply``."""
        from byleave.release.patching import read_table

        return read_table(self)


def _moment(signed: SignedManifest, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text_of(signed.members, name)).astimezone(UTC)
    except ValueError as error:
        raise FormatError(
            "the release does not say when it was made", remedy="ask the registry's operator"
        ) from error


def open_release(folder: Path, keys: Sequence[VerifierKey]) -> Release:
    """Open the release in ``folder`` after checking all of it against the keys one trusts.

    Raises
    ------
    NotFoundError
        If there is no release in the folder.
    FormatError, VerificationError
        If anything in it is not what its signed manifest says, or a file is there that it does not name.
    """
    release = open_unchecked(folder, keys)
    check_files(release)
    return release


def open_unchecked(folder: Path, keys: Sequence[VerifierKey]) -> Release:
    """Open a release of which only the signatures were checked: for who checks its files before or after."""
    signed = open_manifest(
        read_limited(folder / MANIFEST), read_limited(folder / NOTE), kind="release", keys=keys
    )
    if CLAIMS not in {entry.name for entry in signed.files}:
        raise FormatError("the release names no claims", remedy="sync again")
    redaction = None
    if (folder / REDACTION).is_file():
        manifest, note = read_limited(folder / REDACTION), read_limited(folder / REDACTION_NOTE)
        redaction = open_redaction(manifest, note, signed, keys)
    name = ReleaseName(whole(signed.members, "number"), signed.sha256)
    return Release(folder, signed, redaction, open_patched(folder, name, keys))


def check_files(release: Release) -> None:
    """Make sure that the folder of a release holds what was signed, byte for byte, and nothing else.

    Raises
    ------
    VerificationError
        If it does not.
    """
    entries = entries_of(release.signed, release.redaction)
    beside = (REDACTION, REDACTION_NOTE) if release.redaction else ()
    if release.patched is None:
        check_folder(release.folder, entries, beside=beside)
        return
    others = [entry for entry in entries if entry.name != CLAIMS]
    check_folder(release.folder, others, beside=(*beside, PATCHED))
    release.patched.check()


def open_redaction(
    manifest: bytes, note: bytes, signed: SignedManifest, keys: Sequence[VerifierKey]
) -> SignedManifest:
    """Check what takes rows out of a release: signed like the release itself, so that nobody but the registry can.

    Raises
    ------
    VerificationError
        If it is of another release, or replaces other files than those with rows.
    """
    redaction = open_manifest(manifest, note, kind="redaction", keys=keys)
    name = ReleaseName(whole(signed.members, "number"), signed.sha256)
    if ReleaseName.parse(redaction.members) != name:
        raise VerificationError("the redaction is of another release", remedy="sync again")
    digests = {entry.name for entry in signed.files if entry.name.startswith("digests/")}
    if {entry.name for entry in redaction.files} != {CLAIMS, REDACTED, *digests}:
        raise VerificationError("the redaction replaces other files than it should", remedy="sync again")
    return redaction


def entries_of(signed: SignedManifest, redaction: SignedManifest | None) -> tuple[FileEntry, ...]:
    """Return the files of a release, as a redaction left them."""
    replaced = redaction.files if redaction else ()
    return tuple({entry.name: entry for entry in (*signed.files, *replaced)}.values())


def latest_number(content: bytes) -> int:
    """Read ``latest.json``."""
    with as_format_error(
        "latest.json cannot be read", remedy="check that the source is a folder of releases"
    ):
        number = json.loads(content)["number"]
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise FormatError(
            "latest.json names no release", remedy="check that the source is a folder of releases"
        )
    return number


def open_latest(folder: Path, keys: Sequence[VerifierKey]) -> Release:
    """Open the release that ``latest.json`` in a folder of releases points to."""
    return open_release(folder / str(latest_number(read_limited(folder / LATEST))), keys)
