"""Coverage: a signed file that says which samples of one dataset are copies of claimed pictures, and which were compared at all.

One stored ZIP with ``manifest.json``, ``manifest.note``, ``matches.parquet`` and ``checked.bin`` (sorted item ids of 16 bytes). A claim
that publishes no fingerprint acts through this file alone.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from byleave.errors import ConflictError, FormatError, NotFoundError, VerificationError
from byleave.log import JSON, VerifierKey
from byleave.release.keys import SigningKey
from byleave.release.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    NOTE,
    SignedManifest,
    check_bytes,
    file_entry,
    open_manifest,
    sign_manifest,
    text_of,
    whole,
)
from byleave.storage import staged_file
from byleave.urls.names import ID_BYTES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

MATCHES = "matches.parquet"
CHECKED = "checked.bin"
MAX_MEMBER_BYTES = 16 * 1024**3
_ENCRYPTED = 0x1

_REMEDY = "make it again with `byleave copies cover`"


@dataclass(frozen=True, slots=True)
class Covers:
    """What a coverage file is about: one dataset version, one release, one fingerprint version."""

    dataset: str
    dataset_version: str
    release_number: int
    release_manifest: bytes
    fingerprint_version: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """A verified coverage file."""

    path: Path
    signed: SignedManifest
    covers: Covers

    def matches(self) -> pa.Table:
        """Return the matches: sample_key, item_id, claim (16 bytes each), method, distance, threshold, band."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_table(pa.BufferReader(self._member(MATCHES)))
        except pa.ArrowException as error:
            raise FormatError(
                f"the matches of {self.path} cannot be read: {error}", remedy=_REMEDY
            ) from error

    def checked(self) -> npt.NDArray[np.void]:
        """Return the item ids of the samples whose pixels were compared: shape (n,), dtype V16, sorted, distinct."""
        import numpy as np

        return np.frombuffer(self._member(CHECKED), dtype=f"V{ID_BYTES}")

    def _member(self, name: str) -> bytes:
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(name)


def write_coverage(
    path: Path, covers: Covers, matches: pa.Table, checked: bytes, *, made_at: datetime, key: SigningKey
) -> Coverage:
    """Write a coverage file; it appears at once. A file that is there already is refused.

    ``matches`` has the columns of :meth:`Coverage.matches`; ``checked`` is the sorted, distinct item ids, 16 bytes each.
    """
    import pyarrow.parquet as pq

    if path.exists():
        raise ConflictError(f"{path} is there already", remedy="name another file, or remove this one first")
    buffer = io.BytesIO()
    pq.write_table(matches, buffer, compression="zstd")
    contents = {MATCHES: buffer.getvalue(), CHECKED: checked}
    members: dict[str, JSON] = {
        "counts": {"checked": len(checked) // ID_BYTES, "matches": matches.num_rows},
        "dataset": covers.dataset,
        "dataset_version": covers.dataset_version,
        "files": [file_entry(name, content) for name, content in sorted(contents.items())],
        "fingerprint_version": covers.fingerprint_version,
        "made_at": made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "release": covers.release_number,
        "release_manifest_sha256": covers.release_manifest.hex(),
    }
    subject = f"{covers.dataset} {covers.dataset_version} {covers.release_number}"
    manifest, note = sign_manifest(members, kind="coverage", subject=subject, key=key)
    _write_archive(path, {MANIFEST: manifest, NOTE: note, **contents})
    return open_coverage(path, [key.verifier])


def open_coverage(path: Path, keys: Sequence[VerifierKey]) -> Coverage:
    """Open a coverage file after checking all of it against the keys one trusts.

    Raises
    ------
    NotFoundError
        If there is no such file.
    FormatError, VerificationError
        If it cannot be read or is not what its signed manifest says.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist", remedy=_REMEDY)
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            if names != sorted([MANIFEST, NOTE, MATCHES, CHECKED]):
                raise FormatError(f"{path} is not a coverage file", remedy=_REMEDY)
            for info in archive.infolist():
                limit = MAX_MANIFEST_BYTES if info.filename in {MANIFEST, NOTE} else MAX_MEMBER_BYTES
                packed = info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED
                if packed or info.file_size > limit:
                    raise FormatError(
                        f"{path} holds a member that is too large, compressed or encrypted", remedy=_REMEDY
                    )
            signed = open_manifest(archive.read(MANIFEST), archive.read(NOTE), kind="coverage", keys=keys)
            _check_members(archive, signed)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError, struct.error) as error:
        # A ZIP's own tables come before any signature; the reader answers a damaged one in all these ways.
        raise FormatError(f"{path} cannot be read as a coverage file: {error}", remedy=_REMEDY) from error
    return Coverage(path, signed, _covers(signed))


def _check_members(archive: zipfile.ZipFile, signed: SignedManifest) -> None:
    if sorted(entry.name for entry in signed.files) != sorted([MATCHES, CHECKED]):
        raise VerificationError("the coverage names other files than it holds", remedy=_REMEDY)
    for entry in signed.files:
        if entry.name == CHECKED and entry.size % ID_BYTES:
            raise FormatError("the item ids of the coverage have not 16 bytes each", remedy=_REMEDY)
        digest = hashlib.sha256()
        with archive.open(entry.name) as member:
            while chunk := member.read(1 << 20):
                digest.update(chunk)
        check_bytes(entry, archive.getinfo(entry.name).file_size, digest.digest())


def _covers(signed: SignedManifest) -> Covers:
    members = signed.members
    return Covers(
        dataset=text_of(members, "dataset"),
        dataset_version=text_of(members, "dataset_version"),
        release_number=whole(members, "release"),
        release_manifest=_from_hex(text_of(members, "release_manifest_sha256")),
        fingerprint_version=text_of(members, "fingerprint_version"),
    )


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise FormatError(
            "the coverage names its release in a way that cannot be read", remedy=_REMEDY
        ) from error


def _write_archive(path: Path, contents: dict[str, bytes]) -> None:
    with staged_file(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
        for member, content in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(member), content)
