"""A file of named arrays: magic, format version, a checked header, then sections on 64-byte bounds that are mapped, not read.

Layout, all numbers little-endian::

    0   8 bytes    magic b"BYLVRULE"
    8   uint32     format version
    12  uint32     length of the header
    16  32 bytes   SHA-256 of the header
    48  16 bytes   zero
    64  ...        header, JSON: facts, and for every section name, dtype, shape, offset (from the start of the file) and SHA-256
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.storage import sync_folder

Array = npt.NDArray[Any]

MAGIC = b"BYLVRULE"
FORMAT_VERSION = 1
ALIGNMENT = 64
MAX_HEADER_BYTES = 1024 * 1024
DTYPES = frozenset({"|u1", "<u4", "<u8", "<i8"})
REMEDY = "compile it again: remove the file and run `byleave sync`"

_START = struct.Struct("<8sII32s16x")


def write_sections(path: Path, facts: Mapping[str, str | int], arrays: Mapping[str, Array]) -> None:
    """Write arrays aside, flush them to the disk and put them in place at once. Only the owner may read: the file holds a secret."""
    sections: list[dict[str, object]] = []
    at = 0
    for name, array in arrays.items():
        content = np.ascontiguousarray(array)
        sections.append(
            {
                "name": name,
                "dtype": content.dtype.str,
                "shape": list(content.shape),
                "offset": at,
                "sha256": hashlib.sha256(content.data).hexdigest() if content.size else _EMPTY_SHA256,
            }
        )
        at = _aligned(at + content.nbytes)
    header = json.dumps({"facts": dict(facts), "sections": sections}, sort_keys=True).encode()
    start = _START.pack(MAGIC, FORMAT_VERSION, len(header), hashlib.sha256(header).digest())
    handle, aside_name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    aside = Path(aside_name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(start + header)
            for array in arrays.values():
                file.write(b"\0" * (_aligned(file.tell()) - file.tell()))
                file.write(np.ascontiguousarray(array).tobytes())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


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
        mapped = np.memmap(path, np.uint8, "r")
        arrays = {
            section["name"]: _section(path, mapped, base, section, checked=checked)
            for section in described["sections"]
        }
        return described["facts"], arrays
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise FormatError(f"{path} cannot be mapped: {error}", remedy=REMEDY) from error


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


def _section(path: Path, mapped: Array, base: int, section: Mapping[str, Any], *, checked: bool) -> Array:
    if section["dtype"] not in DTYPES:
        raise FormatError(f"{path} holds a section of an unknown type", remedy=REMEDY)
    dtype = np.dtype(section["dtype"])
    shape = tuple(int(length) for length in section["shape"])
    begin = base + int(section["offset"])
    end = begin + math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or begin < base or end > len(mapped):
        raise VerificationError(f"{path} is cut short", remedy=REMEDY)
    content = np.asarray(mapped[begin:end])
    if not checked and hashlib.sha256(content.data).hexdigest() != section["sha256"]:
        raise VerificationError(f"section {section['name']!r} of {path} is damaged", remedy=REMEDY)
    section_array: Array = content.view(dtype).reshape(shape)
    return section_array


def _aligned(at: int) -> int:
    return -(-at // ALIGNMENT) * ALIGNMENT


_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
