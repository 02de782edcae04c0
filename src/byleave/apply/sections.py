"""A file of named arrays: magic, format version, a checked header, then sections on 64-byte bounds that are mapped, not read.

Layout, all numbers little-endian::

    0   8 bytes    magic b"BYLVRULE"
    8   uint32     format version
    12  uint32     length of the header
    16  32 bytes   SHA-256 of the header
    48  16 bytes   zero
    64  ...        header, JSON: facts, and for every section name, dtype, shape, offset (from the first bound behind the header) and
                   SHA-256; blanks may follow it
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import mmap
import os
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.storage import STAGING, sync_folder

Array = npt.NDArray[Any]

MAGIC = b"BYLVRULE"
FORMAT_VERSION = 3
ALIGNMENT = 64
MAX_HEADER_BYTES = 1024 * 1024
CHECKED_BYTES = 64 * 1024 * 1024
"""Read together when a file is checked."""
PIECE_BYTES = 4 * 1024 * 1024
"""How much of an array is read back at once."""
DTYPES = frozenset({"|u1", "<u4", "<u8", "<i8"})
REMEDY = "compile it again with `byleave sync`"

_START = struct.Struct("<8sII32s16x")


@dataclass(frozen=True, slots=True)
class Room:
    """Room for one array: what its elements are, how many rows there may be, and the shape of one row."""

    dtype: npt.DTypeLike
    rows: int
    row: tuple[int, ...] = ()

    @classmethod
    def of(cls, array: Array) -> Self:
        """Return the room that an array takes."""
        return cls(array.dtype, len(array), array.shape[1:])

    @property
    def row_bytes(self) -> int:
        return math.prod(self.row) * np.dtype(self.dtype).itemsize


class SectionsFile:
    """A file of arrays while it is written, piece by piece and in any order. Room that is not taken stays a hole in the file."""

    def __init__(self, file: BinaryIO, facts: Mapping[str, str | int], rooms: Mapping[str, Room]) -> None:
        self._file = file
        self._facts = dict(facts)
        self._rooms = dict(rooms)
        self._offsets: dict[str, int] = {}
        self._rows = {name: room.rows for name, room in rooms.items()}
        end = 0
        for name, room in rooms.items():
            self._offsets[name] = end
            end = _aligned(end + room.rows * room.row_bytes)
        # With every room taken the header is at its longest.
        self._header_bytes = len(self._header(dict.fromkeys(rooms, _EMPTY_SHA256)))
        self._base = _aligned(_START.size + self._header_bytes)
        self._rows = dict.fromkeys(rooms, 0)

    def put(self, name: str, rows: Array, at: int = 0) -> None:
        """Write rows of an array from its row ``at`` on."""
        room = self._rooms[name]
        if at + len(rows) > room.rows:
            raise ValueError(f"{name} has no room for {at + len(rows)} rows")
        self._rows[name] = max(self._rows[name], at + len(rows))
        content = np.ascontiguousarray(rows, room.dtype)
        if content.size:
            self._file.seek(self._base + self._offsets[name] + at * room.row_bytes)
            self._file.write(content.data)

    def pieces(self, name: str) -> Iterator[Array]:
        """Read an array back, some rows at a time."""
        room = self._rooms[name]
        most = max(1, PIECE_BYTES // room.row_bytes)
        for at in range(0, self._rows[name], most):
            count = min(most, self._rows[name] - at)
            self._file.seek(self._base + self._offsets[name] + at * room.row_bytes)
            content = self._file.read(count * room.row_bytes)
            yield np.frombuffer(content, room.dtype).reshape(count, *room.row)

    def finish(self) -> None:
        """Write the header, with the digests of what was put, and flush everything to the disk."""
        digests = {}
        for name in self._rooms:
            digest = hashlib.sha256()
            for piece in self.pieces(name):
                digest.update(piece.data)
            digests[name] = digest.hexdigest()
        self._file.truncate(
            self._base
            + max(
                self._offsets[name] + self._rows[name] * room.row_bytes for name, room in self._rooms.items()
            )
        )
        header = self._header(digests).ljust(self._header_bytes)
        self._file.seek(0)
        self._file.write(
            _START.pack(MAGIC, FORMAT_VERSION, len(header), hashlib.sha256(header).digest()) + header
        )
        self._file.flush()
        os.fsync(self._file.fileno())
        if hasattr(os, "posix_fadvise"):
            # What was written piece by piece is held in small pages; read again by way of a mapping, it comes in large ones.
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _header(self, digests: Mapping[str, str]) -> bytes:
        sections = [
            {
                "name": name,
                "dtype": np.dtype(room.dtype).str,
                "shape": [self._rows[name], *room.row],
                "offset": self._offsets[name],
                "sha256": digests[name],
            }
            for name, room in self._rooms.items()
        ]
        return json.dumps({"facts": self._facts, "sections": sections}, sort_keys=True).encode()


@contextmanager
def new_sections(
    path: Path, facts: Mapping[str, str | int], rooms: Mapping[str, Room]
) -> Iterator[SectionsFile]:
    """Give a file of arrays to fill, which takes its name when the block ends well. Only the owner may read it: it holds a secret.

    A killed process leaves it behind, under a hidden name that ends in :data:`byleave.storage.STAGING`; the next that writes a file of
    its kind there takes it away.
    """
    handle, aside = _aside(path)
    try:
        with os.fdopen(handle, "w+b") as file:
            filled = SectionsFile(file, facts, rooms)
            yield filled
            filled.finish()
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def _aside(path: Path) -> tuple[int, Path]:
    """Make a hidden file beside ``path``, locked as long as it is open, and remove those of its kind whose process is gone."""
    kind = path.name.partition("-")[0]
    order = os.open(path.parent, os.O_RDONLY)
    try:
        # Between being made and being locked a file would look like one that was left.
        fcntl.flock(order, fcntl.LOCK_EX)
        for left in path.parent.glob(f".{kind}-*{STAGING}"):
            _remove_unlocked(left)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=STAGING)
        fcntl.flock(handle, fcntl.LOCK_EX)
    finally:
        os.close(order)
    return handle, Path(name)


def _remove_unlocked(path: Path) -> None:
    with suppress(OSError):  # taken away meanwhile, or in use
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def write_sections(path: Path, facts: Mapping[str, str | int], arrays: Mapping[str, Array]) -> None:
    """Write arrays that are at hand, as :func:`new_sections` does."""
    with new_sections(path, facts, {name: Room.of(array) for name, array in arrays.items()}) as file:
        for name, array in arrays.items():
            file.put(name, array)


def map_sections(path: Path, *, checked: bool = False) -> tuple[dict[str, str | int], dict[str, Array]]:
    """Map the arrays of a file read-only, after checking the header and, unless they are known to be whole, every section.

    Raises
    ------
    NotFoundError
        If there is no such file.
    FormatError
        If it is no such file or one of another format version.
    VerificationError
        If a checksum does not hold.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist", remedy="run `byleave sync`, which compiles it")
    with path.open("rb") as file:
        start = file.read(_START.size)
        if len(start) < _START.size or not start.startswith(MAGIC):
            raise FormatError(f"{path} is not a compiled ruleset", remedy=REMEDY)
        _, version, length, digest = _START.unpack(start)
        if version != FORMAT_VERSION:
            raise FormatError(f"{path} has format version {version}, not {FORMAT_VERSION}", remedy=REMEDY)
        header = file.read(min(length, MAX_HEADER_BYTES))
    if length > MAX_HEADER_BYTES or hashlib.sha256(header).digest() != digest:
        raise VerificationError(f"the header of {path} is damaged", remedy=REMEDY)
    try:
        described = json.loads(header)
        base = _aligned(_START.size + length)
        memory = _mapped(path)
        arrays = {
            section["name"]: _section(path, memory, base, section, checked=checked)
            for section in described["sections"]
        }
        return described["facts"], arrays
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise FormatError(f"{path} cannot be mapped: {error}", remedy=REMEDY) from error


def _mapped(path: Path) -> mmap.mmap:
    """Map a file to be read, in large pages where the system has them: tables are read at places far apart, and each small page would be looked up first."""
    with path.open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def header_digest(path: Path) -> bytes:
    """Return what stands for the whole file: its header holds the digests of all sections.

    Raises
    ------
    FormatError
        If it is no such file.
    """
    with path.open("rb") as file:
        start = file.read(_START.size)
    if len(start) < _START.size or not start.startswith(MAGIC):
        raise FormatError(f"{path} is not a compiled ruleset", remedy=REMEDY)
    digest: bytes = _START.unpack(start)[3]
    return digest


def _section(path: Path, memory: mmap.mmap, base: int, section: Mapping[str, Any], *, checked: bool) -> Array:
    if section["dtype"] not in DTYPES:
        raise FormatError(f"{path} holds a section of an unknown type", remedy=REMEDY)
    dtype = np.dtype(section["dtype"])
    shape = tuple(int(length) for length in section["shape"])
    begin = base + int(section["offset"])
    end = begin + math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or begin < base or end > len(memory):
        raise VerificationError(f"{path} is cut short", remedy=REMEDY)
    content = np.frombuffer(memory, np.uint8)[begin:end]
    if not checked and _digest(memory, content, begin) != section["sha256"]:
        raise VerificationError(f"section {section['name']!r} of {path} is damaged", remedy=REMEDY)
    section_array: Array = content.view(dtype).reshape(shape)
    return section_array


def _digest(memory: mmap.mmap, content: npt.NDArray[np.uint8], begin: int) -> str:
    """Hash a section that begins at ``begin``, and let go of each piece, so that checking does not make all of it resident in this process."""
    digest = hashlib.sha256()
    for place in range(0, len(content), CHECKED_BYTES):
        piece = content[place : place + CHECKED_BYTES]
        digest.update(piece.data)
        first = (begin + place) // mmap.PAGESIZE * mmap.PAGESIZE
        if hasattr(mmap, "MADV_DONTNEED"):
            memory.madvise(mmap.MADV_DONTNEED, first, begin + place + len(piece) - first)
    return digest.hexdigest()


def _aligned(at: int) -> int:
    return -(-at // ALIGNMENT) * ALIGNMENT


_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
