"""A release that was reached by deltas: the rows of an earlier one as they were fetched, and what leads from it to this one. Light: no Arrow.

In the release's folder, ``patched/`` holds the earlier release's signed manifest with its ``claims.parquet`` in ``<number>/``, and each delta
as it was fetched. Everything else in the folder is what the release's own manifest names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from byleave.errors import FormatError, VerificationError
from byleave.log import VerifierKey
from byleave.release.deltas import Delta, open_delta
from byleave.release.folders import CLAIMS, check_folder, read_limited
from byleave.release.manifest import MANIFEST, NOTE, ReleaseName, SignedManifest, open_manifest, whole

PATCHED = "patched"
MOST_DELTAS = 31
"""Deltas that may stand on one file of rows; after that many the whole release is fetched again."""

_REMEDY = "sync again into a new folder"


@dataclass(frozen=True, slots=True)
class Patched:
    """Where the rows of a release come from: an earlier release, whose signature holds, and the deltas after it, in order."""

    folder: Path
    start: SignedManifest
    deltas: tuple[Delta, ...]

    @property
    def claims(self) -> Path:
        """The rows of the earlier release."""
        return self.folder / CLAIMS

    def check(self) -> None:
        """Make sure that the earlier rows are what was signed.

        Raises
        ------
        VerificationError
            If they are not.
        """
        check_folder(self.folder, [entry for entry in self.start.files if entry.name == CLAIMS])


def open_patched(folder: Path, name: ReleaseName, keys: Sequence[VerifierKey]) -> Patched | None:
    """Open what is in ``folder/patched``, all but the earlier rows checked; ``None`` where the release was fetched whole.

    Raises
    ------
    FormatError, NotFoundError, VerificationError
        If it does not lead to the release ``name``.
    """
    below = folder / PATCHED
    if not below.exists() and not below.is_symlink():
        return None
    children = list(below.iterdir()) if below.is_dir() and not below.is_symlink() else []
    starts = [path for path in children if path.name.isdecimal()]
    if len(starts) != 1 or any(path.is_symlink() or not path.is_dir() for path in children):
        raise VerificationError(f"{below} is not what a sync left there", remedy=_REMEDY)
    manifest, note = read_limited(starts[0] / MANIFEST), read_limited(starts[0] / NOTE)
    start = open_manifest(manifest, note, kind="release", keys=keys)
    if CLAIMS not in {entry.name for entry in start.files}:
        raise FormatError("an earlier release names no claims", remedy=_REMEDY)
    deltas = tuple(
        sorted(
            (open_delta(path, keys) for path in children if path != starts[0]),
            key=lambda one: one.start.number,
        )
    )
    _check_chain(ReleaseName(whole(start.members, "number"), start.sha256), deltas, name)
    return Patched(starts[0], start, deltas)


def _check_chain(start: ReleaseName, deltas: Sequence[Delta], name: ReleaseName) -> None:
    here = start
    for delta in deltas:
        if delta.start != here:
            raise VerificationError("a delta is missing between two lists", remedy=_REMEDY)
        here = delta.target
    if here != name or not 0 < len(deltas) <= MOST_DELTAS:
        raise VerificationError("the deltas lead to another list", remedy=_REMEDY)
