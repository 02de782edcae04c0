"""Pages as they stand in a file: taken apart into levels and values, and put together again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa

from byleave.apply.pages.codecs import Codec, Raw, compress, decompress
from byleave.apply.pages.compact import I32, Reader, Struct, malformed, written
from byleave.apply.pages.footer import (
    MOST_CHUNK_BYTES,
    MOST_ENTRIES,
    SIZE_BYTES,
    Column,
    Encoding,
    Kind,
    Leaf,
    Page,
)
from byleave.apply.pages.levels import Levels

IN_DICTIONARY: Final = (Encoding.PLAIN_DICTIONARY, Encoding.DICTIONARY)
"""Encodings of values as places in a dictionary."""
_CRC_BITS: Final = 32


class _Data:
    """Fields of the header of a data page of the first version."""

    VALUES, ENCODING, DEFINITIONS, REPETITIONS, STATISTICS = range(1, 6)


class _Data2:
    """Fields of the header of a data page of the second version, whose levels are not compressed."""

    VALUES, NULLS, ROWS, ENCODING, DEFINITION_BYTES, REPETITION_BYTES, IS_COMPRESSED, STATISTICS = range(1, 9)


_INNER: Final = {
    Kind.DATA: (Page.DATA, _Data.ENCODING),
    Kind.DATA_2: (Page.DATA_2, _Data2.ENCODING),
    Kind.DICTIONARY: (Page.DICTIONARY, _Data.ENCODING),
}


def kind_of(header: Struct) -> tuple[int, int]:
    """Return the kind of a page of data or of a dictionary, and its encoding.

    Raises
    ------
    FormatError
        If it is of another kind.
    """
    kind = header.number(Page.KIND)
    if kind not in _INNER:
        raise malformed(f"a page is of the kind {kind}")
    inner, encoding = _INNER[Kind(kind)]
    return kind, header.within(inner).number(encoding)


@dataclass(frozen=True, slots=True)
class Paged:
    """A page as it is written: its kind and encoding, its header, its bytes, and their number before they were compressed."""

    kind: int
    encoding: int
    head: bytes
    body: Raw | pa.Buffer
    size: int

    @classmethod
    def unchanged(cls, header: Struct, body: Raw) -> Self:
        """Return a page as it stands."""
        return cls(*kind_of(header), written(header), body, header.number(Page.BYTES))

    @classmethod
    def compressed(cls, header: Struct, content: memoryview, codec: Codec, levels: bytes = b"") -> Self:
        """Compress the content of a page, but for levels before it, and say in its header what holds now."""
        packed = compress(codec, content)
        body = b"".join((levels, packed)) if levels else packed
        size = len(levels) + len(content)
        header.set(Page.BYTES, I32, size)
        header.set(Page.COMPRESSED, I32, len(body))
        if header.get(Page.CRC) is not None:
            header.set(Page.CRC, I32, _checksum(body))
        return cls(*kind_of(header), written(header), body, size)


@dataclass(frozen=True, slots=True)
class Opened:
    """A page taken apart. Its header is its own, and may be written to."""

    header: Struct
    body: Raw
    codec: Codec
    encoding: int
    count: int
    repetitions: Levels
    definitions: Levels
    values: Raw | pa.Buffer

    @property
    def is_dictionary(self) -> bool:
        """Whether the values are those that other pages name by their places."""
        return bool(self.header.get(Page.KIND) == Kind.DICTIONARY)

    @property
    def is_plain(self) -> bool:
        """Whether it holds a plain value for each of its entries."""
        return not self.is_dictionary and self.encoding == Encoding.PLAIN and self.definitions.numbers is None

    @property
    def _is_second(self) -> bool:
        return bool(self.header.get(Page.KIND) == Kind.DATA_2)

    def unchanged(self) -> Paged:
        """Return the page as it stands."""
        return Paged.unchanged(self.header, self.body)

    def levels_written(self, repetitions: Levels, definitions: Levels) -> bytes:
        """Return what stands before the values in that part of the page which is compressed."""
        if self._is_second:
            return b""
        sections = (levels.written() for levels in (repetitions, definitions) if levels.greatest)
        return b"".join(len(part).to_bytes(SIZE_BYTES, "little") + part for part in sections)

    def written(self, repetitions: Levels, definitions: Levels, content: memoryview) -> Paged:
        """Put a page together from what :meth:`levels_written` gave and values behind it, in ``content``."""
        header = self.header
        if not self._is_second:
            data = header.within(Page.DATA)
            data.set(_Data.VALUES, I32, definitions.count)
            data.drop(_Data.STATISTICS)
            return Paged.compressed(header, content, self.codec)
        data, parts = header.within(Page.DATA_2), (repetitions.written(), definitions.written())
        there, begins = definitions.at_greatest, repetitions.are(0)
        data.set(_Data2.VALUES, I32, definitions.count)
        data.set(_Data2.NULLS, I32, 0 if there is None else definitions.count - int(np.count_nonzero(there)))
        data.set(_Data2.ROWS, I32, int(np.count_nonzero(begins)))
        data.set(_Data2.REPETITION_BYTES, I32, len(parts[0]))
        data.set(_Data2.DEFINITION_BYTES, I32, len(parts[1]))
        data.drop(_Data2.STATISTICS)
        return Paged.compressed(header, content, self._codec_of(data), b"".join(parts))

    def with_values(self, count: int, content: memoryview) -> Paged:
        """Return a dictionary of other values, so many and as they are written plainly."""
        self.header.within(Page.DICTIONARY).set(_Data.VALUES, I32, count)
        return Paged.compressed(self.header, content, self.codec)

    def _codec_of(self, data: Struct) -> Codec:
        return Codec.UNCOMPRESSED if data.get(_Data2.IS_COMPRESSED) is False else self.codec


def pages_of(data: memoryview, column: Struct, leaf: Leaf) -> Iterator[Opened]:
    """Yield the pages of a column chunk, taken apart.

    Raises
    ------
    FormatError
        If a page does not fit, is of a kind that is not known here, or its bytes are not those its checksum is of.
    """
    codec, most = Codec(column.number(Column.CODEC)), column.number(Column.VALUES)
    reader = Reader(data)
    while reader.at < len(data):
        header = reader.struct()
        size = header.number(Page.COMPRESSED)
        if not 0 <= size <= len(data) - reader.at:
            raise malformed("a page ends behind its column")
        body = data[reader.at : reader.at + size]
        reader.at += size
        if header.get(Page.CRC) is not None and header.number(Page.CRC) != _checksum(body):
            raise malformed("the checksum of a page does not hold")
        if header.number(Page.KIND) != Kind.INDEX:
            yield _opened(header, body, codec, leaf, most)


def _opened(header: Struct, body: memoryview, codec: Codec, leaf: Leaf, most: int) -> Opened:
    """Take a page of data, which has at ``most`` so many entries, or a dictionary apart.

    Raises
    ------
    FormatError
        If it is shorter than it says, or encoded in a way that is not known here.
    """
    size = header.number(Page.BYTES)
    if not 0 <= size <= MOST_CHUNK_BYTES:
        raise malformed("a page is larger than its column")
    if header.get(Page.KIND) == Kind.DATA_2:
        return _second(header, body, codec, leaf, most)
    raw = memoryview(decompress(codec, body, size))
    if header.get(Page.KIND) == Kind.DICTIONARY:
        count, none = _count(header.within(Page.DICTIONARY), MOST_ENTRIES), Levels(None, 0, 0)
        return Opened(header, body, codec, Encoding.PLAIN, count, none, none, raw)
    data = header.within(Page.DATA)
    count, encoding = _count(data, most), data.number(_Data.ENCODING)
    if not has_known_encoding(header, leaf):
        raise malformed("a page is encoded in another way than those before it")
    first, raw = _section(raw, leaf.repetitions)
    second, raw = _section(raw, leaf.definitions)
    levels = Levels.read(first, leaf.repetitions, count), Levels.read(second, leaf.definitions, count)
    return Opened(header, body, codec, encoding, count, *levels, values=raw)


def _second(header: Struct, body: memoryview, codec: Codec, leaf: Leaf, most: int) -> Opened:
    """Take a page of the second version apart."""
    data, size = header.within(Page.DATA_2), header.number(Page.BYTES)
    count, encoding = _count(data, most), data.number(_Data2.ENCODING)
    first, second = data.number(_Data2.REPETITION_BYTES), data.number(_Data2.DEFINITION_BYTES)
    if not 0 <= first <= first + second <= min(len(body), size):
        raise malformed("a page is shorter than its levels")
    repetitions = Levels.read(body[:first], leaf.repetitions, count)
    definitions = Levels.read(body[first : first + second], leaf.definitions, count)
    packed = Codec.UNCOMPRESSED if data.get(_Data2.IS_COMPRESSED) is False else codec
    rest = size - first - second
    values = decompress(packed, body[first + second :], rest) if rest else b""
    return Opened(header, body, codec, encoding, count, repetitions, definitions, values)


def _count(data: Struct, most: int) -> int:
    count = data.number(_Data.VALUES)
    if not 0 <= count <= most:
        raise malformed("a page has more entries than its column")
    return count


def _section(data: memoryview, greatest: int) -> tuple[memoryview, memoryview]:
    """Part the levels that stand first in a page, behind their size, from what follows."""
    if not greatest:
        return data[:0], data
    size = SIZE_BYTES + int.from_bytes(data[:SIZE_BYTES], "little")
    if len(data) < size:
        raise malformed("a page is shorter than its levels")
    return data[SIZE_BYTES:size], data[size:]


def _checksum(body: Raw | pa.Buffer) -> int:
    """Return the checksum of a page as a signed number of 32 bits."""
    unsigned = zlib.crc32(body)
    return unsigned - (1 << _CRC_BITS) if unsigned >> (_CRC_BITS - 1) else unsigned


def has_known_encoding(header: Struct, leaf: Leaf) -> bool:
    """Whether a data page is encoded in a way that is known here."""
    _, encoding = kind_of(header)
    if encoding not in (Encoding.PLAIN, *IN_DICTIONARY):
        return False
    if header.number(Page.KIND) == Kind.DATA_2:
        return True
    data = header.within(Page.DATA)
    levels = ((leaf.repetitions, _Data.REPETITIONS), (leaf.definitions, _Data.DEFINITIONS))
    return all(data.number(field) == Encoding.RUNS for greatest, field in levels if greatest)
