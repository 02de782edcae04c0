"""The note that makes an output one: ``_byleave.json`` at its top names every file with size and SHA-256, and is written last.

Objects have no rename that takes a whole folder along. So a reader treats what stands without this note, or is not named in it, as not there.
Folders carry the same note, byte for byte, so that one reader serves both.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from byleave.errors import UnfitError, as_format_error
from byleave.settings import MIB
from byleave.storage.files import OWN_FOLDER

OUTPUT_NOTE: Final = "_byleave.json"
FORMAT: Final = "byleave/output/1"
MOST_NOTE_BYTES: Final = 1024 * MIB
"""Ten million files fit; a note is written and read as a whole."""


@dataclass(frozen=True, slots=True, order=True)
class Written:
    """One file of an output: its name below it, size in bytes, SHA-256 (hex)."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path, name: str) -> Self:
        """Describe a file."""
        return cls(name, path.stat().st_size, file_digest(path))


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def written_below(folder: Path) -> Iterator[Written]:
    """Describe all files below a folder in the order of their names."""
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in _files(folder)):
        yield Written.of(path, name)


def output_note(files: Iterable[Written]) -> bytes:
    """Return the note on these files: the same files give the same bytes."""
    content = {"format": FORMAT, "files": [asdict(file) for file in sorted(files)]}
    return json.dumps(content, indent=1, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"


def read_output_note(content: bytes, where: str) -> tuple[Written, ...]:
    """Read a note.

    Raises
    ------
    FormatError
        If it is none.
    """
    with as_format_error(f"{where} is no note on an output", remedy="make the output again"):
        told: dict[str, Any] = json.loads(content.decode("utf-8", "surrogateescape"))
        if told["format"] != FORMAT:
            raise UnfitError(f"the format is {told['format']!r}")
        files = [(file["name"], file["size"], file["sha256"]) for file in told["files"]]
        if not all(isinstance(n, str) and isinstance(s, int) and isinstance(d, str) for n, s, d in files):
            raise UnfitError("a file is not described in full")
    return tuple(Written(*file) for file in files)


def is_beside_data(folders: Iterable[str], file: str = "") -> bool:
    """Whether what reads a dataset passes over a file of it, by the folders on the way to it: it is hidden, or left there by a run."""
    within = any(name.startswith(".") or name == OWN_FOLDER for name in folders)
    return within or file.startswith(".") or file == OUTPUT_NOTE


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent) / name
