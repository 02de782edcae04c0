"""Where each file of a tar begins and ends, so that an archive can be written again byte by byte with fewer of them.

Unlike :mod:`byleave.datasets.tars`, which saves what it can, this refuses any damage: what is read wrongly here would be kept wrongly.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from byleave.datasets.tars import BLOCK, EXTENDED, NAME_BYTES, Names, extend, header_of
from byleave.errors import FormatError

AT_ONCE = 1024 * 1024
REMEDY = "fetch the archive again, or take it out of the input and apply to the rest"


@dataclass(frozen=True, slots=True)
class Extent:
    """One regular file. All places are bytes from the beginning of the archive.

    key, suffix
        Its name up to the first dot behind the last slash, and what follows in lower case: files of one sample share the key.
    begin, end
        Of all its blocks, its extended headers included.
    data, size
        Where its content begins, and how long it is.
    """

    key: str
    suffix: str
    begin: int
    data: int
    size: int
    end: int

    @property
    def is_sample(self) -> bool:
        """Whether loaders take it for a part of a sample: it has a name before the dot and one behind it."""
        return bool(self.suffix) and not self.key.endswith("/") and bool(self.key)


def extents(path: Path, name: str) -> Iterator[Extent]:
    """Yield the regular files of a tar in order; errors call it ``name``.

    Raises
    ------
    FormatError
        If a header is damaged, or the archive ends early or without its end mark.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        at, begin, names = 0, 0, Names()
        while True:
            file.seek(at)
            block = file.read(BLOCK)
            if block == bytes(BLOCK):
                _check_rest(name, file)
                return
            header = header_of(block)
            if header is None or header.type == tarfile.GNUTYPE_SPARSE:
                said = "ends without its end mark" if at >= length else f"is damaged at byte {at:,}"
                raise FormatError(f"{name} {said}", remedy=REMEDY)
            at += BLOCK
            size = names.size if names.size is not None and header.isreg() else header.size
            end = at + -(-size // BLOCK) * BLOCK
            if at + size > length:
                raise FormatError(f"{name} ends early: a file in it is not whole", remedy=REMEDY)
            if header.type in EXTENDED:
                _read_extension(name, names, header, file.read(min(size, NAME_BYTES + 1)))
                at = end
                continue
            if header.isreg():
                yield _extent(names.path or header.name, begin, at, size, end)
            at = begin = end
            names = Names()


def _read_extension(name: str, names: Names, header: tarfile.TarInfo, content: bytes) -> None:
    if len(content) > NAME_BYTES:
        raise FormatError(f"{name} holds a header of {header.size:,} bytes", remedy=REMEDY)
    if b"GNU.sparse" in content:
        raise FormatError(f"{name} holds files with holes", remedy="pack it anew without --sparse")
    extend(names, header.type, content)


def _check_rest(name: str, file: BinaryIO) -> None:
    """Refuse files behind the first end mark: some programs read them and others do not."""
    while rest := file.read(AT_ONCE):
        if rest.strip(b"\0"):
            raise FormatError(f"{name} goes on behind its end mark", remedy="unpack and pack it anew")


def _extent(name: str, begin: int, data: int, size: int, end: int) -> Extent:
    folder, slash, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return Extent(f"{folder}{slash}{stem}", suffix.lower(), begin, data, size, end)
