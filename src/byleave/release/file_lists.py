"""The files that a statement names, held to those in a folder. Light.

Of very many files a statement names one that lists them: the note on an output lists what was written, the report of a run what was read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from byleave.errors import FormatError, InputError, VerificationError, as_format_error
from byleave.release.statements import MAX_NAME_CHARS, FileDigest, sha256_of
from byleave.storage import OWN_FOLDER, read_at_most
from byleave.storage.outputs import MOST_NOTE_BYTES, OUTPUT_NOTE, read_output_note

REPORT: Final = f"{OWN_FOLDER}/report.json"
MAX_REPORT_BYTES: Final = 1 << 30
SHOWN: Final = 10

_REMEDY: Final = "take the folder as it was written, whole, or apply again"


@dataclass(frozen=True, slots=True)
class Compared:
    """How a folder differs from the files that a statement names; all empty where it does not."""

    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether every file is there, is the one that was named, and no other is."""
        return not (self.missing or self.different or self.unnamed)

    @property
    def sentence(self) -> str:
        """Say what differs."""
        parts = (
            ("not there", self.missing),
            ("not the file that was named", self.different),
            ("not named", self.unnamed),
        )
        return "; ".join(
            f"{len(names):,} {words}: {', '.join(names[:SHOWN])}" for words, names in parts if names
        )


def spread_outputs(files: Sequence[FileDigest], folder: Path) -> tuple[FileDigest, ...]:
    """Return all files of an output that a statement names, those included that only its note names.

    Raises
    ------
    NotFoundError, FormatError
        If the note is not there, or cannot be read.
    VerificationError
        If it is another one than was named.
    """
    if [file.name for file in files] != [OUTPUT_NOTE]:
        return tuple(files)
    content = _named(files[0], folder, MOST_NOTE_BYTES)
    return (files[0], *noted_files(content, str(folder / OUTPUT_NOTE)))


def noted_files(content: bytes, where: str) -> tuple[FileDigest, ...]:
    """Return the files that the note on an output names."""
    try:
        return tuple(FileDigest(one.name, sha256_of(one.sha256)) for one in read_output_note(content, where))
    except ValueError as error:
        raise FormatError(f"{where} holds something that is no SHA-256", remedy=_REMEDY) from error


def spread_inputs(files: Sequence[FileDigest], output: Path) -> tuple[FileDigest, ...]:
    """Return all files that were read, those included that only the report of the run names.

    Raises
    ------
    NotFoundError, FormatError
        If the report is not there, or cannot be read.
    VerificationError
        If it is another one than was named.
    """
    if [file.name for file in files] != [REPORT]:
        return tuple(files)
    with _report(files[0], output) as report:
        return tuple(FileDigest(one["name"], sha256_of(one["sha256"])) for one in report["input"]["files"])


def left_out_of_inputs(files: Sequence[FileDigest], output: Path) -> tuple[str, ...]:
    """Return the names of the input's files that are of no known form, as the report tells them that ``files`` of an output name.

    Raises
    ------
    NotFoundError, FormatError
        If the report is not there, or cannot be read.
    VerificationError
        If it is another one than was named.
    """
    with named_report(files, output) as report:
        return tuple(map(str, report["input"]["left_out"])) if report is not None else ()


@contextmanager
def named_report(files: Sequence[FileDigest], output: Path) -> Iterator[Mapping[str, Any] | None]:
    """Read the report that is among the ``files`` of an output, or give ``None``; what the block lacks in it makes it unreadable.

    Raises
    ------
    NotFoundError, FormatError
        If the report is not there, or cannot be read.
    VerificationError
        If it is another one than was named.
    """
    named = next((file for file in spread_outputs(files, output) if file.name == REPORT), None)
    if named is None:
        yield None
        return
    with _report(named, output) as report:
        yield report


def compare(files: Sequence[FileDigest], folder: Path, *, beside: Sequence[str] = ()) -> Compared:
    """Compare a folder with the files that a statement names, and see that no other is there.

    Parameters
    ----------
    beside
        Names of files or folders that may be there and are not named, such as the attestation itself.
    """
    named = {file.name for file in files}
    unnamed = [name for name in names_in(folder) if name not in named and not _is_beside(name, beside)]
    return replace(compare_named(files, folder), unnamed=tuple(unnamed))


def compare_named(files: Sequence[FileDigest], folder: Path) -> Compared:
    """Compare the files that a statement names with those of a folder, whatever else is there."""
    named = {file.name: file.sha256 for file in files}
    missing, different = [], []
    for name, sha256 in named.items():
        path = folder / name
        if not _is_inside(name) or path.is_symlink() or not path.is_file():
            missing.append(name)
        elif file_sha256(path) != sha256:
            different.append(name)
    return Compared(tuple(missing), tuple(different))


def digests_in(folder: Path, *, without: Sequence[str] = ()) -> Iterator[FileDigest]:
    """Yield every file of a folder with its digest, by name; those named in ``without`` are passed over.

    Raises
    ------
    InputError
        If a file has a name that a list cannot carry, or is a link.
    """
    for name in names_in(folder):
        if _is_beside(name, without):
            continue
        path = folder / name
        if path.is_symlink() or not name.isprintable() or len(name) > MAX_NAME_CHARS:
            raise InputError(
                f"{path} is a link or has a name that cannot be written down",
                remedy="put plain files there, named by letters, digits and signs",
            )
        yield FileDigest(name, file_sha256(path))


def names_in(folder: Path) -> list[str]:
    """List every file and link below a folder, sorted."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def file_sha256(path: Path) -> bytes:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@contextmanager
def _report(file: FileDigest, output: Path) -> Iterator[Mapping[str, Any]]:
    """Read the report that a statement names; what the block then does not find in it makes the report unreadable."""
    content = _named(file, output, MAX_REPORT_BYTES)
    with as_format_error(f"{output / REPORT} cannot be read", remedy=_REMEDY):
        yield json.loads(content)


def _named(file: FileDigest, folder: Path, limit: int) -> bytes:
    """Read a file that a statement names."""
    path = folder / file.name
    content = read_at_most(path, limit, remedy=_REMEDY)
    if hashlib.sha256(content).digest() != file.sha256:
        raise VerificationError(f"{path} is not the one that was named", remedy=_REMEDY)
    return content


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return not name.startswith("/") and ".." not in parts and "" not in parts


def _is_beside(name: str, beside: Sequence[str]) -> bool:
    return any(name == one or name.startswith(one + "/") for one in beside)
