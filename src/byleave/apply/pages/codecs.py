"""The codecs of pages that are taken apart here: those by which it can be told that a page has the size it claims."""

from __future__ import annotations

import zlib
from enum import IntEnum
from typing import Final

import pyarrow as pa

from byleave.apply.pages.compact import Reader, malformed

Raw = bytes | memoryview
_GZIP_WINDOW: Final = 47
"""Up to 32 KiB of window, behind a header of gzip or zlib."""
_GZIP: Final = 31
"""The same window, behind a header of gzip."""
_ZSTD_HEAD: Final = bytes.fromhex("28b52ffda0")
"""The magic number of a frame, and that it is one segment without a checksum, whose size stands behind it."""
_ZSTD_SIZE_BYTES: Final = 4
_ZSTD_BLOCK: Final = 128 * 1024
"""The largest block. Source: sections 3.1.1.1 and 3.1.1.2 of RFC 8878."""


class Codec(IntEnum):
    """Codecs by their numbers in Parquet. LZ4 and Brotli, which would leave the rest of a page unset, are not among them."""

    UNCOMPRESSED = 0
    SNAPPY = 1
    GZIP = 2
    ZSTD = 6


_CODECS: Final = {codec: pa.Codec(codec.name.lower()) for codec in Codec if codec}


def decompress(codec: Codec, data: Raw, size: int) -> Raw | pa.Buffer:
    """Return the ``size`` bytes that ``data`` was compressed from.

    Raises
    ------
    FormatError
        If it was compressed from more or less, or cannot be decompressed.
    """
    try:
        found = _decompressed(codec, data, size)
    except (pa.ArrowException, OSError, zlib.error) as error:
        raise malformed(f"a page cannot be decompressed: {error}") from error
    if len(found) != size:
        raise malformed("a page has another size than it says")
    return found


def _decompressed(codec: Codec, data: Raw, size: int) -> Raw | pa.Buffer:
    match codec:
        case Codec.UNCOMPRESSED:
            return data
        case Codec.GZIP:
            return zlib.decompressobj(_GZIP_WINDOW).decompress(data, size + 1)
        case Codec.SNAPPY:
            # Snappy says first how much there is, and Arrow leaves what is wanting unset.
            return _CODECS[codec].decompress(data, size) if Reader(data).unsigned() == size else b""
        case Codec.ZSTD:
            return _CODECS[codec].decompress(data, size)


def compress(codec: Codec, data: Raw, *, shrinks: bool) -> bytes:
    """Compress some bytes at the codec's usual level, into memory of their own; what does not ``shrink`` is stored in the codec's form as it is."""
    if codec is Codec.UNCOMPRESSED:
        return bytes(data)
    stored = None if shrinks else _stored(codec, data)
    # Bytes are cut to their size where they stand, and Arrow's own buffers are copied.
    return stored if stored is not None else _CODECS[codec].compress(data, asbytes=True)


def _stored(codec: Codec, data: Raw) -> bytes | None:
    """Return bytes as they are, in the form of a codec that would spend its time on them in vain, if it is one that is slow at it."""
    match codec:
        case Codec.GZIP:
            return zlib.compress(data, level=0, wbits=_GZIP)
        case Codec.ZSTD:
            parts: list[Raw] = [_ZSTD_HEAD, len(data).to_bytes(_ZSTD_SIZE_BYTES, "little")]
            for first in range(0, len(data) or 1, _ZSTD_BLOCK):
                block = data[first : first + _ZSTD_BLOCK]
                is_last = first + _ZSTD_BLOCK >= len(data)
                parts += (len(block) << 3 | is_last).to_bytes(3, "little"), block
            return b"".join(parts)
        case _:
            return None
