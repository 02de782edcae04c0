"""Read the files inside a Debian package in memory, without ``dpkg`` and without running anything of it.

A ``.deb`` is an ``ar`` archive (``man 5 deb``): ``debian-binary``, ``control.tar.*`` and ``data.tar.*``. Only members of
the last are read, only regular files, each checked by :func:`tarfile.data_filter`, all within limits.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from byleave.errors import FormatError
from byleave.settings import MIB

MAGIC = b"!<arch>\n"
HEADER_BYTES = 60
REMEDY = "remove the file so that it is downloaded again"


@dataclass(frozen=True, slots=True)
class PackageLimits:
    """Bounds on one package, in bytes and numbers. The defaults are three times what ``openclipart-svg`` needs."""

    package_bytes: int = 96 * MIB
    member_bytes: int = 6 * MIB
    unpacked_bytes: int = 512 * MIB
    members: int = 30_000


def files_in_package(
    package: bytes, wanted: Callable[[str], bool], *, limits: PackageLimits = PackageLimits()
) -> Iterator[tuple[str, bytes]]:
    """Yield ``(path, content)`` of the wanted regular files; paths have no leading ``./``.

    Raises
    ------
    FormatError
        If this is no package, is damaged, or is larger than the limits.
    """
    if len(package) > limits.package_bytes:
        raise FormatError(
            f"the package has {len(package)} bytes, more than {limits.package_bytes}", remedy=REMEDY
        )
    try:
        with _data_tar(package) as archive:
            yield from _members(archive, wanted, limits)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise FormatError(f"the package cannot be unpacked: {error}", remedy=REMEDY) from error


def _members(
    archive: tarfile.TarFile, wanted: Callable[[str], bool], limits: PackageLimits
) -> Iterator[tuple[str, bytes]]:
    unpacked = 0
    for number, member in enumerate(archive):
        unpacked += member.size
        if number >= limits.members or unpacked > limits.unpacked_bytes:
            raise FormatError("the package holds more than it should", remedy=REMEDY)
        path = member.name.removeprefix("./")
        if not member.isreg() or not wanted(path) or member.size > limits.member_bytes:
            continue
        tarfile.data_filter(member, "/nonexistent")
        content = archive.extractfile(member)
        if content is not None:
            yield path, content.read()


def _data_tar(package: bytes) -> tarfile.TarFile:
    for name, content in _ar_members(package):
        if name == "data.tar.zst":
            return tarfile.open(fileobj=_unzstd(content), mode="r|")
        if name.startswith("data.tar"):
            return tarfile.open(fileobj=io.BytesIO(content), mode="r|*")
    raise FormatError("the package holds no data archive", remedy=REMEDY)


def _unzstd(content: bytes) -> IO[bytes]:
    # Packages built on Ubuntu are compressed with Zstandard, which the standard library of 3.11 cannot read.
    import pyarrow as pa

    stream: IO[bytes] = pa.CompressedInputStream(pa.BufferReader(content), "zstd")
    return stream


def _ar_members(package: bytes) -> Iterator[tuple[str, bytes]]:
    if not package.startswith(MAGIC):
        raise FormatError("this is no Debian package", remedy=REMEDY)
    position = len(MAGIC)
    while position + HEADER_BYTES <= len(package):
        header = package[position : position + HEADER_BYTES]
        size = header[48:58].strip()
        if header[58:] != b"`\n" or not size.isdigit():
            raise FormatError(f"the package is damaged at byte {position}", remedy=REMEDY)
        start, end = position + HEADER_BYTES, position + HEADER_BYTES + int(size)
        if end > len(package):
            raise FormatError("the package is cut short", remedy=REMEDY)
        yield header[:16].decode("ascii", "replace").strip().rstrip("/"), package[start:end]
        position = end + end % 2
