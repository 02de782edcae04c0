"""What stands beside the releases at a source: the key history, and where every claim stands in each release."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from byleave.errors import FormatError, NotFoundError, UnavailableError, VerificationError
from byleave.log import VerifierKey
from byleave.release.fetching import Progress, copy_entry
from byleave.release.key_history import HISTORY, KeyHistory
from byleave.release.manifest import MANIFEST, NOTE, open_manifest
from byleave.release.reading import Release
from byleave.release.sources import Source
from byleave.release.standing import KIND, STANDING, check_standing
from byleave.storage import remove_leftovers, staged_folder


def read_history(place: Source) -> KeyHistory:
    """Return the key history that a source serves, checked in itself; empty where there is none."""
    try:
        return KeyHistory.parse(place.read(HISTORY))
    except (NotFoundError, UnavailableError):
        return KeyHistory()


def bring_standing(
    place: Source, folder: Path, release: Release, keys: Sequence[VerifierKey], progress: Progress
) -> bool:
    """Fetch where every claim stands in ``release`` into a folder of releases; whether there was something new to fetch.

    It appears at once, verified. One that is there and does not verify is fetched again; a source that has none is no fault, since
    earlier versions made none.

    Raises
    ------
    FormatError, VerificationError
        If what the source serves does not verify; what was there stays.
    """
    name = f"{STANDING}/{release.number}"
    final = folder / name
    remove_leftovers(final.parent, final.name)
    with suppress(NotFoundError, FormatError, VerificationError):
        check_standing(final, release, keys)
        return False
    try:
        manifest, note = place.read(f"{name}/{MANIFEST}"), place.read(f"{name}/{NOTE}")
    except (NotFoundError, UnavailableError):
        return False
    signed = open_manifest(manifest, note, kind=KIND, keys=keys)
    with staged_folder(final, replace=True) as staging:
        (staging / MANIFEST).write_bytes(manifest)
        (staging / NOTE).write_bytes(note)
        for entry in signed.files:
            copy_entry(place, entry, name, staging, progress)
        check_standing(staging, release, keys)
    return True
