"""A dataset that stands in objects: its parts are found without fetching it, and each is fetched by whoever works on it.

An outline is made on the coordinator's disk: every object is a file of its name and size without content, but for what forms are told by, which is
the beginning of lists and the whole of small descriptions. Workers fetch the files of one part at a time, so a disk holds one part for each of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from byleave.apply.card import CARD, README
from byleave.apply.engine import Rows
from byleave.apply.forms.statistics import SUFFIX as STATISTICS
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.sidecars.file import SIDECAR_FOLDER
from byleave.apply.sources import files_of
from byleave.errors import ConflictError, FormatError, InputError, NotFoundError, VerificationError
from byleave.settings import MIB
from byleave.storage import OWN_FOLDER
from byleave.storage.objects import ObjectFolder, Stored
from byleave.storage.outputs import MOST_NOTE_BYTES, OUTPUT_NOTE, read_output_note
from byleave.storage.scratch import scratch_folder

Part = TypeVar("Part")

HEAD_BYTES: Final = 64 * 1024
MOST_DESCRIPTION_BYTES: Final = 256 * MIB
KNOWN_BY_NAME: Final = (".parquet", ".tar", ".npy", STATISTICS)
"""Endings by which a form is known: nothing of such files is read to find it."""

DESCRIPTION: Final = ".json"
MAGIC: Final = b"PAR1"
FOOTER_END: Final = 8
"""Bytes of a Parquet file that say how long its footer is, and the magic value after them."""

MOST_FOOTER_BYTES: Final = 64 * MIB
_READERS: Final = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object to fetch, and the SHA-256 (hex) it must have, where whoever wrote it said so."""

    stored: Stored
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectInput:
    """Where parts are fetched from. It travels to workers.

    outline
        Folder on the coordinator's disk that stands for the address; paths of parts lie in it.
    """

    folder: ObjectFolder
    outline: Path

    @contextmanager
    def brought(self, part: Part, wanted: Sequence[Wanted]) -> Iterator[tuple[Part, tuple[str, ...]]]:
        """Fetch the files of a part to the disk of this machine; give the part as it stands there, and their SHA-256 (hex).

        Raises
        ------
        ConflictError
            If an object changed since it was listed.
        VerificationError
            If it is not what the output's note says.
        """
        with scratch_folder() as scratch:
            digests = []
            for one in wanted:
                path = scratch / one.stored.name
                path.parent.mkdir(parents=True, exist_ok=True)
                digests.append(self.folder.fetch(one.stored, path))
                if one.sha256 not in {None, digests[-1]}:
                    raise VerificationError(
                        f"{self.folder}/{one.stored.name} is not what {OUTPUT_NOTE} says",
                        remedy="make that output again",
                    )
            yield moved(part, self.outline, scratch), tuple(digests)


@dataclass(frozen=True, slots=True)
class Outlined:
    """An outline with all that was listed, by name."""

    input: ObjectInput
    wanted: Mapping[str, Wanted]
    top: Path

    def is_data(self, name: str) -> bool:
        """Whether an object belongs to the dataset, and not to what a run left beside it."""
        return not name.startswith(f"{OWN_FOLDER}/") and name != CARD

    def objects_of(self, part: InputFile | Unit) -> tuple[Wanted, ...]:
        """Return the objects a part consists of."""
        return tuple(
            self.wanted[file.path.relative_to(self.input.outline).as_posix()] for file in files_of(part)
        )

    def draw_footer(self, file: InputFile) -> None:
        """Let the outline of a Parquet file tell its columns: its footer is fetched, and nothing before it."""
        (wanted,) = self.objects_of(file)
        stored = wanted.stored
        end = self.input.folder.piece(stored, max(0, stored.size - FOOTER_END), FOOTER_END)
        length = min(int.from_bytes(end[:4], "little"), MOST_FOOTER_BYTES, stored.size - len(end))
        begin = stored.size - len(end) - length
        with file.path.open("r+b") as outline:
            outline.write(MAGIC)
            outline.seek(begin)
            outline.write(self.input.folder.piece(stored, begin, length) + end)


@dataclass(frozen=True, slots=True)
class DigestWork:
    """Work that only reads objects and returns their SHA-256 (hex)."""

    folder: ObjectFolder

    def begin(self) -> Any:
        """Return what reads one object."""
        return self._digest

    def _digest(self, wanted: Wanted, progress: Rows) -> str:
        with scratch_folder() as scratch:
            digest = self.folder.fetch(wanted.stored, scratch / "object")
        progress(1)
        return digest


@contextmanager
def outlined(url: str) -> Iterator[Outlined]:
    """Make the outline of what stands at an address: a folder of objects, or one object.

    Raises
    ------
    NotFoundError
        If nothing stands there.
    ConflictError
        If it is an output that is not finished.
    VerificationError
        If it is one and files of it are missing.
    """
    given = ObjectFolder.of(url)
    folder, listed = given, list(_listed(given))
    single = None if listed else given.parent.find(given.name)
    if single is not None:
        folder, listed = given.parent, [Wanted(single)]
    if not listed:
        raise NotFoundError(f"nothing stands at {given}", remedy="correct the address")
    with scratch_folder() as scratch:
        _draw(folder, [one.stored for one in listed], scratch)
        top = scratch / single.name if single is not None else scratch
        yield Outlined(ObjectInput(folder, scratch), {one.stored.name: one for one in listed}, top)


def moved(value: Any, old: Path, new: Path) -> Any:
    """Return the same value with every path below ``old`` leading below ``new``."""
    if isinstance(value, Path):
        return new / value.relative_to(old) if value.is_relative_to(old) else value
    if isinstance(value, tuple):
        return tuple(moved(one, old, new) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{field.name: moved(getattr(value, field.name), old, new) for field in fields(value)}
        )
    return value


def version_of(digests: Mapping[str, str], *, single: bool) -> str:
    """Return the digest of a source from those of its files by name, as for the same files in a folder."""
    if single:
        return next(iter(digests.values()))
    lines = sorted(f"{digest}  {name}\n" for name, digest in digests.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _listed(folder: ObjectFolder) -> Iterator[Wanted]:
    every = {stored.name: stored for stored in folder.listed()}
    data = {name: stored for name, stored in every.items() if _is_data(folder, name)}
    if OUTPUT_NOTE in every:
        note = read_output_note(folder.read(OUTPUT_NOTE, MOST_NOTE_BYTES), f"{folder}/{OUTPUT_NOTE}")
        for file in note:
            stored = every.get(file.name)
            if stored is None or stored.size != file.size:
                raise VerificationError(
                    f"{folder}/{file.name} is not what {OUTPUT_NOTE} says", remedy="make that output again"
                )
            if file.name in data or file.name.startswith(f"{OWN_FOLDER}/"):
                yield Wanted(stored, file.sha256)
    elif any(_left_by_run(name) for name in every):
        raise ConflictError(
            f"{folder} is an output that is not finished: it has no {OUTPUT_NOTE}",
            remedy="finish it by the command that began it, or give another input",
        )
    else:
        yield from (Wanted(stored) for stored in data.values())


def _left_by_run(name: str) -> bool:
    """Whether an object is what an unfinished run left: fingerprints stand beside any dataset."""
    return name.startswith(f"{OWN_FOLDER}/") and not name.startswith(f"{SIDECAR_FOLDER}/")


def _is_data(folder: ObjectFolder, name: str) -> bool:
    """Whether an object belongs to the dataset, as for files in a folder: hidden names but the card and ours do not."""
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in name or "\0" in name:
        raise InputError(
            f"{folder} holds an object whose name is no path: {name[:200]!r}",
            remedy="move it elsewhere, or rename it",
        )
    hidden = name != CARD and any(part.startswith(".") for part in parts)
    return not hidden and parts[0] != OWN_FOLDER and name != OUTPUT_NOTE


def _draw(folder: ObjectFolder, listed: Sequence[Stored], scratch: Path) -> None:
    def draw(stored: Stored) -> None:
        path = scratch / stored.name
        path.parent.mkdir(parents=True, exist_ok=True)
        wanted = _bytes_to_tell(stored)
        with path.open("wb") as file:
            if wanted:
                file.write(folder.piece(stored, 0, wanted))
            file.truncate(stored.size)

    with ThreadPoolExecutor(_READERS) as readers:
        for _ in readers.map(draw, listed):
            pass


def _bytes_to_tell(stored: Stored) -> int:
    if stored.name.endswith(KNOWN_BY_NAME):
        return 0
    if PurePosixPath(stored.name).suffix != DESCRIPTION and stored.name not in {CARD, README}:
        return HEAD_BYTES
    if stored.size > MOST_DESCRIPTION_BYTES:
        raise FormatError(
            f"{stored.name} is longer than {MOST_DESCRIPTION_BYTES:,} bytes",
            remedy="take it out of the input",
        )
    return stored.size
