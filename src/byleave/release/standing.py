"""Where every claim stands in release N: in the list at row i, waiting, held or gone. One small signed folder per release. Light.

``claims.index`` has 48 bytes for each claim of the registry, sorted by claim, numbers big-endian::

     0  16  claim
    16   8  number of its last event
    24   8  first row in ``claims.parquet``, all ones for none
    32   8  time of that event, Unix seconds
    40   1  state, see :class:`Standing`
    41   1  why it is held, see :data:`REASONS`
    42   6  zero

It stands beside the releases, as ``standing/<N>/``, because what a release keeps out cannot follow from its rows.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.log import VerifierKey
from byleave.release.folders import read_limited
from byleave.release.keys import SigningKey
from byleave.release.manifest import (
    MANIFEST,
    NOTE,
    check_bytes,
    file_entry_of,
    open_manifest,
    sign_manifest,
    text_of,
    whole,
)
from byleave.release.reading import Release
from byleave.storage import remove_leftovers, staged_folder

STANDING = "standing"
INDEX = "claims.index"
CLAIM_BYTES = 16
REASONS = ("", "flat", "crowded", "common", "disputed", "other", "hosts", "burst", "comparing")
"""Why a claim is held, by number: too flat or too common a picture, too many distinct works or hosts, a dispute, too many claims at
once, or a comparison that is not done yet."""

_RECORD = struct.Struct(">16sQQqBB6x")
NO_ROW = 2**64 - 1
KIND = "standing"
_REMEDY = "fetch the folder `standing` of this release again"
_ABSENT = (
    "sync or mirror again: both fetch it where the source has it; "
    "where it does not, ask the registry's operator to publish again, or name another mirror"
)


class Standing(IntEnum):
    """What a release makes of a claim."""

    EFFECTIVE = 1
    FILED = 2
    HELD = 3
    WITHDRAWN = 4
    REJECTED = 5
    ERASED = 6
    EXPIRED = 7


LISTED = frozenset({Standing.EFFECTIVE, Standing.FILED})


@dataclass(frozen=True, slots=True)
class Entry:
    """One claim as release N has it.

    number
        Of the claim's last event, at most N.
    row
        Its first row in ``claims.parquet``; ``None`` for a claim that is not in the list.
    since
        Time of its last event, in whole seconds UTC.
    reason
        Why it is held; empty otherwise.
    """

    claim: bytes
    number: int
    row: int | None
    since: datetime
    standing: Standing
    reason: str = ""

    def to_bytes(self) -> bytes:
        """Write the record. A reason that has no number is ``other``."""
        reason = REASONS.index(self.reason if self.reason in REASONS else "other")
        row = NO_ROW if self.row is None else self.row
        return _RECORD.pack(
            self.claim, self.number, row, int(self.since.timestamp()), self.standing.value, reason
        )

    @classmethod
    def parse(cls, record: bytes) -> Entry:
        """Read a record."""
        claim, number, row, seconds, standing, reason = _RECORD.unpack(record)
        try:
            since = datetime.fromtimestamp(seconds, UTC)
            said = REASONS[reason]
            return cls(claim, number, None if row == NO_ROW else row, since, Standing(standing), said)
        except (ValueError, OverflowError, OSError, IndexError) as error:
            raise FormatError("an entry of the claims index cannot be read", remedy=_REMEDY) from error


def write_standing(releases: Path, release: Release, blocks: Iterable[bytes], *, key: SigningKey) -> None:
    """Write where every claim stands in a release, in constant memory; one that is there already stays.

    ``blocks`` hold whole records, sorted by claim over all of them.

    Raises
    ------
    FormatError
        If a block does not follow the one before.
    """
    final = releases / STANDING / str(release.number)
    if final.exists():
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(final.parent, final.name)
    with staged_folder(final) as staging:
        last = b""
        with (staging / INDEX).open("wb") as file:
            for block in blocks:
                if block[:CLAIM_BYTES] <= last:
                    raise FormatError("the claims index is out of order", remedy="publish again")
                file.write(block)
                last = block[-_RECORD.size :][:CLAIM_BYTES]
        manifest, note = sign_manifest(
            {
                "files": [file_entry_of(staging / INDEX, INDEX)],
                "number": release.number,
                "release": release.manifest_digest.hex(),
            },
            kind=KIND,
            subject=str(release.number),
            key=key,
        )
        (staging / MANIFEST).write_bytes(manifest)
        (staging / NOTE).write_bytes(note)


@dataclass(frozen=True, slots=True)
class Standings:
    """A checked index; claims are looked up on the disk."""

    path: Path
    count: int

    def find(self, claim: bytes) -> Entry | None:
        """Return where a claim stands, or ``None`` if the release does not know it at all."""
        with self.path.open("rb") as file:
            place = _lower_bound(file, claim, _RECORD.size, self.count)
            record = file.read(_RECORD.size) if place < self.count else b""
        return Entry.parse(record) if record.startswith(claim) else None


def open_standing(releases: Path, release: Release, keys: Sequence[VerifierKey]) -> Standings:
    """Open the index of a release, below the folder of releases it belongs to, after checking it.

    Raises
    ------
    NotFoundError
        If there is none.
    VerificationError
        If it is of another release, or not what was signed.
    """
    folder = releases / STANDING / str(release.number)
    if not folder.is_dir():
        raise NotFoundError(
            f"{releases} does not say where the claims of list no. {release.number} stand", remedy=_ABSENT
        )
    return check_standing(folder, release, keys)


def check_standing(folder: Path, release: Release, keys: Sequence[VerifierKey]) -> Standings:
    """Check the index that stands in ``folder`` itself.

    Raises
    ------
    FormatError, NotFoundError, VerificationError
        If it is of another release, or not what was signed.
    """
    signed = open_manifest(read_limited(folder / MANIFEST), read_limited(folder / NOTE), kind=KIND, keys=keys)
    said = (whole(signed.members, "number"), text_of(signed.members, "release"))
    if said != (release.number, release.manifest_digest.hex()):
        raise VerificationError("the claims index is of another release", remedy=_REMEDY)
    (entry,) = signed.files if len(signed.files) == 1 else (None,)
    path = folder / INDEX
    if entry is None or entry.name != INDEX or not path.is_file() or path.is_symlink():
        raise VerificationError("the claims index is missing", remedy=_REMEDY)
    with path.open("rb") as file:
        check_bytes(entry, path.stat().st_size, hashlib.file_digest(file, "sha256").digest())
    count, rest = divmod(entry.size, _RECORD.size)
    if rest:
        raise FormatError("the claims index has an odd length", remedy=_REMEDY)
    return Standings(path, count)


def in_sorted_file(path: Path, value: bytes, width: int | None = None) -> bool:
    """Whether a file of sorted records, ``width`` bytes each or as long as ``value``, holds one that begins with it."""
    width = width or len(value)
    try:
        with path.open("rb") as file:
            count = os.fstat(file.fileno()).st_size // width
            place = _lower_bound(file, value, width, count)
            return place < count and file.read(len(value)) == value
    except FileNotFoundError:
        return False


def _lower_bound(file: BinaryIO, value: bytes, width: int, count: int) -> int:
    """Find the first of ``count`` records that is not below ``value``, and leave the file in front of it."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        file.seek(middle * width)
        if file.read(len(value)) < value:
            low = middle + 1
        else:
            high = middle
    file.seek(low * width)
    return low
