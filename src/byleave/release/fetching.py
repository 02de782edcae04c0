"""Fetch one release whole from a source: its signed manifest first, then every file it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from byleave.errors import FormatError, NotFoundError, UnavailableError, VerificationError
from byleave.log import VerifierKey
from byleave.release.manifest import MANIFEST, NOTE, FileEntry, SignedManifest, open_manifest, whole
from byleave.release.reading import (
    REDACTION,
    REDACTION_NOTE,
    Release,
    entries_of,
    open_redaction,
    open_release,
)
from byleave.release.sources import MAX_FILE_BYTES, Source
from byleave.storage import remove_leftovers, staged_folder

Progress = Callable[[str, int, int], None]
"""Told of each file: its name, bytes done, bytes in all."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The release one wants: its signed manifest, as bytes and as what they say, and its redaction where there is one."""

    manifest: bytes
    note: bytes
    signed: SignedManifest
    redaction: tuple[bytes, bytes, SignedManifest] | None = None

    @property
    def number(self) -> int:
        """N."""
        return whole(self.signed.members, "number")

    def write_into(self, folder: Path) -> None:
        """Write manifest and note, and those of the redaction."""
        (folder / MANIFEST).write_bytes(self.manifest)
        (folder / NOTE).write_bytes(self.note)
        if self.redaction is not None:
            (folder / REDACTION).write_bytes(self.redaction[0])
            (folder / REDACTION_NOTE).write_bytes(self.redaction[1])

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """The files it consists of now."""
        return entries_of(self.signed, self.redaction[2] if self.redaction else None)

    def standing(self, folder: Path, keys: Sequence[VerifierKey]) -> Release | None:
        """Return this very release if it stands in ``folder``, whole; what stands there may be of a run that was killed."""
        with suppress(NotFoundError, FormatError, VerificationError):
            there = open_release(folder, keys)
            redaction = self.redaction[2].sha256 if self.redaction else None
            held = there.redaction.sha256 if there.redaction else None
            if (there.manifest_digest, held) == (self.signed.sha256, redaction):
                return there
        return None


def read_wanted(place: Source, number: int, keys: Sequence[VerifierKey]) -> Wanted:
    """Fetch the manifest of release ``number`` and check its signature.

    Raises
    ------
    VerificationError
        If it does not hold, or is that of another release.
    """
    manifest, note = place.read(f"{number}/{MANIFEST}"), place.read(f"{number}/{NOTE}")
    wanted = Wanted(manifest, note, open_manifest(manifest, note, kind="release", keys=keys))
    if wanted.number != number:
        raise VerificationError(
            "the source serves another release than it names", remedy="ask its operator; keep what you have"
        )
    try:
        redaction, redaction_note = (
            place.read(f"{number}/{REDACTION}"),
            place.read(f"{number}/{REDACTION_NOTE}"),
        )
    except (NotFoundError, UnavailableError):
        return wanted
    opened = open_redaction(redaction, redaction_note, wanted.signed, keys)
    return replace(wanted, redaction=(redaction, redaction_note, opened))


def fetch_whole(
    place: Source, wanted: Wanted, final: Path, keys: Sequence[VerifierKey], progress: Progress
) -> Release:
    """Fetch every file of a release into ``final``; it appears at once, verified."""
    remove_leftovers(final.parent, final.name)
    with staged_folder(final, replace=True) as staging:
        wanted.write_into(staging)
        for entry in wanted.entries:
            copy_entry(place, entry, str(wanted.number), staging, progress)
        open_release(staging, keys)
    return open_release(final, keys)


def copy_entry(place: Source, entry: FileEntry, below: str, folder: Path, progress: Progress) -> None:
    """Fetch one file that a signed manifest names into ``folder``; ``below`` is where the manifest stands at the source."""
    if entry.size > MAX_FILE_BYTES:
        raise FormatError(f"{entry.name} of the release is too large", remedy="ask the registry's operator")
    (folder / entry.name).parent.mkdir(parents=True, exist_ok=True)
    place.copy(f"{below}/{entry.name}", folder / entry.name, size=entry.size)
    progress(f"{below}/{entry.name}", entry.size, entry.size)


def silent(name: str, done: int, total: int) -> None:
    """Show nothing."""
