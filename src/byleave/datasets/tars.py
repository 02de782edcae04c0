"""Tar archives read by their headers alone: nothing is unpacked, every size is checked, damage costs only itself."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from byleave.datasets.members import Member
from byleave.datasets.records import Reject, mend

BLOCK = 512
NAME_BYTES = 65_536
"""Most bytes of an extended header; longer ones come only from people who want to fill memory."""


@dataclass(slots=True)
class Names:
    """What extended headers said about the next member."""

    path: str | None = None
    size: int | None = None


def is_tar(head: bytes) -> bool:
    """Tell by the first 512 bytes."""
    return head[257:262] == b"ustar" or (len(head) == BLOCK and header_of(head) is not None)


def members(path: Path) -> Iterator[Member | Reject]:
    """Yield the regular files of a tar in order.

    Links, devices and folders are passed over. Behind a broken header the search goes on at the next whole one.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        offset, names, lost, ended = 0, Names(), -1, False
        while not ended and offset < length:
            file.seek(offset)
            block = file.read(BLOCK)
            if block == bytes(BLOCK):
                ended = True
                break
            header = header_of(block)
            if header is None:
                lost = offset if lost < 0 else lost
                offset += BLOCK
                continue
            if lost >= 0:
                yield Reject("corrupt_header", f"{path.name} byte {lost}", f"went on at byte {offset}")
                lost = -1
            offset += BLOCK
            size = names.size if names.size is not None and header.isreg() else header.size
            if header.type in EXTENDED:
                extend(names, header.type, file.read(min(size, NAME_BYTES)))
            else:
                if header.isreg():
                    yield _member(path, names.path or header.name, offset, size, length)
                names = Names()
            offset += -(-size // BLOCK) * BLOCK
        if lost >= 0:
            yield Reject("corrupt_header", f"{path.name} byte {lost}", "nothing readable follows")
        elif not ended and offset <= length:
            yield Reject("truncated", path.name, f"the archive ends at byte {length} without its end mark")


def _member(path: Path, raw_name: str, offset: int, size: int, length: int) -> Member | Reject:
    name = mend(raw_name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))[:1024]
    if offset + size > length:
        return Reject("truncated", f"{path.name} {name}", f"{length - offset} of {size} bytes are there")
    folder, slash, base = name.rpartition("/")
    stem, _, suffix = base.partition(".")
    return Member(f"{folder}{slash}{stem}", suffix.lower(), size, partial(_read, path, offset, size))


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), size, offset)


EXTENDED = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})


def header_of(block: bytes) -> tarfile.TarInfo | None:
    """Read a header of 512 bytes, or return ``None`` where none stands."""
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return None
    return header if header.size >= 0 else None


def extend(names: Names, kind: bytes, content: bytes) -> None:
    """Take note of what an extended header of this kind says."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        names.path = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
    elif kind == tarfile.XHDTYPE:
        _extend_by_pax(names, content)


def _extend_by_pax(names: Names, content: bytes) -> None:
    """Read ``LENGTH key=value`` lines; one that does not add up ends the reading."""
    while content:
        digits, _, _ = content.partition(b" ")
        if not digits.isdigit() or not len(digits) < int(digits) <= len(content):
            return
        length = int(digits)
        key, _, value = content[len(digits) + 1 : length - 1].partition(b"=")
        if key == b"path":
            names.path = value.decode("utf-8", "surrogateescape")
        elif key == b"size" and value.isdigit() and len(value) < 19:
            names.size = int(value)
        content = content[length:]
