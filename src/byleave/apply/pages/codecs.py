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


def compress(codec: Codec, data: Raw) -> Raw | pa.Buffer:
    """Compress some bytes at the codec's usual level, into memory of its own."""
    return bytes(data) if codec is Codec.UNCOMPRESSED else _CODECS[codec].compress(data)
