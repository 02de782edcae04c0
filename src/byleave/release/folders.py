"""Folders of signed files: read in limits, and held to what their manifests name. Light: no Arrow."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from byleave.errors import VerificationError
from byleave.release.manifest import MANIFEST, MAX_MANIFEST_BYTES, NOTE, FileEntry, check_bytes
from byleave.storage import read_at_most

CLAIMS = "claims.parquet"
"""Rows of a release."""

LEAVES = "rows.sha256"
"""Leaf hash of every row, 32 bytes each, in the order of the rows."""


def check_folder(folder: Path, entries: Sequence[FileEntry], *, beside: Collection[str] = ()) -> None:
    """Make sure that a folder holds what its manifests name, byte for byte, and nothing else.

    ``beside`` are names of files and folders in it for which somebody else vouches.

    Raises
    ------
    VerificationError
        If a file is missing, is another one, is a link, or is not named.
    """
    named = {entry.name for entry in entries} | {MANIFEST, NOTE}
    # Whatever is no plain folder counts, links above all: what they lead to may change after it was checked.
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = [path.relative_to(folder) for path in found]
    if any(name.as_posix() not in named and name.parts[0] not in beside for name in names):
        raise VerificationError(
            f"{folder} holds files that the manifest does not name", remedy="sync again into a new folder"
        )
    for entry in entries:
        path = folder / entry.name
        if not path.is_file() or path.is_symlink():
            raise VerificationError(f"{folder} lacks {entry.name}", remedy="sync again")
        with path.open("rb") as file:
            check_bytes(entry, path.stat().st_size, hashlib.file_digest(file, "sha256").digest())


def read_limited(path: Path) -> bytes:
    """Read a small file of a release."""
    return read_at_most(path, MAX_MANIFEST_BYTES, remedy="check the folder's name, or sync again")
