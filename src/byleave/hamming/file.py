"""The file of an index: a header of 4096 bytes, then three arrays, little-endian, each on a page of its own.

The header is 8 bytes of magic, the SHA-256 of the rest of the header, and JSON padded with spaces: ``version``, ``rows``
(how many), and per array its shape, offset, size and SHA-256. Nothing in it is executable.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byleave.errors import FormatError, NotFoundError, VerificationError
from byleave.hamming.kernel import BANDS, KEYS, WORDS, Tables

FILE_NAME = "hamming.index"
MAGIC = b"BYLHAMM\n"
VERSION = 1
HEADER_BYTES = 4096
PAGE = 4096
DIGEST_BYTES = 32
BLOCK = 1 << 20

_REMEDY = "build the index again"
_DTYPES = {"values": "<u8", "rows": "<u4", "starts": "<u4"}


def write_tables(folder: Path, tables: Tables) -> Path:
    """Write aside, flush to disk, rename. Returns the path of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {"values": tables.words, "rows": tables.rows, "starts": tables.starts}
    aside = folder / f"{FILE_NAME}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with aside.open("xb") as out:
            sections: dict[str, dict[str, Any]] = {}
            offset = HEADER_BYTES
            for name, array in arrays.items():
                out.seek(offset)
                data = memoryview(
                    np.ascontiguousarray(array, dtype=_DTYPES[name]).reshape(-1).view(np.uint8).data
                )
                out.write(data)
                sections[name] = {
                    "shape": list(array.shape),
                    "offset": offset,
                    "bytes": data.nbytes,
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
                offset = -(-(offset + data.nbytes) // PAGE) * PAGE
            out.truncate(offset)
            out.seek(0)
            out.write(_header({"version": VERSION, "rows": len(tables.words), "sections": sections}))
            out.flush()
            os.fsync(out.fileno())
        final = folder / FILE_NAME
        aside.replace(final)
    finally:
        aside.unlink(missing_ok=True)
    _flush_folder(folder)
    return final


def read_tables(folder: Path) -> Tables:
    """Map and check; see :meth:`byleave.hamming.index.HammingIndex.load`."""
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < HEADER_BYTES:
                raise VerificationError(f"{path} is cut short", remedy=_REMEDY)
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no index at {path}", remedy="build it first") from error
    header = _read_header(path, view[:HEADER_BYTES])
    arrays = {name: _section(path, view, header, name) for name in _DTYPES}
    words: NDArray[np.uint64] = arrays["values"]
    keys = words.view("<u2").reshape(-1, BANDS)
    tables = Tables(words, keys, arrays["rows"], arrays["starts"])
    _check_bounds(path, header, tables)
    return tables


def _header(facts: dict[str, Any]) -> bytes:
    text = json.dumps(facts, sort_keys=True).encode().ljust(HEADER_BYTES - len(MAGIC) - DIGEST_BYTES)
    return MAGIC + hashlib.sha256(text).digest() + text


def _read_header(path: Path, raw: bytes) -> dict[str, Any]:
    if not raw.startswith(MAGIC):
        raise FormatError(f"{path} is not an index of fingerprints", remedy=_REMEDY)
    digest, text = raw[len(MAGIC) : len(MAGIC) + DIGEST_BYTES], raw[len(MAGIC) + DIGEST_BYTES :]
    if hashlib.sha256(text).digest() != digest:
        raise VerificationError(f"the header of {path} has changed since it was written", remedy=_REMEDY)
    facts: dict[str, Any] = json.loads(text)
    if facts.get("version") != VERSION:
        raise FormatError(f"{path} has format version {facts.get('version')}, not {VERSION}", remedy=_REMEDY)
    return facts


def _section(path: Path, view: mmap.mmap, header: dict[str, Any], name: str) -> NDArray[Any]:
    section = header["sections"][name]
    shape, offset, size = tuple(section["shape"]), section["offset"], section["bytes"]
    dtype = np.dtype(_DTYPES[name])
    if size != math.prod(shape) * dtype.itemsize or offset + size > len(view):
        raise VerificationError(f"{path} is cut short", remedy=_REMEDY)
    digest = hashlib.sha256()
    whole = memoryview(view)
    for start in range(offset, offset + size, BLOCK):
        digest.update(whole[start : min(start + BLOCK, offset + size)])
    if digest.hexdigest() != section["sha256"]:
        raise VerificationError(f"the {name} of {path} have changed since they were written", remedy=_REMEDY)
    return np.frombuffer(view, dtype, count=math.prod(shape), offset=offset).reshape(shape)


def _check_bounds(path: Path, header: dict[str, Any], tables: Tables) -> None:
    """Refuse a table that would lead outside of the file: the compiled loops do not check every step."""
    count = len(tables.words)
    sound = tables.words.shape == (header["rows"], WORDS)
    if tables.rows.size or tables.starts.size:
        sound = sound and tables.rows.shape == (BANDS, count) and tables.starts.shape == (BANDS, KEYS + 1)
        sound = sound and bool((tables.starts[:, 1:] >= tables.starts[:, :-1]).all())
        sound = sound and bool((tables.starts[:, 0] == 0).all() and (tables.starts[:, -1] == count).all())
        sound = sound and all(int(band.max(initial=0)) < max(1, count) for band in tables.rows)
    if not sound:
        raise VerificationError(f"the tables of {path} contradict each other", remedy=_REMEDY)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
